// SPDX-License-Identifier: Apache-2.0
// Somebody with root's powers writes into what is ours: found, put back, said once.
#include <bpf/bpf.h>

#include "kernel/links.hpp"
#include "kernel/map_access.hpp"
#include "lib/hash.h"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

class MendTest : public SensorTest {
protected:
    [[nodiscard]] UniqueFd map(const char* name) const { return open_pin(pins() / "maps" / name); }
    // All trie slots whose first `chunks` are there: their ids.
    [[nodiscard]] std::map<std::uint32_t, std::uint32_t> chunk_ids(std::uint32_t chunks) const {
        const auto tries = map("trie_nodes");
        std::map<std::uint32_t, std::uint32_t> found;
        for (std::uint32_t slot = 0; slot < TRIE_SLOTS; ++slot)
            for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
                const std::uint32_t index = slot * TRIE_CHUNKS + chunk;
                std::uint32_t id = 0;
                if (bpf_map_lookup_elem(tries.get(), &index, &id) == 0) found[index] = id;
            }
        return found;
    }
    // Every chunk leads to where the next one led.
    void exchange(const std::map<std::uint32_t, std::uint32_t>& ids) const {
        const auto tries = map("trie_nodes");
        std::vector<UniqueFd> held;
        for (const auto& [index, id] : ids) held.emplace_back(bpf_map_get_fd_by_id(id));
        std::size_t next = 1;
        for (const auto& [index, id] : ids) {
            const int fd = held[next++ % held.size()].get();
            ASSERT_EQ(bpf_map_update_elem(tries.get(), &index, &fd, BPF_ANY), 0);
        }
    }
    void expect_mended_once() {
        const auto before = chunk_ids(3);
        ASSERT_GE(before.size(), 4U);
        exchange(before);
        ASSERT_NE(chunk_ids(3), before);
        EXPECT_TRUE(sensor_->mend_policy().value());
        EXPECT_EQ(chunk_ids(3), before);
        EXPECT_FALSE(sensor_->mend_policy().value());
    }
};

TEST_F(MendTest, SourceListsThatWereExchangedArePutBackAlsoByTheNextRun) {
    load();
    auto large = policy_of(false);
    large.nodes.resize(2 * TRIE_CHUNK_NODES + 1);
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    ASSERT_TRUE(sensor_->publish(large));
    EXPECT_FALSE(sensor_->mend_policy().value());
    expect_mended_once();
    sensor_.reset();
    load();
    ASSERT_TRUE(sensor_->adopted());
    EXPECT_FALSE(sensor_->mend_policy().value());
    expect_mended_once();
}

TEST_F(MendTest, PinsThatAreGoneAreGivenBackOnce) {
    load();
    EXPECT_TRUE(sensor_->mend_map_pins()->empty());
    ASSERT_EQ(::unlink((pins() / "maps/bans").c_str()), 0);
    EXPECT_EQ(*sensor_->mend_map_pins(), std::vector<std::string>{"bans"});
    EXPECT_TRUE(sensor_->mend_map_pins()->empty());
    EXPECT_TRUE(std::filesystem::exists(pins() / "maps/bans"));
}

TEST_F(MendTest, PinsAreGivenBackAlsoWhenADirectoryAboveThemWasMoved) {
    load();
    EXPECT_TRUE(sensor_->mend_map_pins()->empty());
    const auto elsewhere = pins().parent_path() / "elsewhere";
    std::filesystem::rename(pins(), elsewhere);
    EXPECT_GT(sensor_->mend_map_pins()->size(), 20U);
    EXPECT_TRUE(sensor_->mend_map_pins()->empty());
    EXPECT_TRUE(std::filesystem::exists(pins() / "maps/bans"));
    std::filesystem::remove_all(elsewhere);
}

TEST_F(MendTest, TablesThatAreAsWrittenAreNotWrittenAgain) {
    load();
    const std::set<IpAddress> own{*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")};
    const std::map<Cidr, std::uint32_t> networks{{*Cidr::parse("192.0.2.0/24"), NETWORK_CONNECTED},
                                                 {*Cidr::parse("fd00::/8"), NETWORK_ROUTED}};
    EXPECT_TRUE(sensor_->set_local_addresses(own).value());
    EXPECT_TRUE(sensor_->set_networks(networks).value());
    EXPECT_FALSE(sensor_->set_local_addresses(own).value());
    EXPECT_FALSE(sensor_->set_networks(networks).value());
    const auto raw = own.begin()->to_bytes();
    const std::uint32_t bucket = own_bucket_of(&raw);
    const own_bucket empty{};
    ASSERT_EQ(bpf_map_update_elem(map("own_buckets").get(), &bucket, &empty, BPF_ANY), 0);
    EXPECT_TRUE(sensor_->set_local_addresses(own).value());
    EXPECT_FALSE(sensor_->set_local_addresses(own).value());
}

TEST_F(MendTest, ATableThatSomebodyFilledUpIsEmptiedForWhatBelongsThere) {
    load();
    const std::map<Cidr, std::uint32_t> networks{{*Cidr::parse("192.0.2.0/24"), NETWORK_CONNECTED}};
    ASSERT_TRUE(sensor_->set_networks(networks));
    const auto table = map("networks");
    ASSERT_EQ(bpf_map_delete_elem(table.get(), map_keys<network_key>(table.get(), 1).data()), 0);
    const std::uint32_t kind = NETWORK_BROADCAST;
    std::uint32_t address = 0;
    network_key junk{.prefix_bits = 128, .address = {}};
    do {
        ++address;
        junk.address = IpAddress::from_v4(&address).to_bytes();
    } while (bpf_map_update_elem(table.get(), &junk, &kind, BPF_ANY) == 0);
    ASSERT_GT(address, 1000U);
    EXPECT_TRUE(sensor_->set_networks(networks).value());
    EXPECT_EQ(map_keys<network_key>(table.get(), 10).size(), 1U);
    EXPECT_FALSE(sensor_->set_networks(networks).value());
}

}  // namespace
}  // namespace portlid::kernel
