// SPDX-License-Identifier: Apache-2.0
// From whom a port can be reached, read from the compiled image alone.
#include <netinet/in.h>

#include <algorithm>

#include "lib/hash.h"
#include "policy/simulate.hpp"

namespace portlid::policy {

namespace {

// One place of the image: where the cell of a port for a source and a destination class is.
struct PortView {
    const policy_image& image;
    const zone_rules& zone;
    const rule_set* set;  // nullptr: no service names the port
    const HeldPorts* held;
    std::uint8_t protocol;
    IpAddress address;
    HostPort port;

    [[nodiscard]] const decision& at(std::size_t source, std::size_t destination) const {
        if (set == nullptr) return image.decisions[zone.default_decision];
        const auto row = set->destination_span > 1 ? destination * set->source_span : 0;
        const auto column = set->source_span > 1 ? source : 0;
        return settled(image.decisions[image.cells[set->first_cell + row + column]]);
    }

private:
    // Whoever holds the port now decides; limits let in as long as they last. Of a failsafe's
    // decision `condition` is something else.
    [[nodiscard]] const decision& settled(const decision& head) const {
        const auto* value = &head;
        while (value->failsafe == 0 && value->condition != 0) {
            const auto& condition = image.conditions[value->condition];
            if (condition.kind != CONDITION_OWNER) break;
            const bool holds =
                held != nullptr && owner_holds(*held, condition.key, protocol, address, port);
            value = &image.decisions[holds ? condition.then : condition.otherwise];
        }
        return *value;
    }
};

std::uint32_t class_of_destination(const policy_image& image, const ip_bytes& address) {
    const auto hash = hash_address(&address);
    for (std::uint32_t probe = 0; probe < DESTINATION_PROBES; ++probe) {
        const auto& slot = image.destinations[(hash + probe) & (DESTINATION_SLOTS - 1)];
        if (slot.class_id == 0) return 0;
        if (std::equal(std::begin(slot.address.bytes), std::end(slot.address.bytes),
                       std::begin(address.bytes)))
            return slot.class_id;
    }
    return 0;
}

// any() stands for every own address: class 0 and all addresses of the family that are named.
std::vector<std::uint32_t> destination_classes(const policy_image& image,
                                               const IpAddress& address) {
    if (!address.is_any()) return {class_of_destination(image, address.to_bytes())};
    std::vector<std::uint32_t> classes{0};
    for (const auto& slot : image.destinations)
        if (slot.class_id != 0 && IpAddress::from_bytes(slot.address).family() == address.family())
            classes.push_back(slot.class_id);
    return classes;
}

bool passes(const PortView& view, std::size_t source, const decision& value, bool as_enforced) {
    if (value.failsafe != 0) return true;
    const bool denied = (view.image.source_class_flags[source] & SOURCE_DENIED) != 0;
    if (denied) return !as_enforced && view.zone.enforce == 0;
    return value.allow != 0 || (!as_enforced && value.enforce == 0);
}

Reach reach_of(const PortView& view, std::size_t destination,
               const std::vector<std::uint16_t>& sources, std::uint16_t unlisted,
               bool as_enforced) {
    const auto gets_in = [&](std::uint16_t source) {
        return passes(view, source, view.at(source, destination), as_enforced);
    };
    if (gets_in(unlisted)) return Reach::Open;
    return std::any_of(sources.begin(), sources.end(), gets_in) ? Reach::Restricted : Reach::Closed;
}

// Enumerators go from open to closed.
Reach wider(Reach a, Reach b) {
    return std::min(a, b);
}

}  // namespace

const char* to_string(Reach reach) {
    switch (reach) {
        case Reach::Open:
            return "open";
        case Reach::Restricted:
            return "restricted";
        case Reach::Closed:
            return "closed";
    }
    return "closed";
}

PortReach port_reach(const CompiledPolicy& policy, unsigned zone, std::uint8_t protocol,
                     const IpAddress& address, HostPort port, const HeldPorts* held) {
    const auto& image = *policy.image;
    if (zone >= image.head.zone_count || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
        return {};
    const auto index = image.ports[zone][protocol == IPPROTO_UDP ? 1 : 0][port.value];
    const PortView view{image, image.zones[zone], index == 0 ? nullptr : &image.rule_sets[index],
                        held,  protocol,          address,
                        port};
    const std::size_t family = address.family() == Family::IPv4 ? 0 : 1;
    const auto unlisted = policy.unlisted_class[family];
    PortReach out;
    bool first = true;
    for (const auto destination : destination_classes(image, address)) {
        const auto& sources = policy.classes[family];
        const auto enforced = reach_of(view, destination, sources, unlisted, true);
        out.now = wider(out.now, reach_of(view, destination, sources, unlisted, false));
        // The rule of the address that gave the widest answer.
        if (first || enforced < out.enforced) out.rule = view.at(unlisted, destination).rule;
        out.enforced = wider(out.enforced, enforced);
        first = false;
    }
    return out;
}

std::string service_on(const Policy& policy, std::uint8_t protocol, HostPort port) {
    std::string names;
    for (const auto& service : policy.services) {
        const bool named =
            std::any_of(service.ports.begin(), service.ports.end(), [&](const PortRange& range) {
                return static_cast<std::uint8_t>(range.protocol) == protocol &&
                       range.first_host <= port.value && port.value <= range.last_host;
            });
        if (!named) continue;
        if (!names.empty()) names += ", ";
        names += service.name;
    }
    return names;
}

}  // namespace portlid::policy
