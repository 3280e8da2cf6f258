// SPDX-License-Identifier: Apache-2.0
#include "rollout/guard.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "event/decode.hpp"
#include "policy/source_samples.hpp"

namespace portlid::rollout {

namespace {

policy::Judgement ask(const GuardInput& input, unsigned zone, const IpAddress& source,
                      const IpAddress& local, HostPort port) {
    return policy::judge_probe(*input.compiled, *input.tables,
                               {.zone = zone,
                                .protocol = IPPROTO_TCP,
                                .source = source,
                                .destination = local,
                                .port = port});
}

std::string saving_rule(const std::string& from, HostPort port) {
    return fmt::format("failsafe: [{{ ports: [{}/tcp], from: [\"{}\"] }}]", port.value, from);
}

// An own address of the family, for a source that says nothing of its target.
IpAddress any_own(const GuardInput& input, Family family) {
    for (const auto& own : input.tables->own)
        if (own.family() == family && !own.is_loopback() && !own.is_link_local()) return own;
    return IpAddress::any(family);
}

bool gets_in(const GuardInput& input, const IpAddress& who) {
    const auto local = any_own(input, who.family());
    return std::any_of(input.zones.begin(), input.zones.end(), [&](unsigned zone) {
        return std::any_of(input.ssh_ports.begin(), input.ssh_ports.end(), [&](HostPort port) {
            return ask(input, zone, who, local, port).verdict != VERDICT_drop;
        });
    });
}

// An address of `who` that does not get in: one of each kind that the policy tells apart is asked.
std::optional<IpAddress> left_out(const GuardInput& input, const Cidr& who) {
    if (!gets_in(input, who.address)) return who.address;
    auto alone = *input.policy;
    alone.management = {who};
    alone.management_text = {who.to_string()};
    for (const auto& sample : policy::source_samples(alone, input.tables->own))
        for (const auto& address : {sample.v4, sample.v6})
            if (address && who.contains(*address) && !gets_in(input, *address)) return address;
    return std::nullopt;
}

bool has_family(const GuardInput& input, Family family) {
    return std::any_of(input.tables->own.begin(), input.tables->own.end(), [&](const auto& own) {
        return own.family() == family && !own.is_loopback() && !own.is_link_local();
    });
}

void add_lifelines(const GuardInput& input, std::vector<Cut>& cuts) {
    for (const auto& line : input.lifelines) {
        auto tables = *input.tables;
        tables.flows = line.flows;
        const auto judged =
            policy::judge_frame(*input.compiled, tables, line.zone, line.packet, true);
        if (judged.verdict == VERDICT_drop)
            cuts.push_back(
                {fmt::format("{} ({})", line.what, event::reason_word(judged.why)), line.rule});
    }
}

}  // namespace

std::vector<Cut> guard(const GuardInput& input) {
    std::vector<Cut> cuts;
    add_lifelines(input, cuts);
    for (const auto& session : input.sessions) {
        const auto judged = ask(input, session.zone, session.peer, session.local, session.port);
        if (judged.verdict != VERDICT_drop) continue;
        cuts.push_back(
            {fmt::format("{} from {} to port {} ({})", session.via, session.peer.to_string(),
                         session.port.value, event::reason_word(judged.why)),
             saving_rule(session.peer.to_string(), session.port)});
    }
    if (input.ssh_ports.empty() || input.zones.empty()) return cuts;
    for (const auto& who : input.policy->management) {
        if (!has_family(input, who.address.family())) continue;
        const auto address = left_out(input, who);
        if (!address) continue;
        const auto name = who.to_string() == address->to_string()
                              ? who.to_string()
                              : who.to_string() + ", as " + address->to_string() + ",";
        cuts.push_back(
            {fmt::format("management {} to ssh (port {})", name, input.ssh_ports.front().value),
             saving_rule(who.to_string(), input.ssh_ports.front())});
    }
    return cuts;
}

std::string to_string(const std::vector<Cut>& cuts) {
    std::string text;
    for (const auto& cut : cuts)
        text += fmt::format("{}{}\n    add {}", text.empty() ? "" : "\n  ", cut.what, cut.rule);
    return text;
}

}  // namespace portlid::rollout
