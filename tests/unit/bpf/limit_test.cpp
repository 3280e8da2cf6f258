// SPDX-License-Identifier: Apache-2.0
// `limit: N/period`, natively: the same code that the kernel runs under its lock.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "policy/simulate.hpp"
#include "support/packet.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "lib/limit.h"
#pragma GCC diagnostic pop

namespace portlid {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMs;

// The condition that the compiler makes of `limit: { new: N/PERIODs }`.
condition rule_of(unsigned new_flows, unsigned period_s) {
    const auto text = fmt::format(
        "version: 1\nmode: enforce\nzones: {{ public: {{ interfaces: [eth0] }} }}\n"
        "services: [{{ name: ssh, ports: [22/tcp], limit: {{ new: {}/{}s }} }}]\n",
        new_flows, period_s);
    auto compiled = policy::compile(policy::load_text(text, "policy.yaml", ".").policy);
    return compiled->image->conditions[1];
}

ip_bytes source(unsigned number) {
    return IpAddress::parse(
               fmt::format("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255))
        ->to_bytes();
}

// A table and a clock.
struct Door {
    condition rule;
    policy::LimitTable table;
    std::uint64_t now_ns = 100 * kSecond;

    explicit Door(const condition& wanted) : rule(wanted) { table.seed = hash_seed_of(11); }
    int knock(unsigned who) {
        const auto from = source(who);
        const auto key = limit_key(&table.seed, &from, rule.key);
        return limit_try(&table.sets[key & (LIMIT_SETS - 1)], key, &rule, now_ns);
    }
    bool refused(unsigned who = 1) { return (knock(who) & LIMIT_REFUSED) != 0; }
};

// xt_recent as `ufw limit` asks it (--set; --update --seconds P --hitcount N), kept as a list.
struct SlowLimit {
    unsigned new_flows;
    std::uint64_t period_ms;
    std::deque<std::uint64_t> stamps_ms{};

    bool refused(std::uint64_t now_ns) {
        const auto now_ms = now_ns / kMs;
        while (!stamps_ms.empty() && now_ms - stamps_ms.front() > period_ms) stamps_ms.pop_front();
        stamps_ms.push_back(now_ms);  // --set
        if (stamps_ms.size() < new_flows) return false;
        stamps_ms.push_back(now_ms);  // --update of one that matched
        return true;
    }
};

TEST(Limit, RefusesTheSixthTryWithinThirtySecondsAndLaterOnes) {
    Door door(rule_of(6, 30));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(door.refused()) << i;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(door.refused()) << i;
    EXPECT_FALSE(door.refused(2)) << "another source";
}

TEST(Limit, RefusesUntilThePeriodPassesWithoutATry) {
    // A refused try counts twice, so up to three one in a period is enough to stay refused.
    for (const unsigned new_flows : {2U, 3U}) {
        Door door(rule_of(new_flows, 30));
        for (unsigned i = 1; i < new_flows; ++i) EXPECT_FALSE(door.refused());
        EXPECT_TRUE(door.refused());
        for (int i = 0; i < 3; ++i) {
            door.now_ns += 30 * kSecond;
            EXPECT_TRUE(door.refused()) << "every try starts the wait again";
        }
        door.now_ns += 30 * kSecond + kMs;
        EXPECT_FALSE(door.refused());
    }
}

TEST(Limit, LetsInWhoComesRarelyAsUfwDoes) {
    Door door(rule_of(6, 30));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(door.refused());
    EXPECT_TRUE(door.refused());
    door.now_ns += 12 * kSecond;
    EXPECT_TRUE(door.refused());
    door.now_ns += 12 * kSecond;
    EXPECT_TRUE(door.refused());
    door.now_ns += 12 * kSecond;
    EXPECT_FALSE(door.refused()) << "two refused tries and this one are five stamps in 30 s";
    EXPECT_TRUE(door.refused()) << "and the sixth";
    for (int i = 0; i < 5; ++i) {
        door.now_ns += 10 * kSecond - 1;
        EXPECT_TRUE(door.refused()) << "three in a period keep the door shut";
    }
}

TEST(Limit, CountsOnlyWhatLiesWithinThePeriod) {
    Door door(rule_of(3, 30));
    EXPECT_FALSE(door.refused());
    door.now_ns += 20 * kSecond;
    EXPECT_FALSE(door.refused());
    door.now_ns += 10 * kSecond + kMs;  // the first is 30.001 s old
    EXPECT_FALSE(door.refused());
    door.now_ns += 10 * kSecond - kMs;  // the second is exactly 30 s old
    EXPECT_TRUE(door.refused());
}

TEST(Limit, CountsOnForEver) {
    Door door(rule_of(6, 30));
    for (int i = 0; i < 6; ++i) door.knock(1);
    const auto from = source(1);
    const auto key = limit_key(&door.table.seed, &from, door.rule.key);
    for (auto& cell : door.table.sets[key & (LIMIT_SETS - 1)].cells)
        if (cell.key == key) cell.tries += (1U << 30U) / 5 * 5 - 20;  // whole rounds of the ring
    SlowLimit slow{6, 30'000, std::deque<std::uint64_t>(7, door.now_ns / kMs)};
    for (int i = 0; i < 50; ++i) {
        door.now_ns += (i % 8 == 0 ? 13 : 6) * kSecond;
        ASSERT_EQ(door.refused(), slow.refused(door.now_ns)) << i;
    }
}

TEST(Limit, RefusesEverythingWhenTheFirstIsAlreadyOneTooMany) {
    Door door(rule_of(1, 30));
    EXPECT_TRUE(door.refused());
    door.now_ns += 31 * kSecond;
    EXPECT_TRUE(door.refused());
}

TEST(Limit, AgreesWithAListOfStampsUpToTwelve) {
    std::mt19937_64 random(20260301);
    for (const unsigned new_flows : {1U, 2U, 3U, 6U, 11U, 12U}) {
        SCOPED_TRACE(new_flows);
        Door door(rule_of(new_flows, 10));
        ASSERT_EQ(door.rule.stride, 1U);
        SlowLimit slow{new_flows, 10'000};
        unsigned refusals = 0;
        for (int i = 0; i < 20000; ++i) {
            // Around the rate that is just allowed, with a pause now and then.
            door.now_ns += random() % (20 * kSecond / (new_flows + 1)) + random() % kMs;
            if (random() % 50 == 0) door.now_ns += 9 * kSecond + random() % (2 * kSecond);
            const bool expected = slow.refused(door.now_ns);
            ASSERT_EQ(door.refused(), expected) << "try " << i;
            refusals += expected ? 1 : 0;
        }
        EXPECT_GT(refusals, 100U);
        EXPECT_EQ(refusals == 20000U, new_flows == 1);
    }
}

TEST(Limit, BeyondTwelveLetsAtMostAStrideMoreThrough) {
    for (const unsigned new_flows : {13U, 20U, 21U, 60U, 100U, 1000U, 65535U}) {
        SCOPED_TRACE(new_flows);
        Door door(rule_of(new_flows, 10));
        ASSERT_LE(door.rule.slots, LIMIT_STAMPS);
        // A slow start, so that the window begins in the middle of a stride.
        for (unsigned i = 0; i < 7; ++i) {
            EXPECT_FALSE(door.refused());
            door.now_ns += 9 * kSecond;
        }
        unsigned passed = 1;  // the last of them is 9 s old
        while (!door.refused()) ++passed;
        EXPECT_GE(passed, new_flows - 1);
        EXPECT_LE(passed, new_flows - 1 + door.rule.stride - 1U);
    }
}

TEST(Limit, TakesAnIpv6SlashSixtyFourForOneSource) {
    const auto policy = policy::compile(
        policy::load_text("version: 1\nmode: enforce\nzones: { z: { interfaces: [eth0] } }\n"
                          "services: [{ name: s, ports: [22/tcp], limit: { new: 2/30s } }]\n",
                          "policy.yaml", ".")
            .policy);
    policy::LimitTable limits;
    policy::HostTables tables;
    tables.own = {*IpAddress::parse(test::kHostV6)};
    tables.limits = &limits;
    const auto ask = [&](const char* from) {
        return policy::judge_frame(*policy, tables, 0, test::syn_v6(22, from)).why;
    };
    EXPECT_EQ(ask("2001:db8:bad::1"), REASON_allowed);
    EXPECT_EQ(ask("2001:db8:bad::2"), REASON_limited);
    EXPECT_EQ(ask("2001:db8:bad:1::1"), REASON_allowed);
}

TEST(Limit, ForgetsTheSourceWithTheFewestStampsAndNeverOneJustRefused) {
    Door door(rule_of(3, 30));
    // All in one set: sources whose hash falls together.
    std::vector<unsigned> together;
    const auto set_of = [&](unsigned who) {
        const auto from = source(who);
        return limit_key(&door.table.seed, &from, door.rule.key) & (LIMIT_SETS - 1);
    };
    for (unsigned who = 0; together.size() < 7; ++who)
        if (set_of(who) == set_of(0)) together.push_back(who);
    for (int i = 0; i < 3; ++i) door.knock(together[0]);  // blocked
    for (int i = 0; i < 2; ++i) door.knock(together[1]);  // two tries
    door.knock(together[2]);
    for (int i = 0; i < 2; ++i) door.knock(together[3]);
    EXPECT_EQ(door.knock(together[4]), LIMIT_FORGOT) << "takes the cell of the third";
    EXPECT_TRUE(door.refused(together[0]));
    EXPECT_TRUE(door.refused(together[1]));
    EXPECT_TRUE(door.refused(together[3]));
    EXPECT_FALSE(door.refused(together[4]));
    EXPECT_TRUE(door.refused(together[4]));
    // Four blocked cells: the rest share N - 1 flows a period.
    EXPECT_EQ(door.knock(together[5]), LIMIT_CROWDED);
    EXPECT_EQ(door.knock(together[6]), LIMIT_CROWDED);
    EXPECT_EQ(door.knock(together[5]), LIMIT_CROWDED | LIMIT_REFUSED);
    door.now_ns += 31 * kSecond;
    EXPECT_EQ(door.knock(together[6]), 0) << "expired cells are taken first";
}

// bpf/README.md states these shares.
TEST(Limit, CrowdsFewSourcesWhileAThousandAreBlocked) {
    for (const auto& [blocked, most] : {std::pair{1000U, 0.0005}, {4096U, 0.025}}) {
        Door door(rule_of(2, 30));
        for (unsigned who = 0; who < blocked; ++who)
            for (int i = 0; i < 2; ++i) door.knock(who);
        unsigned crowded = 0;
        constexpr unsigned kOthers = 40000;
        auto full = door.table;
        for (unsigned who = 0; who < kOthers; ++who) {
            const auto from = source(1'000'000 + who);
            const auto key = limit_key(&full.seed, &from, door.rule.key);
            auto set = full.sets[key & (LIMIT_SETS - 1)];
            if (limit_try(&set, key, &door.rule, door.now_ns) & LIMIT_CROWDED) ++crowded;
        }
        EXPECT_LE(crowded, most * kOthers) << blocked << " blocked";
    }
}

TEST(Limit, NobodyWithoutTheSeedKnowsWhoSharesASet) {
    const auto one = hash_seed_of(1), other = hash_seed_of(3);
    unsigned same = 0;
    constexpr unsigned kSources = 4096;
    std::vector<unsigned> load(LIMIT_SETS);
    for (unsigned who = 0; who < kSources; ++who) {
        const auto from = source(who);
        const auto a = limit_key(&one, &from, 7) & (LIMIT_SETS - 1);
        const auto b = limit_key(&other, &from, 7) & (LIMIT_SETS - 1);
        same += a == b ? 1 : 0;
        ++load[a];
    }
    EXPECT_LE(same, 8U);
    EXPECT_LE(*std::max_element(load.begin(), load.end()), 9U) << "neighbours spread";
}

}  // namespace
}  // namespace portlid
