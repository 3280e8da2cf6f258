// SPDX-License-Identifier: Apache-2.0
#include "policy/import/first_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "abi/image.h"
#include "policy/import/address_ranges.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxBoxes = 50'000;
constexpr std::size_t kMaxPrefixes = 256;  // of one service; more is nothing a person would read
constexpr const char* kNotOwn =
    "its destination is no unicast address that outsiders reach; what goes to a group or broadcast "
    "needs a service without `addresses`";

// One rectangular piece of a rule.
struct Box {
    std::size_t zone = 0;
    PortRange ports;
    AddressRanges sources;
    std::optional<Cidr> destination;
};

enum class Cut : std::uint8_t { None, Exact, Inexact };

// How the destination of an earlier rule lies to that of a later one.
Cut destinations(const std::optional<Cidr>& earlier, const std::optional<Cidr>& later) {
    if (!earlier) return Cut::Exact;
    if (!later) return Cut::Inexact;
    if (earlier->bits <= later->bits)
        return earlier->contains(later->address) ? Cut::Exact : Cut::None;
    return later->contains(earlier->address) ? Cut::Inexact : Cut::None;
}

Cut overlap(const Box& earlier, const Box& later) {
    const bool apart = earlier.zone != later.zone ||
                       earlier.ports.protocol != later.ports.protocol ||
                       earlier.ports.last_host < later.ports.first_host ||
                       later.ports.last_host < earlier.ports.first_host ||
                       !earlier.sources.overlaps(later.sources);
    return apart ? Cut::None : destinations(earlier.destination, later.destination);
}

// What is left of `box` beside, and in the sources of, `cut`.
void subtract(const Box& box, const Box& cut, std::vector<Box>& out) {
    const auto piece = [&](std::uint16_t first, std::uint16_t last) {
        auto part = box;
        part.ports.first_host = first;
        part.ports.last_host = last;
        return part;
    };
    const auto first = std::max(box.ports.first_host, cut.ports.first_host);
    const auto last = std::min(box.ports.last_host, cut.ports.last_host);
    if (box.ports.first_host < first)
        out.push_back(piece(box.ports.first_host, static_cast<std::uint16_t>(first - 1)));
    if (last < box.ports.last_host)
        out.push_back(piece(static_cast<std::uint16_t>(last + 1), box.ports.last_host));
    auto middle = piece(first, last);
    middle.sources.subtract(cut.sources);
    if (!middle.sources.empty()) out.push_back(std::move(middle));
}

std::vector<PortRange> joined_ranges(std::vector<PortRange> ports) {
    std::sort(ports.begin(), ports.end());
    std::vector<PortRange> out;
    for (const auto& range : ports) {
        if (!out.empty() && out.back().protocol == range.protocol &&
            range.first_host <= out.back().last_host + 1)
            out.back().last_host = std::max(out.back().last_host, range.last_host);
        else
            out.push_back(range);
    }
    return out;
}

class Folding {
public:
    Folding(const std::vector<MatchRule>& rules, Draft& draft) : rules_(rules), draft_(draft) {}

    Result<> run() {
        if (rules_.size() > kMaxMatchRules)
            return fail(fmt::format("more than {} rules", kMaxMatchRules),
                        "import the parts that matter");
        add_zones();
        for (const auto& rule : rules_)
            if (auto done = take(rule); !done) return done;
        merge();
        return {};
    }

private:
    // "wg+" of iptables is "wg*" here. Zones are named after their interfaces.
    void add_zones() {
        if (draft_.zones.empty()) draft_.zones.push_back({"public", {"uplink"}, true});
        for (const auto& rule : rules_) {
            if (rule.interface.empty() || rule.interface == "lo") continue;
            if (zone_of_.contains(rule.interface)) continue;
            if (draft_.zones.size() >= MAX_ZONES || !good_interface(rule.interface)) continue;
            auto word = rule.interface;
            if (word.back() == '+') word.back() = '*';
            zone_of_[rule.interface] = draft_.zones.size();
            draft_.zones.push_back({zone_name(rule.interface), {word}, false});
        }
    }

    static bool good_interface(const std::string& name) {
        return name.size() <= 15 && std::all_of(name.begin(), name.end(), [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '@' ||
                          c == '+';
               });
    }

    std::string zone_name(const std::string& interface) const {
        std::string name = "if-";
        for (const char c : interface) name += c == '@' || c == '+' ? '_' : c;
        while (std::any_of(draft_.zones.begin(), draft_.zones.end(),
                           [&](const DraftZone& zone) { return zone.name == name; }))
            name += '_';
        return name;
    }

    void unmapped(const MatchRule& rule, const std::string& why) {
        draft_.unmapped.push_back({rule.where, rule.text, why});
    }

    std::vector<std::size_t> zones_of(const MatchRule& rule) const {
        std::vector<std::size_t> zones;
        if (!rule.interface.empty()) {
            const auto found = zone_of_.find(rule.interface);
            if (found != zone_of_.end()) zones.push_back(found->second);
            return zones;
        }
        for (std::size_t i = 0; i < draft_.zones.size(); ++i) zones.push_back(i);
        return zones;
    }

    std::vector<Box> boxes_of(const MatchRule& rule, const std::vector<std::size_t>& zones) const {
        std::vector<Box> boxes;
        for (const auto zone : zones)
            for (const auto& ports : rule.ports)
                boxes.push_back({zone, ports, AddressRanges(rule.source), rule.destination});
        return boxes;
    }

    Result<> take(const MatchRule& rule) {
        auto zones = zones_of(rule);
        if (zones.empty() && rule.interface == "lo") return {};  // never judged
        const bool denies = rule.action == MatchRule::Action::Deny;
        if (zones.empty()) {
            unmapped(rule, fmt::format("interface {} got no zone of its own", rule.interface));
            if (!denies) return {};
            // Which zone it is in nobody knows: closed in all of them.
            for (std::size_t i = 0; i < draft_.zones.size(); ++i) zones.push_back(i);
        }
        const auto whole = boxes_of(rule, zones);
        if (denies && shuts_out(rule)) return {};
        if (!denies) open(rule, whole);
        decided_.insert(decided_.end(), whole.begin(), whole.end());
        decided_by_.insert(decided_by_.end(), whole.size(), &rule);
        if (decided_.size() > kMaxBoxes)
            return fail("the rules are too many to take apart", "import the parts that matter");
        return {};
    }

    // A rule that refuses some sources everything, before anything was opened to them, is what
    // `deny:` is for; cutting it out of every service would be as right and hard to read.
    bool shuts_out(const MatchRule& rule) {
        const auto everything = [&](PortProtocol protocol) {
            return std::any_of(rule.ports.begin(), rule.ports.end(), [&](const PortRange& range) {
                return range.protocol == protocol && range.first_host <= 1 &&
                       range.last_host == 65535;
            });
        };
        const AddressRanges sources(rule.source);
        if (rule.source.bits == 0 || rule.destination || !rule.interface.empty() ||
            !everything(PortProtocol::Tcp) || !everything(PortProtocol::Udp))
            return false;
        for (std::size_t i = 0; i < decided_.size(); ++i)
            if (decided_by_[i]->action != MatchRule::Action::Deny &&
                decided_[i].sources.overlaps(sources))
                return false;
        auto& deny = draft_.deny;
        if (std::find(deny.begin(), deny.end(), rule.source) == deny.end())
            deny.push_back(rule.source);
        draft_.notes.push_back(fmt::format("deny: {}: {}", rule.where, rule.text));
        return true;
    }

    // An earlier rule denies all that this one is about.
    bool settled(const MatchRule& rule) const {
        return std::any_of(rules_.data(), &rule, [&](const MatchRule& by) {
            return by.action == MatchRule::Action::Deny && by.every_protocol &&
                   by.source.bits <= rule.source.bits && by.source.contains(rule.source.address) &&
                   (by.interface.empty() || by.interface == rule.interface) &&
                   destinations(by.destination, rule.destination) == Cut::Exact;
        });
    }

    // Told once of the rule's two families.
    void tell_other_protocols(const MatchRule& rule, bool opened) {
        const Unmapped told{rule.where, rule.text,
                            fmt::format("{}; other IP protocols stay closed",
                                        opened ? "opened for tcp and udp"
                                               : "rules before it decide about tcp and udp")};
        const auto same = [&](const Unmapped& one) {
            return one.where == told.where && one.text == told.text && one.why == told.why;
        };
        auto& list = draft_.unmapped;
        if (std::none_of(list.begin(), list.end(), same)) list.push_back(told);
    }

    void open(const MatchRule& rule, std::vector<Box> boxes) {
        if (settled(rule)) return;
        const bool one_address =
            !rule.destination || rule.destination->bits == (is_v4(*rule.destination) ? 32 : 128);
        if (!one_address)
            return unmapped(rule, "a policy names single addresses of the host, not networks");
        if (rule.destination && !can_be_own(rule.destination->address))
            return unmapped(rule, kNotOwn);
        for (std::size_t i = 0; i < decided_.size() && boxes.size() < kMaxBoxes; ++i)
            boxes = cut(rule, std::move(boxes), i);
        if (rule.every_protocol && rule.action == MatchRule::Action::Allow)
            tell_other_protocols(rule, !boxes.empty());
        if (boxes.empty()) return;  // never reached, or only by what others opened
        add_services(rule, boxes);
    }

    static bool is_v4(const Cidr& prefix) { return prefix.address.family() == Family::IPv4; }

    std::vector<Box> cut(const MatchRule& rule, std::vector<Box> boxes, std::size_t index) {
        const auto& earlier = decided_[index];
        const auto& by = *decided_by_[index];
        // What an earlier rule opened stays open: nothing to cut, but for one that limits.
        if (by.action == MatchRule::Action::Allow) return boxes;
        if (by.action == MatchRule::Action::Limit && rule.action == by.action) return boxes;
        std::vector<Box> left;
        bool inexact = false;
        for (auto& box : boxes) {
            const auto kind = overlap(earlier, box);
            inexact = inexact || kind == Cut::Inexact;
            if (kind == Cut::None)
                left.push_back(std::move(box));
            else
                subtract(box, earlier, left);
        }
        if (inexact && noted_.emplace(&rule, &by).second)
            unmapped(rule, fmt::format("closed where {} stands before it: that rule is about some "
                                       "addresses of this host, this one about more",
                                       by.where));
        return left;
    }

    // Boxes with the same sources are one service; zones with the same ports too.
    void add_services(const MatchRule& rule, const std::vector<Box>& boxes) {
        std::map<AddressRanges, std::map<std::size_t, std::vector<PortRange>>> by_source;
        for (const auto& box : boxes) by_source[box.sources][box.zone].push_back(box.ports);
        for (const auto& [sources, by_zone] : by_source) {
            const auto from = sources.prefixes();
            if (from.size() > kMaxPrefixes) {
                unmapped(rule, "what earlier rules leave of it is too scattered to be written");
                continue;
            }
            std::map<std::vector<PortRange>, std::vector<std::size_t>> by_ports;
            for (const auto& [zone, ports] : by_zone)
                by_ports[joined_ranges(ports)].push_back(zone);
            for (const auto& [ports, zones] : by_ports) add_service(rule, from, ports, zones);
        }
    }

    void add_service(const MatchRule& rule, const std::vector<Cidr>& from,
                     const std::vector<PortRange>& ports, const std::vector<std::size_t>& zones) {
        DraftService service;
        service.name = rule.name;
        service.ports = ports;
        service.from = from;
        if (rule.destination) service.addresses = {rule.destination->address};
        if (zones.size() < draft_.zones.size())
            for (const auto zone : zones) service.zones.push_back(draft_.zones[zone].name);
        service.limit = rule.action == MatchRule::Action::Limit;
        service.origin = {fmt::format("{}: {}", rule.where, rule.text)};
        draft_.services.push_back(std::move(service));
    }

    // UFW writes an IPv4 and an IPv6 rule for one command: they become one service again.
    void merge() {
        using Key = std::tuple<std::vector<PortRange>, std::vector<std::string>,
                               std::vector<IpAddress>, bool, std::string>;
        std::map<Key, std::size_t> known;
        std::vector<DraftService> out;
        for (auto& service : draft_.services) {
            const Key key{service.ports, service.zones, service.addresses, service.limit,
                          service.compose};
            const auto [entry, is_new] = known.emplace(key, out.size());
            if (is_new) {
                out.push_back(std::move(service));
                continue;
            }
            auto& target = out[entry->second];
            target.from.insert(target.from.end(), service.from.begin(), service.from.end());
            std::sort(target.from.begin(), target.from.end());
            target.from.erase(std::unique(target.from.begin(), target.from.end()),
                              target.from.end());
            if (target.name.empty()) target.name = service.name;
            target.origin.insert(target.origin.end(), service.origin.begin(), service.origin.end());
        }
        draft_.services = std::move(out);
    }

    const std::vector<MatchRule>& rules_;
    Draft& draft_;
    std::map<std::string, std::size_t> zone_of_;  // by interface, as written
    std::vector<Box> decided_;                    // by earlier rules
    std::vector<const MatchRule*> decided_by_;
    std::set<std::pair<const MatchRule*, const MatchRule*>> noted_;
};

}  // namespace

Result<> add_first_match(const std::vector<MatchRule>& rules, Draft& draft) {
    if (auto folded = Folding(rules, draft).run(); !folded) return folded;
    // Every rule is found again: in a service, in the list of what is not imported, or here.
    std::set<std::string> told;
    for (const auto& service : draft.services)
        told.insert(service.origin.begin(), service.origin.end());
    for (const auto& one : draft.unmapped) told.insert(one.where + ": " + one.text);
    for (const auto& rule : rules)
        if (const auto line = rule.where + ": " + rule.text; told.insert(line).second)
            draft.implied.push_back(line);
    return {};
}

}  // namespace portlid::policy
