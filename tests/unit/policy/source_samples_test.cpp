// SPDX-License-Identifier: Apache-2.0
#include "policy/source_samples.hpp"

#include <set>

#include "policy/text_answer.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

const std::string kSampleZone = "zones: { public: { interfaces: [eth0] } }\n";

const SourceSample* named(const std::vector<SourceSample>& samples, const std::string& name) {
    for (const auto& sample : samples)
        if (sample.name == name) return &sample;
    return nullptr;
}

TEST(SourceSamples, WithoutListsAreOneStrangerOfEachFamily) {
    const auto samples = source_samples(policy_of(kSampleZone), {});
    ASSERT_EQ(samples.size(), 1U);
    EXPECT_EQ(samples[0].name, "anyone");
    EXPECT_TRUE(samples[0].stranger);
    EXPECT_EQ(samples[0].v4, address("198.51.100.77"));
    EXPECT_EQ(samples[0].v6, address("2001:db8:ffff:77::77"));
}

TEST(SourceSamples, AreOneForEveryCombinationThatOccurs) {
    const auto policy = policy_of(kSampleZone + R"(
sets:
  office: [203.0.113.0/24, "2001:db8:77::/48"]
  night: [203.0.113.128/25, 198.18.0.0/15]
services:
  - { name: a, ports: [22/tcp], from: [office] }
  - { name: b, ports: [23/tcp], from: [night] }
)");
    const auto samples = source_samples(policy, {});
    ASSERT_EQ(samples.size(), 4U);
    const auto* both = named(samples, "office + night");
    ASSERT_TRUE(both != nullptr && both->v4);
    EXPECT_TRUE(Cidr::parse("203.0.113.128/25")->contains(*both->v4));
    EXPECT_FALSE(both->v6) << "no IPv6 address is in both";
    const auto* office = named(samples, "office");
    ASSERT_TRUE(office != nullptr && office->v4 && office->v6);
    EXPECT_TRUE(Cidr::parse("203.0.113.0/25")->contains(*office->v4));
    EXPECT_TRUE(Cidr::parse("2001:db8:77::/48")->contains(*office->v6));
    ASSERT_NE(named(samples, "night"), nullptr);
    EXPECT_TRUE(Cidr::parse("198.18.0.0/15")->contains(*named(samples, "night")->v4));
    ASSERT_NE(named(samples, "anyone else"), nullptr);
    EXPECT_FALSE(office->stranger);
}

TEST(SourceSamples, TakeTheGapBetweenTwoPrefixesForTheStranger) {
    // Everything but 203.0.113.77, as prefixes around it.
    std::string around;
    for (unsigned bits = 1; bits <= 32; ++bits) {
        auto raw = address("203.0.113.77").bytes();
        const unsigned bit = 96 + bits - 1;
        raw[bit / 8] = static_cast<std::uint8_t>(raw[bit / 8] ^ (0x80U >> (bit % 8)));
        const auto other = Cidr::parse(
            IpAddress::from_v4(raw.data() + 12).to_string() + "/" + std::to_string(bits), true);
        around +=
            (around.empty() ? "" : ", ") + other->address.to_string() + "/" + std::to_string(bits);
    }
    const auto samples =
        source_samples(policy_of(kSampleZone + "services: [ { name: a, ports: [22/tcp], from: [" +
                                 around + "] } ]\n"),
                       {});
    const auto* stranger = named(samples, "anyone else");
    ASSERT_NE(stranger, nullptr);
    EXPECT_EQ(stranger->v4, address("203.0.113.77"));
}

TEST(SourceSamples, LeaveOutWhatNoPacketFromOutsideCanHave) {
    const auto policy = policy_of(kSampleZone + R"(
sets:
  never: [127.0.0.0/8, 224.0.0.0/4, "ff00::/8", "::1"]
  mine: [192.0.2.1]
services:
  - { name: a, ports: [22/tcp], from: [never] }
  - { name: b, ports: [23/tcp], from: [mine] }
)");
    const auto samples = source_samples(policy, {address("192.0.2.1")});
    ASSERT_EQ(samples.size(), 1U) << samples.back().name;
    EXPECT_EQ(samples[0].name, "anyone else");
}

TEST(SourceSamples, HaveNoStrangerWhereEverybodyIsListed) {
    const auto samples = source_samples(
        policy_of(kSampleZone +
                  "services: [ { name: a, ports: [22/tcp], from: [0.0.0.0/0, \"::/0\"] } ]\n"),
        {});
    ASSERT_EQ(samples.size(), 1U);
    EXPECT_FALSE(samples[0].stranger);
    EXPECT_TRUE(samples[0].v4);
    EXPECT_TRUE(samples[0].v6);
}

TEST(SourceSamples, AreInExactlyTheListsTheyAreNamedAfter) {
    const auto policy = policy_of(kSampleZone + R"(
sets: { a: [10.0.0.0/8, 10.1.0.0/16], b: [10.1.2.0/24], c: [10.1.2.3, "2001:db8::/127"] }
deny: [b]
management: [c]
services:
  - { name: x, ports: [22/tcp], from: [a], limit: { new: 6/30s, exempt: [c] } }
failsafe: [ { ports: [2222/tcp], from: [b] } ]
)");
    const auto samples = source_samples(policy, {});
    std::set<std::vector<bool>> seen;
    for (const auto& sample : samples) {
        SCOPED_TRACE(sample.name);
        for (const auto& source : {sample.v4, sample.v6}) {
            if (!source) continue;
            const std::vector<bool> in{listed(policy.services[0].from, *source),
                                       listed(policy.deny, *source),
                                       listed(policy.management, *source)};
            EXPECT_EQ(in[0], sample.name.find('a') == 0 && !sample.stranger);
            EXPECT_EQ(in[1], sample.name.find('b') != std::string::npos);
            seen.insert(in);
        }
    }
    EXPECT_EQ(samples.size(), 5U);  // a, a+b, a+b+c, c (IPv6), nobody
    EXPECT_EQ(seen.size(), 5U);
}

}  // namespace
}  // namespace portlid::policy::test
