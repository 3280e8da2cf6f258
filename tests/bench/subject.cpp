// SPDX-License-Identifier: Apache-2.0
#include "bench/subject.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>

#include "bench/bench_abi.h"
#include "bench/wire_link.hpp"
#include "kernel/links.hpp"

namespace portlid::bench {

namespace {

constexpr const char* kLinkPins[] = {"_xdp", "_tcx_in"};

ip_bytes remote_v4(std::uint32_t index) {
    const auto address = __builtin_bswap32(BENCH_FLOW_V4 | bench_flow_host(index));
    return IpAddress::from_v4(&address).to_bytes();
}

ip_bytes remote_v6(std::uint32_t index) {
    const std::array<std::uint64_t, 2> words{__builtin_bswap64(BENCH_FLOW_V6),
                                             __builtin_bswap64(bench_flow_host(index))};
    return IpAddress::from_v6(words.data()).to_bytes();
}

flow_key flow_of(const char* local, const ip_bytes& remote, std::uint32_t index) {
    flow_key key{};
    key.local = IpAddress::parse(local)->to_bytes();
    key.remote = remote;
    key.local_port_host = bench_flow_port(index);
    key.remote_port_host = BENCH_FLOW_REMOTE_PORT;
    key.protocol = 6;
    return key;
}

Result<> host_tables(kernel::Sensor& sensor) {
    const auto own =
        sensor.set_local_addresses({*IpAddress::parse(kHostV4), *IpAddress::parse(kHostV6)});
    if (!own) return pass_on(own.error());
    const auto networks = sensor.set_networks({{*Cidr::parse("192.0.2.0/24"), NETWORK_CONNECTED},
                                               {*Cidr::parse("2001:db8::/64"), NETWORK_CONNECTED},
                                               {*Cidr::parse("172.17.0.0/16"), NETWORK_CONTAINER}});
    if (!networks) return pass_on(networks.error());
    return {};
}

}  // namespace

Result<std::unique_ptr<Portlid>> Portlid::start(const Machine& machine, unsigned number,
                                                kernel::AttachKind attach,
                                                const MadePolicy& policy) {
    std::unique_ptr<Portlid> out(new Portlid());
    out->name_ = fmt::format("up{}", number);
    if (!shell(make_pair_command(number))) return fail("cannot make a veth pair");
    const auto bpffs = machine.bpffs() / out->name_;
    auto sensor = kernel::Sensor::load({bpffs, machine.cgroup(), false});
    if (!sensor) return pass_on(std::move(sensor.error()));
    out->sensor_ = std::move(*sensor);
    out->pins_ = bpffs / fmt::format("v{}", PORTLID_ABI_VERSION);
    if (auto done = host_tables(*out->sensor_); !done) return pass_on(std::move(done.error()));
    const auto start = std::chrono::steady_clock::now();
    if (auto done = out->sensor_->publish(policy.compiled); !done)
        return pass_on(std::move(done.error()));
    out->publish_ = std::chrono::steady_clock::now() - start;
    if (auto done = out->attach(attach); !done) return pass_on(std::move(done.error()));
    return out;
}

Result<> Portlid::attach(kernel::AttachKind wanted) {
    kernel::InterfaceRequest request;
    request.ifindex = ifindex_ = ::if_nametoindex(name_.c_str());
    request.name = name_;
    request.wanted = wanted;
    const auto state = sensor_->attach_interface(request);
    if (state.attached != wanted) return fail("not attached as asked: " + state.why);
    for (const auto* pin : kLinkPins) {
        const auto link = kernel::open_pin(pins_ / "links" / (std::to_string(ifindex_) + pin));
        if (!link.valid()) continue;
        program_ = UniqueFd(bpf_prog_get_fd_by_id(kernel::link_facts(link.get())->prog_id));
    }
    if (!program_.valid()) return fail("the attached program cannot be opened");
    return know_ports();
}

// As app/reply_guard does while every egress is watched, which it is here.
Result<> Portlid::know_ports() {
    const auto ports = kernel::dump_answered_ports(1000);
    if (!ports) return pass_on(ports.error());
    if (auto added = sensor_->add_used_ports(*ports); !added) return added;
    return sensor_->say_ports_are_all(true);
}

Portlid::~Portlid() {
    if (sensor_) sensor_->detach_all();
}

std::uint64_t Portlid::packets(unsigned reason, unsigned verdict) const {
    return sensor_->counters(ifindex_)[reason][verdict].packets;
}

std::uint64_t Portlid::packets() const {
    std::uint64_t sum = 0;
    for (const auto& verdicts : sensor_->counters(ifindex_))
        for (const auto& count : verdicts) sum += count.packets;
    return sum;
}

Result<> Portlid::open_flows(std::uint32_t count, Family family) {
    std::vector<flow_key> flows;
    for (std::uint32_t i = 0; i < count; ++i)
        flows.push_back(family == Family::IPv4 ? flow_of(kHostV4, remote_v4(i), i)
                                               : flow_of(kHostV6, remote_v6(i), i));
    return sensor_->seed_flows(flows);
}

void ObjectDeleter::operator()(bpf_object* object) const {
    bpf_object__close(object);
}

int program_of(const Object& object, const char* name) {
    const auto* program = bpf_object__find_program_by_name(object.get(), name);
    return program != nullptr ? bpf_program__fd(program) : -1;
}

int map_of(const Object& object, const char* name) {
    const auto* map = bpf_object__find_map_by_name(object.get(), name);
    return map != nullptr ? bpf_map__fd(map) : -1;
}

namespace {

Result<> chain(const Object& object, const char* map, int program) {
    const std::uint32_t zero = 0;
    if (const int error = bpf_map_update_elem(map_of(object, map), &zero, &program, 0); error != 0)
        return fail_errno("cannot chain a program", -error);
    return {};
}

}  // namespace

Result<Object> load_bench_object() {
    Object object(bpf_object__open_file(PORTLID_BENCH_OBJECT, nullptr));
    if (!object) return fail("cannot open " PORTLID_BENCH_OBJECT, "scripts/build --tests all");
    if (const int error = bpf_object__load(object.get()); error != 0)
        return fail_errno("the kernel refuses the benchmark's programs", -error);
    for (const auto& [map, program] : {std::pair{"bench_next", "bench_empty"},
                                       std::pair{"bench_next_frags", "bench_empty_frags"}})
        if (auto done = chain(object, map, program_of(object, program)); !done)
            return pass_on(std::move(done.error()));
    return object;
}

namespace {

// Values of xdp-filter's maps (its documented flags): source 1, destination 2, TCP 4, UDP 8.
Result<> put_per_cpu(int map, const void* key, std::uint64_t value) {
    const std::vector<std::uint64_t> each(
        static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)), value);
    if (const int error = bpf_map_update_elem(map, key, each.data(), 0); error != 0)
        return fail_errno("cannot fill xdp-filter's maps", -error);
    return {};
}

Result<> fill_xdp_filter(const Object& object, std::uint32_t sources) {
    for (const unsigned port : {80U, 22U}) {
        const std::uint32_t key = __builtin_bswap16(static_cast<std::uint16_t>(port));
        if (auto done = put_per_cpu(map_of(object, "filter_ports"), &key, 2 | 4); !done)
            return done;
    }
    for (std::uint32_t i = 0; i < sources; ++i) {
        const auto address = __builtin_bswap32(static_cast<std::uint32_t>(bench_mix(i)));
        if (auto done = put_per_cpu(map_of(object, "filter_ipv4"), &address, 1); !done) return done;
    }
    return {};
}

}  // namespace

Result<Object> load_xdp_filter(const std::string& name, std::uint32_t sources) {
    const auto path = output_of("dpkg -L libxdp1 2>/dev/null | grep '/xdpfilt_" + name + ".o$'");
    if (path.empty()) return fail("xdp-filter is not installed", "apt-get install xdp-tools");
    Object object(bpf_object__open_file(path.substr(0, path.find('\n')).c_str(), nullptr));
    if (!object) return fail("cannot open xdp-filter's object");
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object.get())(void) bpf_map__set_pin_path(map, nullptr);
    if (const int error = bpf_object__load(object.get()); error != 0)
        return fail_errno("the kernel refuses xdp-filter's program", -error);
    if (auto done = fill_xdp_filter(object, sources); !done)
        return pass_on(std::move(done.error()));
    return object;
}

}  // namespace portlid::bench
