// SPDX-License-Identifier: Apache-2.0
#include "support/differential.hpp"

#include <cstdlib>

#include "policy/load.hpp"
#include "policy/owners.hpp"

namespace portlid::test {

namespace {

// Why the loader refused, or "" when only because the policy leaves no way in.
std::string refusal(const policy::LoadOutcome& outcome) {
    for (const auto& diagnostic : outcome.diagnostics)
        if (!diagnostic.warning && diagnostic.message.find("no way in") == std::string::npos)
            return to_string(diagnostic);
    return {};
}

bool load_random_policy(DifferentialRound& round, std::string& why) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        round.policy_text = random_policy(round.dice, round.clock);
        auto outcome = policy::load_text(round.policy_text, "random.yaml", ".");
        if (!outcome.ok()) {
            why = refusal(outcome);
            if (why.empty()) continue;
            return false;
        }
        round.policy = std::move(outcome.policy);
        auto compiled = policy::compile(round.policy);
        if (!compiled) {
            why = compiled.error().message;
            return false;
        }
        round.compiled = std::move(*compiled);
        return true;
    }
    why = "fifty policies without a way in";
    return false;
}

std::uint64_t number_from(const char* name, std::uint64_t by_default) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : by_default;
}

std::string hex(const Bytes& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const auto byte : bytes) {
        out += kDigits[byte / 16];
        out += kDigits[byte % 16];
    }
    return out;
}

std::string describe_flow(const ReferenceHost::Flow& flow) {
    return "flow protocol " + std::to_string(flow.protocol) + " " + flow.local.to_string() + " " +
           std::to_string(flow.local_port) + " -> " + flow.remote.to_string() + " " +
           std::to_string(flow.remote_port) + ", idle " + std::to_string(flow.idle_seconds) +
           " s\n";
}

}  // namespace

std::unique_ptr<DifferentialRound> make_round(std::uint64_t seed, Clock clock, std::string& why) {
    auto round = std::make_unique<DifferentialRound>();
    round->seed = seed;
    round->dice = Dice(seed);
    round->clock = clock;
    auto& dice = round->dice;
    round->host = random_host(dice);
    if (!load_random_policy(*round, why)) {
        why = "seed " + std::to_string(seed) + ": " + why + "\n" + round->policy_text;
        return nullptr;
    }
    round->networks = to_networks(round->host, round->policy);
    round->host.budgets_spent = dice.chance(20);
    if (clock == Clock::Own) round->host.enforced_for_ms = dice.pick({0U, 500000U, 100000000U});
    round->arrival.zone = dice.below(round->policy.zones.size());
    round->arrival.layer3 = dice.chance(15);
    round->arrival.force_monitor = dice.chance(10);
    if (!round->arrival.layer3 && dice.chance(85))
        std::copy(kHostMac.begin(), kHostMac.end(), round->arrival.mac.begin());
    return round;
}

Bytes next_frame(DifferentialRound& round) {
    if (round.clock == Clock::Own && round.dice.chance(30)) {
        const auto later = round.dice.pick({1U, 1000U, 29000U, 30000U, 59999U, 60000U});
        round.now_ms += later;
        round.host.enforced_for_ms += later;
    }
    return random_frame(round.dice, round.host, round.arrival.layer3);
}

ReferenceAnswer ask_model(DifferentialRound& round, const Bytes& frame) {
    return judge_slowly(round.policy, round.host, round.arrival, frame, round.limits, round.now_ms);
}

Bytes minimise(Bytes frame, const std::function<bool(const Bytes&)>& fails) {
    while (!frame.empty()) {
        auto shorter = frame;
        shorter.pop_back();
        if (!fails(shorter)) break;
        frame = shorter;
    }
    for (auto& byte : frame) {
        const auto kept = byte;
        byte = 0;
        if (kept != 0 && !fails(frame)) byte = kept;
    }
    return frame;
}

std::string describe(const DifferentialRound& round, const Bytes& frame) {
    std::string out = "PORTLID_SEED=" + std::to_string(round.seed) + "\n" + round.policy_text;
    for (const auto& flow : round.host.flows) out += describe_flow(flow);
    for (const auto& open : round.host.open_flows)
        out += (open.before_the_flip ? "open before the flip, " : "open after the flip, ") +
               describe_flow(open.flow);
    for (const auto& holder : round.host.holders) {
        out += "socket protocol " + std::to_string(holder.protocol) + " " +
               holder.address.to_string() + " " + std::to_string(holder.port) +
               (holder.v6only ? " v6only" : "");
        for (const auto& words : holder.owners) out += ", " + policy::owner_text({words});
        out += "\n";
    }
    for (const auto& ban : round.host.bans)
        out += "ban " + ban.source.to_string() + (ban.expired ? ", expired\n" : "\n");
    out += "enforced for " + std::to_string(round.host.enforced_for_ms) + " ms\n";
    for (const auto& [prefix, kind] : round.networks)
        out += "network " + prefix.to_string() + " kind " + std::to_string(kind) + "\n";
    out += "zone " + round.policy.zones[round.arrival.zone].name +
           (round.arrival.layer3 ? ", IP first" : ", Ethernet") +
           (round.arrival.tag_taken_off ? ", a tag taken off" : "") +
           (round.arrival.force_monitor ? ", forced to monitor" : "") +
           (round.arrival.mac[0] == 0 ? ", any station" : "") +
           (round.host.budgets_spent ? ", budgets spent" : "") + "\nframe " + hex(frame) + "\n";
    return out;
}

std::uint64_t wanted_frames(std::uint64_t by_default) {
    return number_from("PORTLID_FRAMES", by_default);
}

std::uint64_t wanted_seed() {
    return number_from("PORTLID_SEED", 1);
}

}  // namespace portlid::test
