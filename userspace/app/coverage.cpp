// SPDX-License-Identifier: Apache-2.0
#include "app/coverage.hpp"

#include <net/if_arp.h>

#include <algorithm>
#include <array>

#include "app/layers.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "policy/routed.hpp"

namespace portlid::app {

namespace {

constexpr std::size_t kUplinkFileBytes = 65536;

std::filesystem::path uplink_file(const RunOptions& options) {
    return options.state_dir / "uplinks";
}

std::string attach_word(const kernel::InterfaceState& state) {
    return state.attached ? kernel::to_string(*state.attached) : "none";
}

}  // namespace

Coverage::Coverage(const RunOptions& options, PolicyStore& policies, Emitter& emitter,
                   kernel::Sensor* sensor)
    : options_(options), policies_(policies), emitter_(emitter), sensor_(sensor) {
    if (auto text = read_file(uplink_file(options_), kUplinkFileBytes))
        for (const auto name : split(*text, '\n'))
            if (!name.empty()) uplinks_.emplace(name);
}

void Coverage::remember_uplinks() {
    const auto before = uplinks_.size();
    for (const auto& [index, link] : network_.interfaces)
        if (link.default_route) uplinks_.insert(link.name);
    if (uplinks_.size() == before) return;
    std::string text;
    for (const auto& name : uplinks_) text += name + "\n";
    if (auto written = write_file_atomically(uplink_file(options_), text); !written)
        emitter_.emit(event::Kind::SensorDegraded,
                      event::sensor_degraded_body(
                          emitter_.origin(), "state", written.error().message,
                          "the list of uplinks is not remembered across restarts until it can be "
                          "written"));
}

bool Coverage::wanted(const kernel::Interface& link) const {
    if (options_.sockets_only) return false;
    if (options_.interfaces.empty()) return true;
    return std::find(options_.interfaces.begin(), options_.interfaces.end(), link.name) !=
           options_.interfaces.end();
}

std::map<std::uint32_t, policy::ZoneChoice> Coverage::choose(const policy::Policy& model) const {
    return judged_once(network_.interfaces, choose_each(model));
}

std::map<std::uint32_t, policy::ZoneChoice> Coverage::choose_each(
    const policy::Policy& model) const {
    std::map<std::uint32_t, policy::ZoneChoice> chosen;
    for (const auto& [index, link] : network_.interfaces) {
        if (!wanted(link)) continue;
        const policy::InterfaceFacts facts{.name = link.name,
                                           .kind = link.kind,
                                           .loopback = link.loopback,
                                           .hardware = link.hardware,
                                           .ethernet = link.ethernet,
                                           .bridge_port = link.master_is_bridge,
                                           .engine_bridge = link.engine_bridge,
                                           .uplink = uplinks_.contains(link.name)};
        if (auto choice = policy::choose_zone(model, facts, !uplinks_.empty()))
            chosen.emplace(index, *choice);
    }
    return chosen;
}

std::vector<kernel::Sensor::ZoneOfInterface> Coverage::zones_under(
    const policy::Policy& model) const {
    std::vector<kernel::Sensor::ZoneOfInterface> zones;
    for (const auto& [index, choice] : choose(model))
        zones.push_back({index, static_cast<std::uint8_t>(choice.zone), choice.force_monitor});
    return zones;
}

Result<> Coverage::check_named(const std::map<std::uint32_t, policy::ZoneChoice>& chosen) const {
    for (const auto& name : options_.interfaces) {
        const auto link =
            std::find_if(network_.interfaces.begin(), network_.interfaces.end(),
                         [&](const auto& entry) { return entry.second.name == name; });
        if (link == network_.interfaces.end())
            return fail(
                "--interface " + name + ": there is no such interface in this network namespace",
                "ip -br link");
        if (!chosen.contains(link->first))
            return fail("--interface " + name + ": no zone of " + policies_.file().string() +
                            " takes this interface",
                        "add it to a zone: interfaces: [" + name + "]");
    }
    return {};
}

Result<> Coverage::look() {
    auto state = kernel::read_network_state();
    if (!state) return pass_on(state.error(), "read interfaces");
    network_ = std::move(*state);
    tables_written_ = false;
    policy::open_routed(network_.networks, policies_.model().routed);
    remember_uplinks();
    return {};
}

Result<> Coverage::fill_tables() {
    if (auto looked = look(); !looked) return looked;
    if (sensor_ == nullptr || options_.sockets_only) return {};
    if (auto written = write_tables(); !written) return pass_on(written.error());
    tables_written_ = true;
    return {};
}

Result<bool> Coverage::write_tables() {
    const auto networks = sensor_->set_networks(network_.networks);
    const auto own = sensor_->set_local_addresses(network_.own);
    if (!networks) return networks;
    if (!own) return own;
    return *networks || *own;
}

Result<> Coverage::refresh(bool first) {
    moved_ = true;
    if (auto filled = fill_tables(); !filled) return filled;
    const auto chosen = choose(policies_.model());
    if (first) {
        if (sensor_ != nullptr) never_attached_ = failed_hooks();
        if (auto named = check_named(choose_each(policies_.model())); !named) return named;
    }
    bool gap = false;  // an interface was there before it was watched
    for (const auto& [index, choice] : chosen) {
        const auto& link = network_.interfaces.at(index);
        const auto known = covered_.find(index);
        const bool same = known != covered_.end() && known->second.choice.zone == choice.zone &&
                          known->second.zone == policies_.model().zones[choice.zone].name &&
                          known->second.choice.force_monitor == choice.force_monitor &&
                          known->second.link.mac == link.mac && known->second.state.attached;
        gap = gap || !same;
        if (same)
            known->second.link = link;
        else
            attach(link, choice);
    }
    // Last, so that what leaves an interface to another one is never judged by neither.
    drop_missing(chosen);
    if (first)
        drop_unwanted(chosen);
    else
        keep_guard(gap);
    return {};
}

void Coverage::keep_guard(bool gap) {
    if (sensor_ == nullptr || options_.sockets_only) return;
    if (gap) guard_.keep(*sensor_, false);
    const auto watched = [&](std::uint32_t index) {
        const auto found = covered_.find(index);
        return found != covered_.end() && found->second.state.attached &&
               found->second.state.egress;
    };
    const auto& all = network_.interfaces;
    const bool whole = std::none_of(all.begin(), all.end(), [&](const auto& entry) {
        return leaves_unseen(entry.second, all, watched);
    });
    guard_.keep(*sensor_, whole);
}

void Coverage::attach(const kernel::Interface& link, const policy::ZoneChoice& choice) {
    kernel::InterfaceRequest request{.ifindex = link.ifindex,
                                     .name = link.name,
                                     .zone = static_cast<std::uint8_t>(choice.zone),
                                     .force_monitor = choice.force_monitor,
                                     .layer3 = link.type != ARPHRD_ETHER,
                                     .mac = link.mac,
                                     .wanted = options_.attach};
    CoveredInterface covered{link, choice, policies_.model().zones[choice.zone].name,
                             sensor_->attach_interface(request)};
    require_egress(covered, !covered_.contains(link.ifindex));
    const bool failed = !covered.state.attached || !covered.state.egress;
    if (failed != lost_.contains(link.ifindex)) announce(covered, failed);
    covered_.insert_or_assign(link.ifindex, std::move(covered));
}

// Without the flow table's half every reply would be judged as a stranger's packet: an interface
// that enforces is not begun without it. One that is in force already stays (fail static).
void Coverage::require_egress(CoveredInterface& covered, bool fresh) {
    if (!fresh || covered.state.egress || !covered.state.attached) return;
    if (std::string_view(mode_of(covered)) != "enforce") return;
    sensor_->detach_interface(covered.link.ifindex);
    covered.state.attached.reset();
    covered.state.why = "not enforced, since replies could not be told: " + covered.state.why;
}

// What an earlier run attached and nobody wants now.
void Coverage::drop_unwanted(const std::map<std::uint32_t, policy::ZoneChoice>& chosen) {
    if (sensor_ == nullptr || options_.sockets_only) return;
    for (const auto& state : sensor_->interfaces())
        if (!chosen.contains(state.ifindex)) sensor_->detach_interface(state.ifindex);
}

void Coverage::drop_missing(const std::map<std::uint32_t, policy::ZoneChoice>& chosen) {
    for (auto it = covered_.begin(); it != covered_.end();) {
        if (chosen.contains(it->first)) {
            ++it;
            continue;
        }
        it->second.state.why = network_.interfaces.contains(it->first)
                                   ? "no zone takes the interface any more"
                                   : "the interface is gone";
        sensor_->detach_interface(it->first);
        announce(it->second, true);
        lost_.erase(it->first);
        it = covered_.erase(it);
    }
}

void Coverage::announce(const CoveredInterface& covered, bool lost) {
    if (lost)
        lost_.insert(covered.link.ifindex);
    else
        lost_.erase(covered.link.ifindex);
    emitter_.emit(
        lost ? event::Kind::CoverageLost : event::Kind::CoverageRestored,
        event::coverage_body(emitter_.origin(), covered.link.name, covered.zone,
                             lost ? "none" : attach_word(covered.state), covered.state.why));
}

policy::HostTables Coverage::tables() const {
    return {.own = network_.own, .networks = network_.networks, .flows = {}, .held = held_};
}

bool Coverage::set_held(policy::HeldPorts held) {
    if (held == held_) return false;
    held_ = std::move(held);
    return true;
}

std::vector<inventory::ActiveZone> Coverage::active_zones() const {
    std::map<unsigned, inventory::ActiveZone> zones;
    for (const auto& [index, covered] : covered_) {
        const auto number = covered.choice.zone;
        auto [zone, fresh] =
            zones.try_emplace(number, inventory::ActiveZone{number, covered.zone, true, true});
        zone->second.filtered &= covered.state.attached.has_value();
        zone->second.force_monitor &= covered.choice.force_monitor;
    }
    std::vector<inventory::ActiveZone> list;
    for (const auto& [number, zone] : zones) list.push_back(zone);
    return list;
}

std::vector<inventory::UnfilteredDevice> Coverage::unfiltered() const {
    std::vector<inventory::UnfilteredDevice> list;
    for (const auto& [index, link] : network_.interfaces) {
        const auto covered = covered_.find(index);
        if (covered != covered_.end() && covered->second.state.attached) continue;
        list.push_back({link.name, link.kind, link.addresses, link.up});
    }
    return list;
}

std::string Coverage::name_of(std::uint32_t ifindex) const {
    const auto found = network_.interfaces.find(ifindex);
    return found == network_.interfaces.end() ? "if" + std::to_string(ifindex) : found->second.name;
}

const char* Coverage::mode_of(const CoveredInterface& covered) const {
    if (!covered.state.attached) return "off";
    if (covered.choice.force_monitor || policies_.capped()) return "monitor";
    const auto& model = policies_.model();
    if (covered.choice.zone >= model.zones.size()) return "monitor";
    const auto& zone = model.zones[covered.choice.zone];
    const bool any =
        policy::mode_of(model, zone) == policy::Mode::Enforce ||
        std::any_of(model.services.begin(), model.services.end(), [&](const auto& service) {
            return policy::mode_of(model, zone, service) == policy::Mode::Enforce;
        });
    return any ? "enforce" : "monitor";
}

}  // namespace portlid::app
