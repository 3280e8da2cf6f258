// SPDX-License-Identifier: Apache-2.0
// Generations and host tables, seen from the maps and through the program itself.
#include <bpf/bpf.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "kernel/generations.hpp"
#include "kernel/links.hpp"
#include "kernel/map_access.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

class PublishTest : public SensorTest {
protected:
    [[nodiscard]] UniqueFd map(const char* name) const { return open_pin(pins() / "maps" / name); }

    [[nodiscard]] std::unique_ptr<policy_image> image_in(std::uint32_t slot) const {
        const auto slots = map("policy_slots");
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(slots.get(), &slot, &id) != 0) return nullptr;
        const UniqueFd inner(bpf_map_get_fd_by_id(id));
        auto image = std::make_unique<policy_image>();
        const std::uint32_t zero = 0;
        if (bpf_map_lookup_elem(inner.get(), &zero, image.get()) != 0) return nullptr;
        return image;
    }
    // Seconds of every entry of the flow table.
    [[nodiscard]] std::vector<std::uint32_t> flow_times() const {
        const auto table = map("flows");
        std::vector<std::uint32_t> out;
        flow_bucket bucket{};
        for (std::uint32_t i = 0; i < FLOW_BUCKETS; ++i) {
            if (bpf_map_lookup_elem(table.get(), &i, &bucket) != 0) return {};
            for (unsigned place = 0; place < FLOW_PLACES; ++place)
                if (bucket.tags[place] != 0) out.push_back(bucket.seen_s[place]);
        }
        return out;
    }
    static std::uint32_t chunk_id(const UniqueFd& tries, std::uint32_t slot, std::uint32_t chunk) {
        const std::uint32_t index = slot * TRIE_CHUNKS + chunk;
        std::uint32_t id = 0;
        return bpf_map_lookup_elem(tries.get(), &index, &id) == 0 ? id : 0;
    }
    static std::unique_ptr<trie_chunk> chunk_in(const UniqueFd& tries, std::uint32_t slot,
                                                std::uint32_t chunk) {
        const UniqueFd inner(bpf_map_get_fd_by_id(chunk_id(tries, slot, chunk)));
        auto out = std::make_unique<trie_chunk>();
        const std::uint32_t zero = 0;
        if (bpf_map_lookup_elem(inner.get(), &zero, out.get()) != 0) return nullptr;
        return out;
    }
};

TEST_F(PublishTest, TheFirstGenerationHasNoFallback) {
    load();
    EXPECT_EQ(sensor_->publish(policy_of(true)), 1U);
    const auto active = image_in(POLICY_SLOT_ACTIVE);
    ASSERT_TRUE(active);
    EXPECT_EQ(active->head.generation, 1U);
    EXPECT_EQ(active->head.abi_version, PORTLID_ABI_VERSION);
    EXPECT_FALSE(image_in(POLICY_SLOT_PREVIOUS));
}

TEST_F(PublishTest, EachLaterGenerationLeavesTheOneBeforeAsFallback) {
    load();
    for (std::uint64_t i = 1; i <= 6; ++i) ASSERT_EQ(sensor_->publish(policy_of(i % 2 == 0)), i);
    const auto active = image_in(POLICY_SLOT_ACTIVE);
    const auto previous = image_in(POLICY_SLOT_PREVIOUS);
    ASSERT_TRUE(active && previous);
    EXPECT_EQ(active->head.generation, 6U);
    EXPECT_EQ(previous->head.generation, 5U);
    EXPECT_NE(active->head.trie_slot, previous->head.trie_slot);
}

TEST_F(PublishTest, TheTrieOfAGenerationIsWhatTheCompilerMade) {
    load();
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    const auto tries = map("trie_nodes");
    const auto chunk = chunk_in(tries, image_in(POLICY_SLOT_ACTIVE)->head.trie_slot, 0);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->nodes[699].child[5], TRIE_LEAF | 7U);
}

TEST_F(PublishTest, ATrieOfSeveralChunksIsFoundWholeAndGivesWayToASmallerOne) {
    load();
    auto large = policy_of(false);
    large.nodes.resize(2 * TRIE_CHUNK_NODES + 1);
    large.nodes.back().child[0] = TRIE_LEAF | 9U;
    ASSERT_TRUE(sensor_->publish(large));
    const auto tries = map("trie_nodes");
    const auto slot = image_in(POLICY_SLOT_ACTIVE)->head.trie_slot;
    const auto last = chunk_in(tries, slot, 2);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->nodes[0].child[0], TRIE_LEAF | 9U);
    // Slots come round after a few generations; the small trie then stands for the whole slot.
    do ASSERT_TRUE(sensor_->publish(policy_of(false)));
    while (image_in(POLICY_SLOT_ACTIVE)->head.trie_slot != slot);
    EXPECT_EQ(chunk_in(tries, slot, 0)->nodes[699].child[5], TRIE_LEAF | 7U);
    EXPECT_EQ(chunk_id(tries, slot, 2), chunk_id(tries, slot, 0)) << "the old chunk is still held";
}

TEST_F(PublishTest, NobodyCanWriteIntoAPublishedImage) {
    load();
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    const auto slots = map("policy_slots");
    std::uint32_t slot = POLICY_SLOT_ACTIVE;
    std::uint32_t id = 0;
    ASSERT_EQ(bpf_map_lookup_elem(slots.get(), &slot, &id), 0);
    const UniqueFd inner(bpf_map_get_fd_by_id(id));
    const std::uint32_t zero = 0;
    const auto forged = std::make_unique<policy_image>();
    EXPECT_EQ(bpf_map_update_elem(inner.get(), &zero, forged.get(), BPF_ANY), -EPERM);
}

TEST_F(PublishTest, APolicyWithoutAnImageIsRefusedAndTheOldOneStays) {
    load();
    ASSERT_TRUE(sensor_->publish(policy_of(true)));
    EXPECT_FALSE(sensor_->publish(policy::CompiledPolicy{}));
    EXPECT_EQ(sensor_->generation(), 1U);
}

TEST_F(PublishTest, AnUnconfirmedGenerationGivesWayToItsFallbackAfterItsDeadline) {
    load();
    ASSERT_TRUE(sensor_->publish(policy_of(true)));
    auto pending = policy_of(false);
    pending.image->head.deadline_boot_ns = 1;  // long ago
    ASSERT_EQ(sensor_->publish(pending), 2U);
    EXPECT_EQ(sensor_->generation(), 1U);
}

TEST_F(PublishTest, LocalAddressesBecomeExactlyWhatWasAsked) {
    load();
    const auto a = *IpAddress::parse("192.0.2.1");
    const auto b = *IpAddress::parse("2001:db8::1");
    const auto c = *IpAddress::parse("192.0.2.3");
    ASSERT_TRUE(sensor_->set_local_addresses({a, b}));
    ASSERT_TRUE(sensor_->set_local_addresses({b, c}));
    const auto table = map("local_addresses");
    std::set<IpAddress> present;
    for (const auto& key : map_keys<ip_bytes>(table.get(), 100))
        present.insert(IpAddress::from_bytes(key));
    EXPECT_EQ(present, (std::set<IpAddress>{b, c}));
}

TEST_F(PublishTest, ThousandsOfOwnAddressesAreAllFoundByThePrograms) {
    load();
    std::set<IpAddress> many;
    for (std::uint32_t i = 1; i <= 3000; ++i) many.insert(IpAddress::from_v4(&i));
    ASSERT_TRUE(sensor_->set_local_addresses(many));
    const auto buckets = map("own_buckets");
    std::size_t placed = 0;
    bool overflow = false;
    for (std::uint32_t i = 0; i < OWN_BUCKETS; ++i) {
        own_bucket bucket{};
        ASSERT_EQ(bpf_map_lookup_elem(buckets.get(), &i, &bucket), 0);
        overflow = overflow || bucket.more != 0;
        for (const auto& place : bucket.addresses)
            if (many.contains(IpAddress::from_bytes(place))) ++placed;
    }
    EXPECT_GT(placed, 700U);
    EXPECT_TRUE(overflow);
    ASSERT_TRUE(sensor_->set_local_addresses({*many.begin()}));
    placed = 0;
    for (std::uint32_t i = 0; i < OWN_BUCKETS; ++i) {
        own_bucket bucket{};
        ASSERT_EQ(bpf_map_lookup_elem(buckets.get(), &i, &bucket), 0);
        EXPECT_EQ(bucket.more, 0U);
        for (const auto& place : bucket.addresses)
            if (many.contains(IpAddress::from_bytes(place))) ++placed;
    }
    EXPECT_EQ(placed, 1U);
}

TEST_F(PublishTest, MoreAddressesThanTheMapHoldsIsAnErrorThatSaysSo) {
    load();
    std::set<IpAddress> many;
    for (std::uint32_t i = 0; i < 5000; ++i) many.insert(IpAddress::from_v4(&i));
    const auto result = sensor_->set_local_addresses(many);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().hint.find("full"), std::string::npos) << result.error().hint;
}

TEST_F(PublishTest, NetworksChangeTheirKindAndDisappear) {
    load();
    const auto lan = *Cidr::parse("192.0.2.0/24");
    const auto bridge = *Cidr::parse("172.17.0.0/16");
    ASSERT_TRUE(sensor_->set_networks({{lan, NETWORK_CONNECTED}, {bridge, NETWORK_CONTAINER}}));
    ASSERT_TRUE(sensor_->set_networks({{bridge, NETWORK_ROUTED}}));
    const auto table = map("networks");
    const auto keys = map_keys<network_key>(table.get(), 100);
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0].prefix_bits, 112U);
    std::uint32_t kind = 0;
    ASSERT_EQ(bpf_map_lookup_elem(table.get(), &keys[0], &kind), 0);
    EXPECT_EQ(kind, NETWORK_ROUTED);
}

TEST_F(PublishTest, AFlowThatIsKnownKeepsItsTimeWhenItIsSeededAgain) {
    load();
    flow_key flow{};
    flow.local = IpAddress::parse("192.0.2.1")->to_bytes();
    flow.remote = IpAddress::parse("198.51.100.1")->to_bytes();
    flow.protocol = 17;
    ASSERT_TRUE(sensor_->seed_flows({&flow, 1}, std::chrono::seconds(100)));
    const auto first = flow_times();
    ASSERT_TRUE(sensor_->seed_flows({&flow, 1}));
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(flow_times(), first);
}

TEST_F(PublishTest, TheFlowTableIsFoundUnderTheSameKeyByALaterRun) {
    load();
    flow_key flow{};
    flow.local_port_host = 40000;
    flow.protocol = 6;
    ASSERT_TRUE(sensor_->seed_flows({&flow, 1}));
    sensor_.reset();
    load();
    ASSERT_TRUE(sensor_->seed_flows({&flow, 1}));
    EXPECT_EQ(flow_times().size(), 1U);
}

TEST_F(PublishTest, RecentVerdictsAreTakenOnce) {
    load();
    const auto table = map("recent_verdicts");
    for (std::uint16_t port = 1; port <= 5000; ++port) {
        verdict_key key{};
        key.destination_port_host = port;
        const verdict_state state{1, 2, 3, 0, 0};
        ASSERT_EQ(bpf_map_update_elem(table.get(), &key, &state, BPF_ANY), 0);
    }
    const auto taken = sensor_->take_recent_verdicts();
    EXPECT_GT(taken.size(), 4500U);  // an LRU map may let some go before it is full
    EXPECT_EQ(taken.front().state.packets, 3U);
    EXPECT_TRUE(sensor_->take_recent_verdicts().empty());
}

}  // namespace
}  // namespace portlid::kernel
