// SPDX-License-Identifier: Apache-2.0
// The keyed hash natively: against the formula in wide integers, and over many keys what strong
// universality promises.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>

#include "base/address.hpp"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "lib/flow_table.h"
#include "lib/keyed_hash.h"
#pragma GCC diagnostic pop

namespace portlid {
namespace {

using Words = std::array<std::uint32_t, HASH_PLACES>;

std::uint64_t hash_of(const hash_seed& seed, const Words& words) {
    keyed_hash hash{};
    hash_start(&hash, &seed);
    for (std::uint32_t i = 0; i < HASH_PLACES; ++i) hash_word(&hash, &seed, i, words[i]);
    return hash_end(&hash, &seed);
}

// The paper's sum, without counting on overflow.
std::uint64_t formula(const hash_seed& seed, const Words& words) {
    __extension__ using Wide = unsigned __int128;
    Wide one = seed.start.one, two = seed.start.two;
    for (std::uint32_t i = 0; i < HASH_PLACES; ++i) {
        one += Wide{seed.factors[i].one} * words[i];
        two += Wide{seed.factors[i].two} * words[i];
    }
    const auto upper = [](Wide sum) { return static_cast<std::uint64_t>(sum) >> 32U; };
    std::uint64_t tag = upper(one) << 32U | upper(two);
    tag ^= tag >> 32U;
    tag *= seed.odd;
    return tag ^ tag >> 29U;
}

TEST(KeyedHash, IsThePapersSumUnderAOneToOneFinish) {
    std::mt19937_64 random(1);  // NOLINT(cert-msc51-cpp): the same cases each time
    for (unsigned i = 0; i < 1000; ++i) {
        const auto seed = hash_seed_of(random());
        Words words{};
        for (auto& word : words) word = static_cast<std::uint32_t>(random());
        EXPECT_EQ(hash_of(seed, words), formula(seed, words));
    }
}

TEST(KeyedHash, AWordLeftOutIsAZero) {
    const auto seed = hash_seed_of(7);
    keyed_hash hash{};
    hash_start(&hash, &seed);
    hash_half(&hash, &seed, 2, 0x1122334455667788ULL);
    EXPECT_EQ(hash_end(&hash, &seed), hash_of(seed, {0, 0, 0x55667788, 0x11223344}));
}

// The pairs that an attacker would choose: a difference of one bit, in the worst place for products
// modulo 2^64 (the top one), in the least, and in two words at once.
TEST(KeyedHash, OverTheKeysTwoInputsMeetInABucketAsOftenAsChance) {
    constexpr unsigned kKeys = 16384, kBuckets = 256;
    const Words base{0xc0000201, 0xc6336401, 0, 0, 0, 0, 0, 0, 0x01bb1234, 0x406};
    std::vector<Words> others(4, base);
    others[0][1] ^= 0x80000000U;
    others[1][8] ^= 1U;
    others[2][8] ^= 0xffffU;
    others[3][0] ^= 0x80000000U, others[3][1] ^= 0x80000000U;
    for (const auto& other : others) {
        unsigned low = 0, high = 0;
        for (unsigned i = 0; i < kKeys; ++i) {
            const auto seed = hash_seed_of(i);
            const auto apart = hash_of(seed, base) ^ hash_of(seed, other);
            low += apart % kBuckets == 0 ? 1 : 0;
            high += apart >> 56U == 0 ? 1 : 0;
        }
        // 64 expected, standard deviation 8.
        EXPECT_NEAR(low, kKeys / kBuckets, 40);
        EXPECT_NEAR(high, kKeys / kBuckets, 40);
    }
}

TEST(KeyedHash, EveryBitOfAFlowChangesItsTag) {
    const auto seed = hash_seed_of(3);
    for (const auto* address : {"192.0.2.1", "2001:db8::1"}) {
        flow_key key{};
        key.local = key.remote = IpAddress::parse(address)->to_bytes();
        key.protocol = 6;
        std::set<std::uint64_t> tags{flow_tag(&seed, &key)};
        constexpr std::size_t kBytes = offsetof(flow_key, protocol) + 1;
        for (std::size_t bit = 0; bit < kBytes * 8; ++bit) {
            auto other = key;
            reinterpret_cast<unsigned char*>(&other)[bit / 8] ^=
                static_cast<unsigned char>(1U << bit % 8);
            EXPECT_TRUE(tags.insert(flow_tag(&seed, &other)).second) << address << " bit " << bit;
        }
    }
}

}  // namespace
}  // namespace portlid
