// SPDX-License-Identifier: Apache-2.0
#include "kernel/sensor.hpp"

#include <bpf/bpf.h>
#include <sys/random.h>

#include <cerrno>

#include "base/clock.hpp"
#include "kernel/capabilities.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/generations.hpp"
#include "kernel/interface_hooks.hpp"
#include "kernel/lifecycle.hpp"
#include "kernel/links.hpp"
#include "kernel/map_access.hpp"
#include "kernel/map_pins.hpp"
#include "kernel/own_addresses.hpp"
#include "kernel/pin_directory.hpp"
#include "kernel/read_map.hpp"
#include "kernel/rings.hpp"
#include "kernel/socket_hooks.hpp"
#include "kernel/syscall_program.hpp"
#include "kernel/twin.hpp"
#include "kernel/used_ports.hpp"

namespace portlid::kernel {

// Member order is the lifecycle; destruction is its reverse and closes descriptors only.
struct Sensor::Impl {
    PinDirectory pins;
    Cgroup cgroup;
    LoadedPrograms programs;
    Generations generations;
    Bans bans;
    std::unique_ptr<RingReader> socket_ring;
    std::unique_ptr<RingReader> verdict_ring;
    SocketHooks sockets;
    InterfaceHooks interfaces;
    MapPins map_pins;
    bool found_links;
    DirectoryWatch link_pins{pins.links()};

    [[nodiscard]] static Result<std::unique_ptr<Impl>> assemble(const PinDirectory& pins,
                                                                Cgroup cgroup, bool sockets_only);
    [[nodiscard]] int map(const char* name) const { return programs.map(name); }
    [[nodiscard]] std::size_t map_room(const char* name) const;
};

namespace {

Result<> require_kernel_and_rights() {
    if (auto allowed = require_capabilities(); !allowed) return allowed;
    return require_btf();
}

InterfaceHooks make_interface_hooks(const PinDirectory& pins, const LoadedPrograms& programs) {
    const PacketPrograms packet{programs.program("ingress_xdp"), programs.program("ingress_tc"),
                                programs.program("egress_tc")};
    return {pins.links(), packet, {programs.map("interfaces"), programs.map("counters")}};
}

std::size_t room_of(const LoadedPrograms& programs, const char* name) {
    const auto* map = bpf_object__find_map_by_name(programs.object, name);
    return map != nullptr ? bpf_map__max_entries(map) : 0;
}

Result<Bans> open_bans(const LoadedPrograms& programs) {
    return Bans::open(programs.map("bans"), programs.map("table_sizes"), room_of(programs, "bans"));
}

// Once in the life of the maps: later runs go on with the same flows and tries.
Result<> seed_hash(int map_fd) {
    const std::uint32_t zero = 0;
    hash_seed seed{};
    if (bpf_map_lookup_elem(map_fd, &zero, &seed) == 0 && seed.odd != 0) return {};
    if (::getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return fail_errno("cannot get random bytes", errno);
    seed.odd |= 1;
    if (const int error = bpf_map_update_elem(map_fd, &zero, &seed, BPF_ANY); error != 0)
        return fail_errno("cannot make the key of the tables", -error);
    return {};
}

}  // namespace

std::size_t Sensor::Impl::map_room(const char* name) const {
    return room_of(programs, name);
}

Sensor::Sensor() = default;
Sensor::~Sensor() = default;

Result<std::unique_ptr<Sensor::Impl>> Sensor::Impl::assemble(const PinDirectory& pins,
                                                             Cgroup cgroup, bool sockets_only) {
    auto programs = load_programs({pins, cgroup, sockets_only});
    if (!programs) return pass_on(std::move(programs.error()));
    auto generations = Generations::open(programs->map("policy_slots"), programs->map("trie_nodes"),
                                         programs->image_shape, programs->trie_shape);
    auto bans = open_bans(*programs);
    auto seeded = seed_hash(programs->map("hash_seeds"));
    auto socket_ring = RingReader::open(programs->map("socket_events"));
    auto verdict_ring = RingReader::open(programs->map("verdict_events"));
    for (auto* failed :
         {generations ? nullptr : &generations.error(), bans ? nullptr : &bans.error(),
          seeded ? nullptr : &seeded.error(), socket_ring ? nullptr : &socket_ring.error(),
          verdict_ring ? nullptr : &verdict_ring.error()}) {
        if (failed == nullptr) continue;
        unpin(programs->fresh);
        return pass_on(std::move(*failed));
    }
    pins.take_over_other_versions();
    const bool found_links = !entries(pins.links()).empty();
    auto interfaces = make_interface_hooks(pins, *programs);
    MapPins map_pins(*programs, pins);
    return std::unique_ptr<Impl>(new Impl{
        pins, std::move(cgroup), std::move(*programs), std::move(*generations), std::move(*bans),
        std::move(*socket_ring), std::move(*verdict_ring), SocketHooks(pins.links()),
        std::move(interfaces), std::move(map_pins), found_links});
}

Result<std::unique_ptr<Sensor>> Sensor::load(const SensorOptions& options) {
    if (auto possible = require_kernel_and_rights(); !possible)
        return pass_on(std::move(possible.error()));
    auto cgroup = open_cgroup(options.cgroup);
    if (!cgroup) return pass_on(std::move(cgroup.error()));
    auto pins = PinDirectory::create(options.bpffs);
    if (!pins) return pass_on(std::move(pins.error()));
    // From here on `portlid detach` keeps off; MapPins goes on holding them.
    const auto held = hold_pins(pins->root());
    auto impl = Impl::assemble(*pins, std::move(*cgroup), options.sockets_only);
    if (!impl) {
        pins->remove_if_empty();
        return pass_on(std::move(impl.error()));
    }
    std::unique_ptr<Sensor> sensor(new Sensor());
    sensor->impl_ = std::move(*impl);
    return sensor;
}

bool Sensor::adopted() const {
    return impl_->programs.adopted;
}

bool Sensor::found_links() const {
    return impl_->found_links;
}

std::uint64_t Sensor::generation() const {
    return impl_->generations.in_force();
}

void Sensor::place_interfaces(policy_image& image, std::span<const ZoneOfInterface> zones) const {
    for (const auto& [ifindex, zone, force_monitor] : zones)
        if (const auto slot = impl_->interfaces.slots().find(ifindex))
            image.interface_zones[*slot] = IMAGE_ZONE(zone, force_monitor);
}

Result<std::uint64_t> Sensor::publish(const policy::CompiledPolicy& policy) {
    return impl_->generations.publish(policy);
}

Result<std::uint64_t> Sensor::publish(std::span<const Stage> stages) {
    return impl_->generations.publish(stages);
}

Result<bool> Sensor::set_local_addresses(const std::set<IpAddress>& addresses) {
    return write_own_addresses({impl_->map("local_addresses"), impl_->map("own_buckets"),
                                impl_->map_room("local_addresses")},
                               addresses);
}

Result<bool> Sensor::set_networks(const std::map<Cidr, std::uint32_t>& networks) {
    std::map<network_key, std::uint32_t, LessBytes> wanted;
    for (const auto& [cidr, kind] : networks)
        wanted[network_key{cidr.mapped_bits(), cidr.address.to_bytes()}] = kind;
    return sync_map(impl_->map("networks"), wanted, impl_->map_room("networks"), "the networks");
}

Result<> Sensor::seed_flows(std::span<const flow_key> flows, std::chrono::seconds age) {
    const int program = impl_->programs.program("seed_flow");
    for (const auto& flow : flows) {
        const flow_seed seed{flow, static_cast<std::uint32_t>(age.count()), 0};
        const auto full = run_syscall_program(program, seed, "cannot seed the flow table");
        if (!full) return pass_on(full.error());
        if (*full != 0) return fail("the flow table takes no more entries");
    }
    return {};
}

Result<> Sensor::add_used_ports(const std::set<AnsweredPort>& ports) {
    return mark_used_ports(impl_->programs.program("seed_port"), ports);
}

Result<> Sensor::say_ports_are_all(bool all) {
    return kernel::say_ports_are_all(impl_->map("table_sizes"), all);
}

bool Sensor::begins_to_enforce(const policy::CompiledPolicy& policy) const {
    return policy.image && impl_->generations.begins_to_enforce(*policy.image);
}

Result<ExistingCount> Sensor::seed_existing(const FlowSet& open, BootTime seen, bool complete) {
    return write_existing_flows(impl_->map("existing_flows"), impl_->map("table_sizes"),
                                impl_->map_room("existing_flows"), open, seen, complete);
}

ExistingCount Sensor::existing() const {
    ExistingCount count;
    const int sizes = impl_->map("table_sizes");
    const std::uint32_t kept = TABLE_EXISTING, overflow = TABLE_EXISTING_OVERFLOW;
    (void)bpf_map_lookup_elem(sizes, &kept, &count.kept);
    (void)bpf_map_lookup_elem(sizes, &overflow, &count.overflow);
    return count;
}

Bans& Sensor::bans() {
    return impl_->bans;
}

OwnerPorts Sensor::owner_ports() const {
    return {impl_->map("owned_ports"), impl_->map("port_sockets"), impl_->map("port_slots"),
            impl_->map("port_proofs"), impl_->programs.program("port_claim")};
}

BindMaps Sensor::bind_maps() const {
    return {impl_->map("bind_settings"), impl_->map("bind_ports"), impl_->map("bind_sets"),
            impl_->map("bind_who")};
}

Result<> Sensor::set_binds(const BindTables& tables) {
    return write_bind_tables(bind_maps(), tables);
}

Result<> Sensor::set_bind_who(const BindTables& tables) {
    return write_bind_who(bind_maps(), tables);
}

Result<> Sensor::attach_sockets() {
    return impl_->sockets.attach(impl_->programs, impl_->cgroup);
}

InterfaceState Sensor::attach_interface(const InterfaceRequest& request) {
    return impl_->interfaces.attach(request);
}

void Sensor::detach_interface(std::uint32_t ifindex) {
    impl_->interfaces.detach(ifindex);
}

std::vector<InterfaceState> Sensor::interfaces() const {
    return impl_->interfaces.states();
}

void Sensor::verify_links(bool moved) {
    const bool repinned = impl_->link_pins.changed();
    impl_->interfaces.verify(moved, repinned);
    impl_->sockets.verify(repinned);
}

Result<std::vector<std::string>> Sensor::mend_map_pins() {
    return impl_->map_pins.mend();
}

Result<bool> Sensor::mend_policy() {
    return impl_->generations.mend();
}

std::vector<HookState> Sensor::hooks() const {
    return impl_->sockets.states();
}

bool Sensor::conntrack_available() const {
    return impl_->programs.conntrack;
}

Result<TwinParts> Sensor::twin_parts() const {
    auto parts = kernel::twin_parts(impl_->programs);
    if (!parts) return parts;
    for (const auto& state : impl_->interfaces.states()) {
        if (!state.attached) continue;
        parts->hooks[state.ifindex] =
            *state.attached == AttachKind::Tc ? TwinHook::Tc : TwinHook::Xdp;
        parts->tags[state.ifindex] =
            program_tag_of(impl_->interfaces.ingress_program(state.ifindex));
    }
    return parts;
}

std::array<int, 2> Sensor::ring_fds() const {
    return {impl_->socket_ring->fd(), impl_->verdict_ring->fd()};
}

Result<> Sensor::say_reader_rests(bool rests) {
    return write_table_size(impl_->map("table_sizes"), TABLE_READER_RESTS, rests ? 1 : 0,
                            "whether the rings' reader rests");
}

std::size_t Sensor::poll_rings(const RecordSink& sink) {
    const auto sockets = impl_->socket_ring->consume(sink);
    return sockets + impl_->verdict_ring->consume(sink);
}

InterfaceCounters Sensor::counters(std::uint32_t ifindex) const {
    return impl_->interfaces.slots().counters(ifindex);
}

std::array<std::uint64_t, EVENT_KIND_SLOTS> Sensor::lost_records() const {
    std::array<std::uint64_t, EVENT_KIND_SLOTS> out{};
    const auto sums = per_cpu_sums(impl_->map("lost"), EVENT_KIND_SLOTS);
    std::copy(sums.begin(), sums.end(), out.begin());
    return out;
}

std::array<std::uint64_t, HEALTH_SLOTS> Sensor::health() const {
    std::array<std::uint64_t, HEALTH_SLOTS> out{};
    const auto sums = per_cpu_sums(impl_->map("health"), HEALTH_SLOTS);
    std::copy(sums.begin(), sums.end(), out.begin());
    return out;
}

std::vector<listener_record> Sensor::listeners() const {
    std::vector<listener_record> out;
    for (const auto& [cookie, record] :
         read_map<std::uint64_t, listener_record>(impl_->map("listeners"), false))
        out.push_back(record);
    return out;
}

std::vector<RecentVerdict> Sensor::take_recent_verdicts() {
    std::vector<RecentVerdict> out;
    for (const auto& [key, state] :
         read_map<verdict_key, verdict_state>(impl_->map("recent_verdicts"), true))
        out.push_back({key, state});
    return out;
}

void Sensor::detach_all() {
    for (const auto& state : impl_->interfaces.states()) impl_->interfaces.detach(state.ifindex);
    impl_->sockets.detach();
    impl_->map_pins.let_go();
    // Maps, pins of other versions, the directories and, if we made it, the mount.
    (void)detach_pins(impl_->pins.root());
}

}  // namespace portlid::kernel
