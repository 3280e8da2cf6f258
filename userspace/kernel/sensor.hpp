// SPDX-License-Identifier: Apache-2.0
// The loaded sensor: programs, maps, links, pins, rings. The only room that knows libbpf, and it
// knows no container names and no policy text. One thread owns a Sensor.
//
// Lifecycle: open -> configure -> load (adopting pinned maps) -> publish policy and host tables ->
// attach -> poll. Destroying it closes descriptors only: what is pinned stays in force.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "abi/maps.h"
#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/bans.hpp"
#include "kernel/bind_tables.hpp"
#include "kernel/conntrack.hpp"
#include "kernel/existing_flows.hpp"
#include "kernel/owner_ports.hpp"
#include "kernel/stage.hpp"
#include "policy/compile.hpp"

namespace portlid::kernel {

struct TwinParts;

enum class AttachKind : std::uint8_t { Auto, Native, Generic, Tc };
[[nodiscard]] const char* to_string(AttachKind kind);  // "auto", "native", "generic", "tc"

struct SensorOptions {
    std::filesystem::path bpffs = "/sys/fs/bpf/portlid";
    std::filesystem::path cgroup;  // empty: the cgroup v2 mount, found
    bool sockets_only = false;     // --interface none
};

struct InterfaceRequest {
    std::uint32_t ifindex = 0;
    std::string name;
    std::uint8_t zone = 0;
    bool force_monitor = false;
    bool layer3 = false;
    std::array<std::uint8_t, 6> mac{};
    AttachKind wanted = AttachKind::Auto;
};

struct InterfaceState {
    std::uint32_t ifindex = 0;
    std::string name;
    std::optional<AttachKind> attached;  // none: nothing is attached
    std::string why;                     // why not what was wanted; empty when it is
    bool egress = false;                 // the flow table's half is attached
    bool passed_by = false;              // another tc program runs before ours
};

struct HookState {
    std::string name;   // "post_bind4", "listen", "lsm_listen"
    std::string state;  // "attached", "unavailable", "failed"
    std::string why;
};

// Summed over CPUs.
struct ReasonCount {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};
using InterfaceCounters = std::array<std::array<ReasonCount, VERDICT_COUNT>, REASON_SLOTS>;

// One aggregated (source, port, protocol, reason, verdict, zone) of the event window.
struct RecentVerdict {
    verdict_key key{};
    verdict_state state{};
};

class Sensor {
public:
    // Loads programs and maps; adopts the maps pinned under options.bpffs when they are of this
    // ABI version. Fails with the contract's exit code (4 no permission, 6 kernel or BTF missing)
    // and leaves nothing behind.
    [[nodiscard]] static Result<std::unique_ptr<Sensor>> load(const SensorOptions& options);
    ~Sensor();
    Sensor(const Sensor&) = delete;
    Sensor& operator=(const Sensor&) = delete;

    // True when maps of an earlier run were adopted; then a policy may already be in force.
    [[nodiscard]] bool adopted() const;
    // True when links of an earlier run, of whatever version, were found: they decide already.
    [[nodiscard]] bool found_links() const;
    [[nodiscard]] std::uint64_t generation() const;  // in force; 0 = none

    // Writes into an image that is about to be published which zone each attached interface has
    // under it, so that zones and rules change in one step. Unknown interfaces are left out.
    struct ZoneOfInterface {
        std::uint32_t ifindex = 0;
        std::uint8_t zone = 0;
        bool force_monitor = false;
    };
    void place_interfaces(policy_image& image, std::span<const ZoneOfInterface> zones) const;

    // Copies the image into a new generation, reads it back, and switches with one write. The old
    // generation becomes the fallback. On failure the old one stays in force.
    [[nodiscard]] Result<std::uint64_t> publish(const policy::CompiledPolicy& policy);
    // The same for a list of stages, at most POLICY_SLOTS: each gives way to the next at its
    // deadline, in the kernel.
    [[nodiscard]] Result<std::uint64_t> publish(std::span<const Stage> stages);

    // Brings the maps to exactly these contents; whether they had others.
    [[nodiscard]] Result<bool> set_local_addresses(const std::set<IpAddress>& addresses);
    [[nodiscard]] Result<bool> set_networks(const std::map<Cidr, std::uint32_t>& networks);
    // Adds flows that this host had opened, their last packet `age` ago; known ones stay as they
    // are.
    [[nodiscard]] Result<> seed_flows(std::span<const flow_key> flows,
                                      std::chrono::seconds age = {});

    // Adds ports that flows of ours used before every egress was watched, and says that used_ports
    // is complete from here on; false takes that back. See TABLE_PORTS_ARE_ALL.
    [[nodiscard]] Result<> add_used_ports(const std::set<AnsweredPort>& ports);
    [[nodiscard]] Result<> say_ports_are_all(bool all);

    // Flows that are open when some zone begins to enforce; see kernel/enforcement.hpp and
    // kernel/existing_flows.hpp. `seen` must not be later than the publish.
    [[nodiscard]] bool begins_to_enforce(const policy::CompiledPolicy& policy) const;
    [[nodiscard]] Result<ExistingCount> seed_existing(const FlowSet& open, BootTime seen,
                                                      bool complete);
    [[nodiscard]] ExistingCount existing() const;

    [[nodiscard]] Bans& bans();
    // Who sits on owned ports, what is proven of them, and who may bind.
    [[nodiscard]] OwnerPorts owner_ports() const;
    [[nodiscard]] Result<> set_binds(const BindTables& tables);
    // Who fits which rule alone, under the rules that were set last.
    [[nodiscard]] Result<> set_bind_who(const BindTables& tables);

    // Hooks on sockets; per-hook failures are states, not errors, unless every one failed.
    [[nodiscard]] Result<> attach_sockets();
    // Attaches ingress and egress to one interface, or updates the link of an earlier run. Tries
    // in the order of the contract, keeps foreign programs, self-tests; an InterfaceState always
    // comes back.
    InterfaceState attach_interface(const InterfaceRequest& request);
    // Removes links and pins of an interface (also one that is gone).
    void detach_interface(std::uint32_t ifindex);
    [[nodiscard]] std::vector<InterfaceState> interfaces() const;
    // The links as the kernel has them now; states of those that somebody detached change. `moved`:
    // interfaces may have come, gone or changed their network namespace since.
    void verify_links(bool moved = true);
    // Pins of maps that somebody removed or exchanged are put right: their names. The next start
    // would miss what is in them.
    [[nodiscard]] Result<std::vector<std::string>> mend_map_pins();
    // The policy that is in force and its source lists, where somebody wrote others into the
    // kernel: put back, true.
    [[nodiscard]] Result<bool> mend_policy();
    [[nodiscard]] std::vector<HookState> hooks() const;
    [[nodiscard]] bool conntrack_available() const;

    // What a twin of the attached ingress programs is made from; see twin.hpp.
    [[nodiscard]] Result<TwinParts> twin_parts() const;

    // Delivers ring records in order of arrival; never blocks. Returns how many.
    using RecordSink = std::function<void(std::span<const std::byte>)>;
    std::size_t poll_rings(const RecordSink& sink);
    // Socket ring, verdict ring: readable when the kernel wants a ring read before the next poll;
    // while the reader rests, that is whenever a record comes.
    [[nodiscard]] std::array<int, 2> ring_fds() const;
    [[nodiscard]] Result<> say_reader_rests(bool rests);

    [[nodiscard]] InterfaceCounters counters(std::uint32_t ifindex) const;
    [[nodiscard]] std::array<std::uint64_t, EVENT_KIND_SLOTS> lost_records() const;
    [[nodiscard]] std::array<std::uint64_t, HEALTH_SLOTS> health() const;
    [[nodiscard]] std::vector<listener_record> listeners() const;
    // Empties the aggregation map and returns what it held.
    [[nodiscard]] std::vector<RecentVerdict> take_recent_verdicts();

    // Removes every link, pin and map of this sensor.
    void detach_all();

private:
    [[nodiscard]] BindMaps bind_maps() const;
    Sensor();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// `portlid detach`: removes what a sensor that is gone left under `bpffs`. Says what it removed.
struct DetachReport {
    unsigned links = 0;
    unsigned maps = 0;
};
[[nodiscard]] Result<DetachReport> detach_pins(const std::filesystem::path& bpffs);

}  // namespace portlid::kernel
