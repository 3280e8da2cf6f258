// SPDX-License-Identifier: Apache-2.0
// The flow table natively: the very code that the kernel runs, on plain arrays.
#include <gtest/gtest.h>

#include <vector>

#include "base/address.hpp"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "lib/flow_table.h"
#pragma GCC diagnostic pop

namespace portlid {
namespace {

const hash_seed kSeed = hash_seed_of(0x0706050403020100ULL);

flow_key flow(std::uint32_t number, const char* remote = "198.51.100.1") {
    flow_key key{};
    key.local = IpAddress::parse("192.0.2.1")->to_bytes();
    key.remote = IpAddress::parse(remote)->to_bytes();
    key.local_port_host = static_cast<std::uint16_t>(number);
    key.remote_port_host = static_cast<std::uint16_t>(number >> 16U);
    key.protocol = 6;
    return key;
}

struct Table {
    std::vector<flow_bucket> buckets = std::vector<flow_bucket>(FLOW_BUCKETS);

    int put(const flow_key& key, std::uint32_t now_s) {
        const auto tag = flow_tag(&kSeed, &key);
        return flow_put(&buckets[flow_bucket_one(tag)], &buckets[flow_bucket_two(tag)], tag, now_s);
    }
    bool has(const flow_key& key) { return place(key) != nullptr; }
    // The bucket that holds it.
    flow_bucket* place(const flow_key& key) {
        const auto tag = flow_tag(&kSeed, &key);
        for (auto* bucket : {&buckets[flow_bucket_one(tag)], &buckets[flow_bucket_two(tag)]})
            for (const auto held : bucket->tags)
                if (held == tag) return bucket;
        return nullptr;
    }
};

TEST(FlowTable, HoldsSixtyFiveThousandFlowsWithoutLosingOne) {
    Table table;
    for (std::uint32_t i = 0; i < 65536; ++i) EXPECT_EQ(table.put(flow(i), 5), FLOW_TABLE_NEW);
    std::uint32_t missing = 0;
    for (std::uint32_t i = 0; i < 65536; ++i) missing += table.has(flow(i)) ? 0 : 1;
    EXPECT_EQ(missing, 0U);
    EXPECT_FALSE(table.has(flow(70000)));
}

TEST(FlowTable, TellsApartFlowsThatDifferInOneFieldOnly) {
    Table table;
    auto known = flow(1);
    table.put(known, 5);
    auto other = known;
    other.protocol = 17;
    EXPECT_FALSE(table.has(other));
    other = known;
    std::swap(other.local, other.remote);
    EXPECT_FALSE(table.has(other));
    other = known;
    std::swap(other.local_port_host, other.remote_port_host);
    EXPECT_FALSE(table.has(other));
    EXPECT_FALSE(table.has(flow(1, "2001:db8::1")));
    EXPECT_TRUE(table.has(known));
}

TEST(FlowTable, AnotherKeyPutsTheSameFlowElsewhere) {
    const auto other = hash_seed_of(1);
    const auto key = flow(1);
    EXPECT_NE(flow_tag(&kSeed, &key), flow_tag(&other, &key));
}

TEST(FlowTable, AFlowThatIsThereIsRenewedNotDoubled) {
    Table table;
    table.put(flow(1), 5);
    EXPECT_EQ(table.put(flow(1), 9), FLOW_TABLE_NEW);
    unsigned held = 0;
    for (const auto& bucket : table.buckets)
        for (unsigned i = 0; i < FLOW_PLACES; ++i) {
            if (bucket.tags[i] == 0) continue;
            ++held;
            EXPECT_EQ(bucket.seen_s[i], 9U);
        }
    EXPECT_EQ(held, 1U);
}

TEST(FlowTable, AFullPairOfBucketsGivesUpTheOldestThatNobodyUsed) {
    flow_bucket one{};
    flow_bucket two{};
    for (std::uint64_t tag = 1; tag <= 10; ++tag)
        EXPECT_EQ(flow_put(&one, &two, tag, static_cast<std::uint32_t>(tag)), FLOW_TABLE_NEW);
    // Tag 1 is the oldest, but ingress met a reply to it.
    auto& first = one.tags[0] == 1 || one.tags[1] == 1 ? one : two;
    for (unsigned i = 0; i < FLOW_PLACES; ++i)
        if (first.tags[i] == 1) first.used |= 1U << i;
    EXPECT_EQ(flow_put(&one, &two, 11, 11), FLOW_TABLE_DISPLACED);
    const auto holds = [&](std::uint64_t tag) {
        for (unsigned i = 0; i < FLOW_PLACES; ++i)
            if (one.tags[i] == tag || two.tags[i] == tag) return true;
        return false;
    };
    EXPECT_TRUE(holds(1));
    EXPECT_FALSE(holds(2));
    EXPECT_TRUE(holds(11));
}

TEST(FlowTable, WhenEverybodyWasUsedTheOldestGoesAndAllHaveToEarnTheirPlaceAgain) {
    flow_bucket one{};
    flow_bucket two{};
    for (std::uint64_t tag = 1; tag <= 10; ++tag)
        flow_put(&one, &two, tag, static_cast<std::uint32_t>(tag));
    one.used = two.used = 0x1f;
    EXPECT_EQ(flow_put(&one, &two, 11, 11), FLOW_TABLE_DISPLACED);
    for (unsigned i = 0; i < FLOW_PLACES; ++i) {
        EXPECT_NE(one.tags[i], 1U);
        EXPECT_NE(two.tags[i], 1U);
    }
    EXPECT_EQ(one.used | two.used, 0U);
}

TEST(FlowTable, NeverLosesMoreThanItMustWhenTwiceAsManyComeAsItHolds) {
    Table table;
    const std::uint32_t places = FLOW_BUCKETS * FLOW_PLACES;
    for (std::uint32_t i = 0; i < 2 * places; ++i) table.put(flow(i), i / 1024);
    std::uint32_t recent = 0;
    for (std::uint32_t i = 2 * places - places / 4; i < 2 * places; ++i)
        recent += table.has(flow(i)) ? 1 : 0;
    EXPECT_GT(recent, places / 4 * 95 / 100) << "the newest quarter must nearly all be there";
}

}  // namespace
}  // namespace portlid
