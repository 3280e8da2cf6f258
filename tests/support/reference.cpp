// SPDX-License-Identifier: Apache-2.0
#include "support/reference.hpp"

#include <algorithm>
#include <array>

namespace portlid::test {

namespace {

using policy::Action;
using policy::FailsafeRule;
using policy::Mode;
using policy::Policy;
using policy::PortRange;
using policy::Service;

#define WORD_OF_REASON(number, name, row, sentence) #name,
constexpr std::array kReasonWords {
    PORTLID_REASONS(WORD_OF_REASON)
};
#undef WORD_OF_REASON
constexpr std::array kVerdictWords{"allow", "drop", "would_drop"};

constexpr unsigned kFlowIdleSeconds = 300;  // bpf/README.md
constexpr unsigned kEchoIdleSeconds = 60;

bool in_any(const std::vector<Cidr>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const Cidr& prefix) { return prefix.contains(address); });
}

bool names_port(const std::vector<PortRange>& ranges, unsigned protocol, unsigned port) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& range) {
        return static_cast<unsigned>(range.protocol) == protocol && range.first_host <= port &&
               port <= range.last_host;
    });
}

bool v4_octets_all(const IpAddress& address, std::uint8_t value) {
    const auto& b = address.bytes();
    return std::all_of(b.begin() + 12, b.end(), [&](auto byte) { return byte == value; });
}

bool multicast(const IpAddress& address, bool v4) {
    return v4 ? address.bytes()[12] / 16 == 14 : address.bytes()[0] == 0xff;
}

// One new flow, as a service or a quoted packet's port is asked about it.
struct NewFlow {
    IpAddress source;
    IpAddress destination;
    unsigned protocol = 0;
    unsigned port = 0;
};

class Table {
public:
    Table(const Policy& policy, const ReferenceHost& host, const Arrival& arrival,
          const ParsedFrame& packet, ReferenceLimits& limits, std::uint64_t now_ms)
        : policy_(policy),
          host_(host),
          zone_(policy.zones[arrival.zone]),
          force_monitor_(arrival.force_monitor),
          p_(packet),
          limits_(limits),
          now_ms_(now_ms) {}

    // The rows that apply, in the order of the table.
    ReferenceAnswer decide() {
        if (p_.status == ParsedFrame::Status::NotIp) {
            allow(REASON_not_ip);
        } else if (p_.status == ParsedFrame::Status::Malformed) {
            drop(REASON_malformed);
        } else {
            martian();
            if (p_.later())
                later_fragment();
            else
                whole_packet();
        }
        return answer();
    }

private:
    struct Row {
        verdict_word verdict;
        reason why;
        std::string rule;
    };

    void allow(reason why, const std::string& rule = {}) {
        rows_.push_back({VERDICT_allow, why, rule});
    }
    void drop(reason why, Mode mode) {
        const bool real = mode == Mode::Enforce && !force_monitor_;
        rows_.push_back({real ? VERDICT_drop : VERDICT_would_drop, why, {}});
    }
    void drop(reason why) { drop(why, mode_of(policy_, zone_)); }

    ReferenceAnswer answer() const {
        ReferenceAnswer out;
        out.verdict = rows_.front().verdict;
        out.rule = rows_.front().rule;
        out.uses_budget = uses_budget_;
        out.uses_limit = uses_limit_;
        out.reasons.push_back(rows_.front().why);
        for (const auto& row : rows_) {
            const bool other_drop = row.verdict == out.verdict && row.verdict != VERDICT_allow;
            // Whatever its flow, a packet that is only passing through needs no look-up.
            const bool transit = row.verdict == VERDICT_allow && row.why == REASON_transit;
            if ((other_drop || (transit && out.verdict == VERDICT_allow)) &&
                !out.accepts(row.verdict, row.why))
                out.reasons.push_back(row.why);
        }
        return out;
    }

    void whole_packet() {
        if (essential()) allow(REASON_essential);
        if (p_.icmp_error()) icmp_error();
        if (reply()) allow(REASON_reply);
        destination_rows();
        if (own_address() && in_failsafe(flow())) allow(REASON_failsafe);
        if (banned()) drop(REASON_banned);
        if (in_any(policy_.deny, p_.source)) drop(REASON_denied);
        if (p_.tcp() || p_.udp())
            port_rows();
        else
            protocol_rows();
    }

    // ---- row 2 ----
    static bool never_on_a_wire(const IpAddress& address, bool v4, bool is_mapped) {
        if (v4) return address.bytes()[12] == 127;
        return is_mapped || address.is_loopback();
    }
    void martian() {
        const bool v4 = p_.v4();
        if (never_on_a_wire(p_.source, v4, p_.mapped_source) ||
            never_on_a_wire(p_.destination, v4, p_.mapped_destination) ||
            multicast(p_.source, v4) || (v4 && v4_octets_all(p_.source, 255)) || own(p_.source))
            drop(REASON_martian);
    }

    // ---- rows 3 and 4 ----
    bool essential() const {
        if (p_.udp() && p_.v4()) return p_.source_port == 67 && p_.destination_port == 68;
        if (p_.udp()) {
            static const Cidr kLinkLocal = *Cidr::parse("fe80::/10");
            return p_.source_port == 547 && p_.destination_port == 546 &&
                   kLinkLocal.contains(p_.source);
        }
        if (p_.v4()) return p_.protocol == 2;
        if (!p_.icmp()) return false;
        if (p_.icmp_type >= 133 && p_.icmp_type <= 137) return p_.hop_limit == 255;
        const bool listener = (p_.icmp_type >= 130 && p_.icmp_type <= 132) || p_.icmp_type == 143;
        return listener && p_.hop_limit == 1;
    }
    void icmp_error() {
        if (p_.quoted && quote_is_known(*p_.quoted)) return allow(REASON_essential);
        uses_budget_ = true;
        if (host_.budgets_spent)
            drop(REASON_limited);
        else
            allow(REASON_essential);
    }
    bool quote_is_known(const QuotedPacket& quote) const {
        const ReferenceHost::Flow wanted{quote.local,       quote.remote,   quote.local_port,
                                         quote.remote_port, quote.protocol, 0};
        if (known(wanted) || honoured(wanted)) return true;
        if (quote.protocol != 6 && quote.protocol != 17) return false;
        return port_is_open({quote.remote, quote.local, quote.protocol, quote.local_port});
    }
    void later_fragment() {
        uses_budget_ = true;
        if (host_.budgets_spent)
            drop(REASON_fragment_flood);
        else
            allow(REASON_fragment);
    }

    // ---- row 5 ----
    bool pure_syn() const { return p_.tcp() && p_.syn && !p_.ack; }
    bool known(const ReferenceHost::Flow& wanted) const {
        const bool echo = wanted.protocol == 1 || wanted.protocol == 58;
        const auto limit = echo ? kEchoIdleSeconds : kFlowIdleSeconds;
        return std::any_of(host_.flows.begin(), host_.flows.end(), [&](const auto& flow) {
            return flow.local == wanted.local && flow.remote == wanted.remote &&
                   flow.local_port == wanted.local_port && flow.remote_port == wanted.remote_port &&
                   flow.protocol == wanted.protocol &&
                   (wanted.protocol == 6 || flow.idle_seconds < limit);
        });
    }
    bool reply() const {
        if (pure_syn()) return false;
        if (p_.icmp()) {
            return p_.echo_reply() &&
                   known({p_.destination, p_.source, p_.icmp_id, 0, p_.protocol, 0});
        }
        return known(
            {p_.destination, p_.source, p_.destination_port, p_.source_port, p_.protocol, 0});
    }

    // ---- rows 6 to 8 ----
    bool own(const IpAddress& address) const {
        return std::find(host_.own.begin(), host_.own.end(), address) != host_.own.end();
    }
    const ReferenceHost::Network* network() const {
        const ReferenceHost::Network* best = nullptr;
        for (const auto& network : host_.networks)
            if (network.prefix.contains(p_.destination) &&
                (best == nullptr || network.prefix.bits > best->prefix.bits))
                best = &network;
        return best;
    }
    bool in_network(ReferenceHost::Network::Kind kind) const {
        return network() != nullptr && network()->kind == kind;
    }
    // An unknown address of a connected prefix counts as own (architecture, decision 7), unless the
    // frame goes to somebody else's station.
    bool own_address() const {
        return own(p_.destination) || (!to_everybody() && !p_.other_station &&
                                       in_network(ReferenceHost::Network::Kind::Connected));
    }
    // 0.0.0.0 is an old way to write the limited broadcast (RFC 1122, 3.2.1.3), and Linux delivers
    // it as one.
    bool to_everybody() const {
        if (multicast(p_.destination, p_.v4())) return true;
        if (!p_.v4()) return false;
        return v4_octets_all(p_.destination, 255) || v4_octets_all(p_.destination, 0) ||
               in_network(ReferenceHost::Network::Kind::Broadcast);
    }
    void destination_rows() {
        if (own_address() || to_everybody()) return;
        if (!in_network(ReferenceHost::Network::Kind::Container)) {
            if (policy_.transit == Action::Allow) return allow(REASON_transit);
            return drop(REASON_transit);
        }
        if (!in_any(policy_.routed, p_.destination)) drop(REASON_direct_to_container);
    }
    bool in_failsafe(const NewFlow& flow) const {
        return std::any_of(policy_.failsafe.begin(), policy_.failsafe.end(),
                           [&](const FailsafeRule& rule) {
                               return names_port(rule.ports, flow.protocol, flow.port) &&
                                      (rule.from_any || in_any(rule.from, flow.source));
                           });
    }

    // ---- row 9 ----
    bool banned() const {
        return std::any_of(host_.bans.begin(), host_.bans.end(), [&](const auto& ban) {
            return !ban.expired && ban.source.contains(p_.source);
        });
    }

    // ---- row 10 ----
    void protocol_rows() {
        const auto& listed = policy_.protocols;
        if (p_.echo_request())
            policy_.ping == Action::Allow ? allow(REASON_ping) : drop(REASON_ping_denied);
        else if (std::find(listed.begin(), listed.end(), p_.protocol) != listed.end())
            allow(REASON_protocol);
        else
            drop(REASON_protocol_denied);
    }

    // ---- rows 11, 13 and 14 ----
    NewFlow flow() const { return {p_.source, p_.destination, p_.protocol, p_.destination_port}; }
    bool in_zone(const Service& service) const {
        const auto& zones = service.zones;
        return zones.empty() || std::find(zones.begin(), zones.end(), zone_.name) != zones.end();
    }
    bool names(const Service& service, const NewFlow& flow) const {
        const auto& addresses = service.addresses;
        if (!in_zone(service)) return false;
        if (!addresses.empty() &&
            std::find(addresses.begin(), addresses.end(), flow.destination) == addresses.end())
            return false;
        return names_port(service.ports, flow.protocol, flow.port);
    }
    // The sockets that a packet to this place goes to: those of its very address, else those of
    // every address; a container that is routed to has only its own.
    std::vector<const ReferenceHost::Holder*> sockets_of(const NewFlow& flow, bool routed) const {
        std::vector<const ReferenceHost::Holder*> exact, wild;
        for (const auto& holder : host_.holders) {
            if (holder.protocol != flow.protocol || holder.port != flow.port) continue;
            const bool v4 = flow.destination.family() == Family::IPv4;
            const bool v4_too = holder.address == IpAddress::any(Family::IPv6) && !holder.v6only;
            if (holder.address == flow.destination)
                exact.push_back(&holder);
            else if (holder.address == IpAddress::any(flow.destination.family()) || (v4 && v4_too))
                wild.push_back(&holder);
        }
        if (!exact.empty() || routed) return exact;
        return wild;
    }
    // Somebody sits there, and everybody who does is the owner.
    bool owner_holds(const policy::Owner& owner, const NewFlow& flow, bool routed) const {
        const auto sockets = sockets_of(flow, routed);
        return !sockets.empty() &&
               std::all_of(sockets.begin(), sockets.end(),
                           [&](const auto* socket) { return socket->belongs_to(owner); });
    }
    bool to_routed_container() const {
        return !own_address() && !to_everybody() &&
               in_network(ReferenceHost::Network::Kind::Container);
    }
    bool owner_is_there(const Service& service, const NewFlow& flow, bool routed) const {
        return !service.owner || owner_holds(*service.owner, flow, routed);
    }
    bool admits(const Service& service, const NewFlow& flow, bool routed) const {
        if (!owner_is_there(service, flow, routed)) return false;
        return service.from_any || in_any(service.from, flow.source);
    }
    bool port_is_open(const NewFlow& flow) const {
        if (in_failsafe(flow)) return true;
        bool named = false;
        for (const auto& service : policy_.services) {
            if (!names(service, flow)) continue;
            if (admits(service, flow, false)) return true;
            named = true;
        }
        return !named && zone_.default_action == Action::Allow;
    }
    static bool limited(const Service& service, const NewFlow& flow) {
        return service.limit && !in_any(service.limit->exempt_members, flow.source);
    }
    // A limit is asked only by a packet that nothing before it decides, and only by a pure SYN.
    bool lets_in(const Service& service) {
        if (!limited(service, flow()) || !pure_syn() || !rows_.empty()) return true;
        uses_limit_ = true;
        return limits_.allows(service, p_.source, now_ms_);
    }
    void port_rows() {
        std::vector<const Service*> naming;
        const bool routed = to_routed_container();
        for (const auto& service : policy_.services)
            if (names(service, flow())) naming.push_back(&service);
        for (const auto* service : naming)
            if (admits(*service, flow(), routed) && !(limited(*service, flow()) && pure_syn()))
                return allow(REASON_allowed, service->name);
        for (const auto* service : naming)
            if (admits(*service, flow(), routed) && lets_in(*service))
                return allow(REASON_allowed, service->name);
        if (!naming.empty())
            closed_by(naming);
        else if (zone_.default_action == Action::Allow)
            allow(REASON_zone_default);
        else
            closed_by({});
    }
    // Dropped when any of them enforces; each may say why. None: the zone itself.
    void closed_by(const std::vector<const Service*>& services) {
        auto mode = services.empty() ? mode_of(policy_, zone_) : Mode::Monitor;
        for (const auto* service : services)
            if (mode_of(policy_, zone_, *service) == Mode::Enforce) mode = Mode::Enforce;
        if (mode == Mode::Enforce && grandfathered()) return allow(REASON_grandfathered);
        if (services.empty()) drop(REASON_no_service, mode);
        for (const auto* service : services) {
            const bool source = service->from_any || in_any(service->from, p_.source);
            const bool owner = owner_is_there(*service, flow(), to_routed_container());
            drop(!source  ? REASON_source_not_allowed
                 : !owner ? REASON_owner_absent
                          : REASON_limited,
                 mode);
        }
    }

    // ---- row 12 ----
    bool zone_enforces() const {
        const auto& services = policy_.services;
        return mode_of(policy_, zone_) == Mode::Enforce ||
               std::any_of(services.begin(), services.end(), [&](const Service& service) {
                   return in_zone(service) && mode_of(policy_, zone_, service) == Mode::Enforce;
               });
    }
    bool honoured(const ReferenceHost::Flow& wanted) const {
        using Ms = std::chrono::milliseconds;
        if (wanted.protocol != 6 || !zone_enforces()) return false;
        if (zone_.existing && Ms(host_.enforced_for_ms) >= *zone_.existing) return false;
        return std::any_of(host_.open_flows.begin(), host_.open_flows.end(), [&](const auto& open) {
            const auto& flow = open.flow;
            return open.before_the_flip && flow.local == wanted.local &&
                   flow.remote == wanted.remote && flow.local_port == wanted.local_port &&
                   flow.remote_port == wanted.remote_port;
        });
    }
    bool grandfathered() const {
        return p_.tcp() && !p_.syn &&
               honoured({p_.destination, p_.source, p_.destination_port, p_.source_port, 6, 0});
    }

    const Policy& policy_;
    const ReferenceHost& host_;
    const policy::Zone& zone_;
    const bool force_monitor_;
    const ParsedFrame& p_;
    ReferenceLimits& limits_;
    const std::uint64_t now_ms_;
    std::vector<Row> rows_;
    bool uses_budget_ = false;
    bool uses_limit_ = false;
};

}  // namespace

const char* word_of(reason why) {
    return why < kReasonWords.size() ? kReasonWords[why] : "?";
}
const char* word_of(verdict_word verdict) {
    return verdict < kVerdictWords.size() ? kVerdictWords[verdict] : "?";
}

bool ReferenceAnswer::accepts(verdict_word word, reason why) const {
    return word == verdict && std::find(reasons.begin(), reasons.end(), why) != reasons.end();
}

std::string ReferenceAnswer::to_string() const {
    std::string text = word_of(verdict);
    for (const auto why : reasons) text += std::string(" ") + word_of(why);
    return text;
}

// bpf/README.md, "Limits": a list of stamps, as xt_recent keeps one. IPv6 sources count by their
// /64.
bool ReferenceLimits::allows(const policy::Service& service, const IpAddress& source,
                             std::uint64_t now_ms) {
    auto who = source;
    if (source.family() == Family::IPv6) {
        auto bytes = source.bytes();
        std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
        who = IpAddress::from_v6(bytes.data());
    }
    const auto period_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(service.limit->per).count());
    auto& stamps_ms = stamps_ms_[{service.name, who}];
    std::erase_if(stamps_ms, [&](std::uint64_t at_ms) { return now_ms - at_ms > period_ms; });
    stamps_ms.push_back(now_ms);
    if (stamps_ms.size() < service.limit->new_flows) return true;
    stamps_ms.push_back(now_ms);
    return false;
}

ReferenceAnswer judge_slowly(const policy::Policy& policy, const ReferenceHost& host,
                             const Arrival& arrival, std::span<const std::uint8_t> frame,
                             ReferenceLimits& limits, std::uint64_t now_ms) {
    const auto packet = parse_slowly(frame, {arrival.layer3, arrival.tag_taken_off, arrival.mac});
    return Table(policy, host, arrival, packet, limits, now_ms).decide();
}

}  // namespace portlid::test
