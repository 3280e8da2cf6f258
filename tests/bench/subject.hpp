// SPDX-License-Identifier: Apache-2.0
// What is measured: a program that the kernel has loaded, and a way to see what it decided.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "bench/machine.hpp"
#include "bench/policies.hpp"
#include "kernel/sensor.hpp"

struct bpf_object;

namespace portlid::bench {

// Portlid as it ships: the object that the daemon loads, attached to a veth of its own, with a
// policy of the real compiler published.
class Portlid {
public:
    // Interfaces are up<number> and far<number>.
    [[nodiscard]] static Result<std::unique_ptr<Portlid>> start(const Machine& machine,
                                                                unsigned number,
                                                                kernel::AttachKind attach,
                                                                const MadePolicy& policy);
    ~Portlid();

    [[nodiscard]] kernel::Sensor& sensor() { return *sensor_; }
    [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }
    [[nodiscard]] int program() const { return program_.get(); }
    [[nodiscard]] const std::filesystem::path& pins() const { return pins_; }
    // What publishing the policy took.
    [[nodiscard]] std::chrono::nanoseconds publish_time() const { return publish_; }
    // Sum over CPUs of one (reason, verdict).
    [[nodiscard]] std::uint64_t packets(unsigned reason, unsigned verdict) const;
    [[nodiscard]] std::uint64_t packets() const;
    // The flows 0..count-1 of bench_abi.h, as if this host had opened them over TCP.
    [[nodiscard]] Result<> open_flows(std::uint32_t count, Family family);

private:
    Portlid() = default;
    [[nodiscard]] Result<> attach(kernel::AttachKind wanted);
    [[nodiscard]] Result<> know_ports();

    std::unique_ptr<kernel::Sensor> sensor_;
    std::filesystem::path pins_;
    UniqueFd program_;
    std::uint32_t ifindex_ = 0;
    std::string name_;
    std::chrono::nanoseconds publish_{};
};

struct ObjectDeleter {
    void operator()(bpf_object* object) const;
};
using Object = std::unique_ptr<bpf_object, ObjectDeleter>;

// The benchmark's own programs (bench.bpf.c).
[[nodiscard]] Result<Object> load_bench_object();
[[nodiscard]] int program_of(const Object& object, const char* name);
[[nodiscard]] int map_of(const Object& object, const char* name);

// xdp-filter's packaged object `name` ("dny_all": default drop, all features), its maps private to
// this process. Allows TCP to ports 80 and 22 and `sources` single IPv4 addresses (10000 at most).
inline constexpr std::uint32_t kXdpFilterSources = 9000;  // its map holds 10,000
[[nodiscard]] Result<Object> load_xdp_filter(const std::string& name, std::uint32_t sources);

}  // namespace portlid::bench
