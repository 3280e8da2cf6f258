// SPDX-License-Identifier: Apache-2.0
#include "rollout/labels.hpp"

#include <algorithm>

#include "abi/image.h"
#include "base/result.hpp"
#include "base/rfc3339.hpp"
#include "base/text.hpp"
#include "policy/lookups.hpp"
#include "rollout/request.hpp"

namespace portlid::rollout {

namespace {

using policy::LabelCeiling;
using policy::Policy;
using policy::PortProtocol;
using policy::PortRange;

constexpr std::string_view kPrefix = "portlid.";
constexpr const char* kFrom = "portlid.allow-from";
constexpr const char* kPorts = "portlid.allow-ports";
constexpr const char* kFor = "portlid.allow-for";
constexpr std::size_t kWords = 32;
constexpr std::size_t kPortsAtMost = 4096;  // of all containers together
constexpr std::size_t kShown = 64;
constexpr Family kFamilies[] = {Family::IPv4, Family::IPv6};

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (const auto word : split(text, ','))
        if (const auto bare = trim(word); !bare.empty()) words.emplace_back(bare);
    return words;
}

// "8080/tcp", "8000-8010/udp"; unlike at the command line the protocol has to be said.
std::optional<PortRange> port_range(const std::string& text) {
    if (text.find('/') == std::string::npos) return std::nullopt;
    const auto range = parse_ports(text);
    return range ? std::optional(*range) : std::nullopt;
}

// Sorted, neighbours and overlaps in one.
std::vector<PortRange> folded(std::vector<PortRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<PortRange> out;
    for (const auto& range : ranges) {
        if (!out.empty() && out.back().protocol == range.protocol &&
            range.first_host <= out.back().last_host + 1)
            out.back().last_host = std::max(out.back().last_host, range.last_host);
        else
            out.push_back(range);
    }
    return out;
}

std::string text_of(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : ", ") + printable(word, kShown);
    return out;
}

void read_ports(const std::string& text, LabelAsk& ask) {
    ask.ports.clear();
    for (const auto& word : words_of(text)) {
        const auto range = port_range(word);
        if (!range) {
            ask.problem = std::string(kPorts) + " has `" + printable(word, kShown) +
                          "`, which is no port like 8080/tcp or 8000-8010/udp";
            return;
        }
        ask.ports.push_back(*range);
    }
}

std::size_t port_count(const LabelAsk& ask) {
    std::size_t count = 0;
    for (const auto& range : ask.ports)
        count += static_cast<std::size_t>(range.last_host - range.first_host) + 1;
    return count;
}

bool is_known(const std::string& label) {
    return label == kFrom || label == kPorts || label == kFor;
}

struct AskedSources {
    bool any = false;
    std::vector<Cidr> prefixes;
    std::string problem;
};

AskedSources asked_sources(const Policy& policy, const std::vector<std::string>& words) {
    AskedSources asked;
    for (const auto& word : words) {
        if (const auto* set = policy::find_set(policy, word))
            asked.prefixes.insert(asked.prefixes.end(), set->members.begin(), set->members.end());
        else if (const auto prefix = Cidr::parse(word))
            asked.prefixes.push_back(*prefix);
        else if (word == "any")
            asked.any = true;
        else
            asked.problem = std::string(kFrom) + " has `" + printable(word, kShown) +
                            "`, which is neither a set of the policy, a prefix nor `any`";
    }
    return asked;
}

bool within(const Cidr& inner, const Cidr& outer) {
    return outer.address.family() == inner.address.family() && outer.bits <= inner.bits &&
           outer.contains(inner.address);
}

// Prefixes of one family, none within another: the only one that may hold an address is the last
// that begins at or before it. Sets are as long as files are.
std::vector<Cidr> outermost(std::vector<Cidr> prefixes, Family family) {
    std::erase_if(prefixes, [&](const Cidr& one) { return one.address.family() != family; });
    std::sort(prefixes.begin(), prefixes.end());
    std::vector<Cidr> out;
    for (const auto& one : prefixes)
        if (out.empty() || !within(one, out.back())) out.push_back(one);
    return out;
}

bool all_within(const std::vector<Cidr>& inner, const std::vector<Cidr>& outer) {
    return std::all_of(inner.begin(), inner.end(), [&](const Cidr& one) {
        const auto after = std::upper_bound(
            outer.begin(), outer.end(), one.address,
            [](const IpAddress& address, const Cidr& other) { return address < other.address; });
        return after != outer.begin() && within(one, *std::prev(after));
    });
}

bool covers(const LabelCeiling& ceiling, const AskedSources& asked) {
    if (ceiling.from_any) return true;
    if (asked.any) return false;
    return std::all_of(std::begin(kFamilies), std::end(kFamilies), [&](Family family) {
        return all_within(outermost(asked.prefixes, family), outermost(ceiling.from, family));
    });
}

// One container's ask under one policy.
class Weighing {
public:
    Weighing(const Policy& policy, const LabelAsk& ask)
        : policy_(policy), ask_(ask), asked_(asked_sources(policy, ask.from)) {
        if (!ask.length.empty()) length_ = parse_duration(ask.length);
        for (const auto& ceiling : policy.label_ceiling)
            covered_.push_back(covers(ceiling, asked_));
    }

    // Why nothing of it can be opened at all; empty: port by port.
    [[nodiscard]] std::string problem() const {
        if (!ask_.problem.empty()) return ask_.problem;
        if (!asked_.problem.empty()) return asked_.problem;
        if (!ask_.length.empty() && (!length_ || length_->count() <= 0))
            return std::string(kFor) + " is `" + printable(ask_.length, kShown) +
                   "`, which is no duration like 30m or 24h";
        return {};
    }
    // The opening ends at `until`; none = when the container does. An error says why not.
    [[nodiscard]] Result<std::optional<BootTime>> judge(PortProtocol protocol,
                                                        std::uint32_t port) const {
        bool named = false;
        bool covered = false;
        std::optional<Result<std::optional<BootTime>>> best;
        for (std::size_t i = 0; i < covered_.size(); ++i) {
            const auto& ceiling = policy_.label_ceiling[i];
            if (!policy::names(ceiling.ports, protocol, port)) continue;
            named = true;
            if (!covered_[i]) continue;
            covered = true;
            if (length_ && ceiling.for_at_most && *length_ > *ceiling.for_at_most) continue;
            auto until = end_under(ceiling);
            if (!best || !*best || (until && later(*until, **best))) best = std::move(until);
        }
        if (best) return std::move(*best);
        if (!named) return fail("no ceiling names the port");
        if (!covered) return fail("no ceiling of the port lets `" + text_of(ask_.from) + "` in");
        return fail("no ceiling of the port lasts " + printable(ask_.length, kShown));
    }

private:
    static bool later(const std::optional<BootTime>& a, const std::optional<BootTime>& b) {
        return b && (!a || *a > *b);
    }
    [[nodiscard]] Result<std::optional<BootTime>> end_under(const LabelCeiling& ceiling) const {
        const auto length = length_ ? length_ : ceiling.for_at_most;
        if (!length) return std::optional<BootTime>();
        if (!ask_.started_at)
            return fail(
                "it may be open for some time only, and the engine does not say when the "
                "container started");
        return std::optional(
            BootTime{ask_.started_at->ns + static_cast<std::uint64_t>(length->count())});
    }

    const Policy& policy_;
    const LabelAsk& ask_;
    AskedSources asked_;
    std::optional<std::chrono::nanoseconds> length_;
    std::vector<bool> covered_;  // the sources, by which ceiling
};

// Limits and owners that one port has, of the operator and of labels so far: what does not fit
// would make the whole policy unfit.
class Crowd {
public:
    explicit Crowd(const Policy& policy) : policy_(policy) {}
    [[nodiscard]] bool has_room(PortProtocol protocol, std::uint32_t port) {
        auto& count = counts_[{protocol, port}];
        if (count == 0)
            count = static_cast<unsigned>(std::count_if(
                policy_.services.begin(), policy_.services.end(), [&](const auto& service) {
                    return (service.limit || service.owner) &&
                           policy::names(service.ports, protocol, port);
                }));
        if (count >= MAX_CHAINED_CONDITIONS) return false;
        ++count;
        return true;
    }

private:
    const Policy& policy_;
    std::map<std::pair<PortProtocol, std::uint32_t>, unsigned> counts_;
};

policy::Service service_of(const LabelAsk& ask, const Policy& policy, std::string name) {
    policy::Service service;
    const auto asked = asked_sources(policy, ask.from);
    service.name = std::move(name);
    service.place.file = "labels of container " + printable(ask.container, kShown);
    service.from_any = asked.any;
    if (!asked.any) {
        service.from = asked.prefixes;
        service.from_text = ask.from;
    }
    service.owner = policy::Owner{{{"id", ask.id}}};
    return service;
}

using Names = std::vector<std::string>;

std::string free_name(Names& taken, const LabelAsk& ask) {
    const auto plain = "label " + printable(ask.container, kShown);
    auto name = plain;
    for (unsigned n = 2; std::find(taken.begin(), taken.end(), name) != taken.end(); ++n)
        name = plain + " (" + std::to_string(n) + ")";
    taken.push_back(name);
    return name;
}

LabelAnswer weigh_one(const Policy& policy, const LabelAsk& ask, BootTime now, Crowd& crowd,
                      Names& taken) {
    LabelAnswer answer;
    const Weighing weighing(policy, ask);
    if (auto problem = weighing.problem(); !problem.empty()) {
        answer.refused.push_back(std::move(problem));
        return answer;
    }
    std::map<std::optional<BootTime>, std::vector<PortRange>> open;
    std::map<std::string, std::vector<PortRange>> refused;
    for (const auto& range : ask.ports)
        for (std::uint32_t port = range.first_host; port <= range.last_host; ++port) {
            const auto at = static_cast<std::uint16_t>(port);
            const PortRange one{range.protocol, at, at};
            const auto until = weighing.judge(range.protocol, port);
            if (!until)
                refused[until.error().message].push_back(one);
            else if (*until && **until <= now)
                answer.ended.push_back(one);
            else if (!crowd.has_room(range.protocol, port))
                refused["others have asked for the port already"].push_back(one);
            else
                open[*until].push_back(one);
        }
    for (auto& [until, ports] : open) {
        auto service = service_of(ask, policy, free_name(taken, ask));
        service.ports = folded(std::move(ports));
        answer.openings.push_back({std::move(service), until});
    }
    for (auto& [why, ports] : refused)
        for (const auto& range : folded(std::move(ports)))
            answer.refused.push_back(policy::to_string(range) + ": " + why);
    answer.ended = folded(std::move(answer.ended));
    return answer;
}

}  // namespace

std::optional<LabelAsk> read_labels(const LabelSource& source) {
    LabelAsk ask{source.id, source.container, folded(source.published), {}, {}, source.started, {},
                 {}};
    bool asks = false;
    for (const auto& [label, value] : source.labels) {
        if (!label.starts_with(kPrefix)) continue;
        asks = true;
        if (!is_known(label))
            ask.problem = "there is no label `" + printable(label, kShown) +
                          "`: portlid.allow-from, allow-ports and allow-for are read";
        if (label == kFrom) ask.from = words_of(value);
        if (label == kFor) ask.length = value;
    }
    if (!asks) return std::nullopt;
    if (const auto ports = source.labels.find(kPorts); ports != source.labels.end())
        read_ports(ports->second, ask);
    ask.ports = folded(std::move(ask.ports));
    if (!ask.problem.empty()) return ask;
    if (ask.from.empty())
        ask.problem = std::string(kFrom) + " is missing or empty: it says who may come in";
    else if (ask.from.size() > kWords)
        ask.problem = std::string(kFrom) + " has more than " + std::to_string(kWords) + " words";
    else if (ask.ports.empty())
        ask.problem = "the container publishes no port, and portlid.allow-ports names none";
    return ask;
}

std::optional<BootTime> started_at(const std::string& text, BootTime now, WallTime wall) {
    const auto started = parse_rfc3339(text);
    if (!started) return std::nullopt;
    const auto ago = (wall - *started).count();
    if (ago <= 0) return now;
    const auto ago_ns = static_cast<std::uint64_t>(ago);
    return BootTime{ago_ns < now.ns ? now.ns - ago_ns : 0};
}

std::vector<LabelAnswer> weigh(const Policy& policy, const std::vector<LabelAsk>& asks,
                               BootTime now) {
    std::vector<LabelAnswer> answers(asks.size());
    if (!policy.labels_present || asks.empty()) return answers;
    Crowd crowd(policy);
    Names taken;
    for (const auto& service : policy.services) taken.push_back(service.name);
    std::size_t ports = 0;
    for (std::size_t i = 0; i < asks.size(); ++i) {
        const auto wanted = port_count(asks[i]);
        if (ports + wanted > kPortsAtMost) {
            answers[i].refused.push_back("containers ask for more than " +
                                         std::to_string(kPortsAtMost) + " ports in all");
            continue;
        }
        ports += wanted;
        answers[i] = weigh_one(policy, asks[i], now, crowd, taken);
    }
    return answers;
}

}  // namespace portlid::rollout
