// SPDX-License-Identifier: Apache-2.0
#include "app/layers.hpp"

namespace portlid::app {

namespace {

constexpr int kMostLayers = 8;  // a VLAN in a VLAN on a bond is three

// Kinds whose packets cross the link below whole and readable: tags in front of IP, or another
// address. What is encrypted or wrapped there (macsec, vxlan) can be judged at the top only.
bool is_readable_below(const kernel::Interface& link) {
    return link.kind == "vlan" || link.kind == "macvlan" || link.kind == "macvtap" ||
           link.kind == "ipvlan" || link.kind == "ipvtap";
}

// A packet of a bond is seen at a port first, but the program at the bond is the one that stays
// when ports fail over; bridges have rules of their own (policy::choose_zone).
bool gathers_ports(const kernel::Interface& link) {
    return link.kind == "bond" || link.kind == "team";
}

// The one step towards where `link`'s packets are judged; 0 = nowhere else.
std::uint32_t next_layer(const Links& links, const kernel::Interface& link) {
    const auto master = links.find(link.master);
    if (master != links.end() && gathers_ports(master->second)) return link.master;
    return is_readable_below(link) ? link.lower : 0;
}

// Leaving `mine` to `other` changes no answer: the same zone and mode. A port of a bond that no
// zone names (catch_all) was only to be watched, which the bond does.
bool answers_alike(const policy::ZoneChoice& mine, const policy::ZoneChoice& theirs,
                   const kernel::Interface& other) {
    if (mine.zone == theirs.zone && mine.force_monitor == theirs.force_monitor) return true;
    return mine.force_monitor && gathers_ports(other);
}

}  // namespace

std::uint32_t judged_by(const Links& links, const Chosen& chosen, std::uint32_t ifindex) {
    auto at = links.find(ifindex);
    for (int layer = 0; at != links.end() && layer < kMostLayers; ++layer) {
        const auto next = next_layer(links, at->second);
        if (next == 0 || next == ifindex) return 0;
        if (chosen.contains(next) && links.contains(next))
            return answers_alike(chosen.at(ifindex), chosen.at(next), links.at(next)) ? next : 0;
        at = links.find(next);
    }
    return 0;
}

Chosen judged_once(const Links& links, const Chosen& chosen) {
    Chosen once;
    for (const auto& [index, choice] : chosen)
        if (!links.contains(index) || judged_by(links, chosen, index) == 0)
            once.emplace(index, choice);
    return once;
}

}  // namespace portlid::app
