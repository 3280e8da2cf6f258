// SPDX-License-Identifier: Apache-2.0
#include "policy/source_samples.hpp"

#include <algorithm>
#include <map>

#include "policy/text_answer.hpp"

namespace portlid::policy {

namespace {

__extension__ using Position = unsigned __int128;  // an address as a number, v4-mapped

struct NamedList {
    std::string name;
    std::vector<Cidr> members;
};
using Lists = std::vector<NamedList>;
using Membership = std::vector<std::size_t>;  // sorted indices into Lists

// A list begins or ceases to cover addresses.
struct Edge {
    Position at = 0;
    std::size_t list = 0;
    int change = 0;
};

constexpr Position kMappedFirst = Position{0xffff} << 32U;  // ::ffff:0.0.0.0
constexpr int kTriesPerStretch = 512;

// Never the source of a packet on a wire, or nobody's.
const std::vector<Cidr>& unusable() {
    static const std::vector<Cidr> kPrefixes = [] {
        std::vector<Cidr> out;
        for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/32", "ff00::/8"})
            out.push_back(*Cidr::parse(text));
        return out;
    }();
    return kPrefixes;
}

Position position_of(const IpAddress& address) {
    Position value = 0;
    for (const auto byte : address.bytes()) value = value << 8U | byte;
    return value;
}

IpAddress address_at(Position position) {
    ip_bytes bytes{};
    for (int i = 15; i >= 0; --i, position >>= 8U)
        bytes.bytes[i] = static_cast<std::uint8_t>(position & 0xffU);
    return IpAddress::from_bytes(bytes);
}

std::string joined_words(const std::vector<std::string>& words, const char* separator) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : separator) + word;
    return out;
}

// The same addresses twice are one list, under the name that came first.
void add_list(Lists& lists, const std::vector<std::string>& words, std::vector<Cidr> members) {
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    const bool known = std::any_of(lists.begin(), lists.end(),
                                   [&](const NamedList& list) { return list.members == members; });
    if (!known && !members.empty())
        lists.push_back({joined_words(words, ", "), std::move(members)});
}

Lists collect_lists(const Policy& policy) {
    Lists lists;
    for (const auto& service : policy.services) {
        if (!service.from_any) add_list(lists, service.from_text, service.from);
        if (service.limit) add_list(lists, service.limit->exempt, service.limit->exempt_members);
    }
    for (const auto& rule : policy.failsafe)
        if (!rule.from_any) add_list(lists, rule.from_text, rule.from);
    add_list(lists, policy.management_text, policy.management);
    add_list(lists, policy.deny_text, policy.deny);
    return lists;
}

class FamilySweep {
public:
    FamilySweep(const Lists& lists, Family family, const std::set<IpAddress>& own)
        : lists_(lists), family_(family), own_(own), covering_(lists.size() + 1, 0) {}

    // A sample for each membership that occurs.
    [[nodiscard]] std::map<Membership, IpAddress> run() {
        const auto edges = collect_edges();
        Position at = first();
        for (std::size_t i = 0; i <= edges.size(); ++i) {
            const auto next = i < edges.size() ? edges[i].at : end();
            if (next > at) visit(at, next);
            at = next;
            if (i < edges.size()) cover(edges[i]);
        }
        prefer_a_stranger();
        return std::move(samples_);
    }

private:
    [[nodiscard]] Position first() const { return family_ == Family::IPv4 ? kMappedFirst : 0; }
    // One past the last; that of IPv6 is not a Position, and the last address is multicast.
    [[nodiscard]] Position end() const {
        return family_ == Family::IPv4 ? kMappedFirst + (Position{1} << 32U) : ~Position{0};
    }

    [[nodiscard]] std::vector<Edge> collect_edges() const {
        std::vector<Edge> edges;
        const auto add = [&](const Cidr& prefix, std::size_t list) {
            if (prefix.address.family() != family_) return;
            const auto from = position_of(prefix.address);
            const auto host_bits = 128U - prefix.mapped_bits();
            // Shifting by 128 is not defined; ::/0 covers all there is.
            const auto to = host_bits >= 128 ? end() : from + (Position{1} << host_bits);
            edges.push_back({from, list, 1});
            edges.push_back({to == 0 ? end() : to, list, -1});
        };
        for (std::size_t i = 0; i < lists_.size(); ++i)
            for (const auto& member : lists_[i].members) add(member, i);
        for (const auto& prefix : unusable()) add(prefix, lists_.size());
        std::sort(edges.begin(), edges.end(),
                  [](const Edge& a, const Edge& b) { return a.at < b.at; });
        return edges;
    }

    void cover(const Edge& edge) {
        auto& depth = covering_[edge.list];
        const int before = depth;
        depth += edge.change;
        if (edge.list == lists_.size()) return;
        const auto place = std::lower_bound(active_.begin(), active_.end(), edge.list);
        if (before == 0) active_.insert(place, edge.list);
        if (depth == 0) active_.erase(place);
    }

    // [from, to) is in the lists of active_ and no other.
    void visit(Position from, Position to) {
        if (covering_[lists_.size()] != 0 || samples_.contains(active_)) return;
        // Not the first address of a net where there is a choice: it names the net.
        if (to - from > 2) ++from;
        for (int tries = 0; from < to && tries < kTriesPerStretch; ++from, ++tries) {
            const auto candidate = address_at(from);
            if (own_.contains(candidate)) continue;
            samples_.emplace(active_, candidate);
            return;
        }
    }

    // Of those in no list, one from the documentation ranges is nobody's (RFC 5737, RFC 3849).
    void prefer_a_stranger() {
        const auto found = samples_.find({});
        if (found == samples_.end()) return;
        for (const char* text : {"198.51.100.77", "203.0.113.77", "192.0.2.77",
                                 "2001:db8:ffff:77::77", "2001:db8:fffe:77::77"}) {
            const auto candidate = *IpAddress::parse(text);
            const bool in_some_list =
                std::any_of(lists_.begin(), lists_.end(),
                            [&](const NamedList& list) { return listed(list.members, candidate); });
            if (candidate.family() != family_ || in_some_list || own_.contains(candidate)) continue;
            found->second = candidate;
            return;
        }
    }

    const Lists& lists_;
    Family family_;
    const std::set<IpAddress>& own_;
    std::vector<int> covering_;  // by list, the last for unusable ones
    Membership active_;
    std::map<Membership, IpAddress> samples_;
};

std::string name_of(const Lists& lists, const Membership& membership) {
    if (membership.empty()) return lists.empty() ? "anyone" : "anyone else";
    std::vector<std::string> names;
    for (const auto list : membership) names.push_back(lists[list].name);
    return joined_words(names, " + ");
}

}  // namespace

std::vector<SourceSample> source_samples(const Policy& policy, const std::set<IpAddress>& own) {
    const auto lists = collect_lists(policy);
    std::map<Membership, SourceSample> merged;
    for (const auto family : {Family::IPv4, Family::IPv6}) {
        for (const auto& [membership, address] : FamilySweep(lists, family, own).run()) {
            auto& sample = merged[membership];
            (family == Family::IPv4 ? sample.v4 : sample.v6) = address;
        }
    }
    std::vector<SourceSample> out;
    for (auto& [membership, sample] : merged) {
        sample.name = name_of(lists, membership);
        sample.stranger = membership.empty();
        out.push_back(std::move(sample));
    }
    return out;
}

}  // namespace portlid::policy
