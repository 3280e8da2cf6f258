// SPDX-License-Identifier: Apache-2.0
// The trie, and the packed one that the image gets, against the obvious answer: a linear walk over
// every list.
#include "policy/source_classes.hpp"
#include "policy/source_paths.hpp"

#include <chrono>
#include <random>

#include "lib/pipeline.h"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

using Lists = std::vector<std::vector<Cidr>>;

Cidr cidr(const std::string& text) {
    const auto parsed = Cidr::parse(text, true);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(Cidr());
}

SourceTrie build(const Lists& lists) {
    SourceGroups groups;
    for (const auto& list : lists) (void)groups.add(list);
    auto trie = build_source_trie(groups);
    EXPECT_TRUE(trie);
    return std::move(*trie);
}

// Walks the way the kernel does.
std::size_t class_of(const SourceTrie& trie, const IpAddress& source) {
    const bool v4 = source.family() == Family::IPv4;
    const auto* key = source.bytes().data() + (v4 ? 12 : 0);
    auto entry = trie.roots[v4 ? 0 : 1][static_cast<std::size_t>(key[0]) << 8U | key[1]];
    for (unsigned bit = 16; (entry & TRIE_LEAF) == 0; bit += 4)
        entry = trie.nodes[entry].child[key[bit / 8] >> (bit % 8 == 0 ? 4U : 0U) & 0xfU];
    return entry & ~TRIE_LEAF;
}

std::size_t leaf_class(std::uint32_t entry) {
    EXPECT_NE(entry & TRIE_LEAF, 0U) << "the walk ended on its way";
    return entry & ~TRIE_LEAF;
}

// With the very walk that the kernel's programs are made of.
std::size_t class_of(const PackedTrie& trie, const IpAddress& source) {
    native_tables tables{};
    tables.nodes = trie.nodes.data();
    tables.node_count = static_cast<__u32>(trie.nodes.size());
    frame where{};
    where.tables = &tables;
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), source.bytes().data(), sizeof(halves));
    const auto high = __builtin_bswap64(halves[0]), low = __builtin_bswap64(halves[1]);
    if (source.family() == Family::IPv4) {
        const auto root = trie.roots[0].at(low >> 16U & 0xffffU);
        return leaf_class(walk_v4(&where, 0, root, low << 48U));
    }
    const auto root = trie.roots[1].at(high >> 48U);
    return leaf_class(walk_v6(&where, 0, root, high << 16U | low >> 48U, low << 16U));
}

// Both tries of some lists.
struct Built {
    explicit Built(Lists from) : lists(std::move(from)), trie(build(lists)), packed(pack(trie)) {}
    Lists lists;
    SourceTrie trie;
    PackedTrie packed;
};

void expect_linear_answer(const Built& built, const IpAddress& source) {
    const auto& [lists, trie, packed] = built;
    const auto id = class_of(trie, source);
    ASSERT_EQ(class_of(packed, source), id) << source.to_string() << ", packed";
    for (GroupId group = 0; group < lists.size(); ++group) {
        const bool inside =
            std::any_of(lists[group].begin(), lists[group].end(),
                        [&](const Cidr& member) { return member.contains(source); });
        ASSERT_EQ(trie.contains(id, group), inside) << source.to_string() << " list " << group;
    }
}

TEST(SourceTrie, PutsAddressesInNoListIntoClassZero) {
    const auto trie = build({{cidr("203.0.113.0/24")}});
    EXPECT_EQ(class_of(trie, address("198.51.100.1")), 0U);
    EXPECT_EQ(class_of(trie, address("2001:db8::1")), 0U);
    EXPECT_EQ(class_of(trie, address("203.0.112.255")), 0U);
    EXPECT_EQ(class_of(trie, address("203.0.114.0")), 0U);
    EXPECT_NE(class_of(trie, address("203.0.113.0")), 0U);
    EXPECT_NE(class_of(trie, address("203.0.113.255")), 0U);
}

TEST(SourceTrie, KeepsTheFamiliesApart) {
    const auto trie = build({{cidr("0.0.0.0/0")}});
    EXPECT_NE(class_of(trie, address("0.0.0.0")), 0U);
    EXPECT_EQ(class_of(trie, address("::")), 0U);
    EXPECT_EQ(trie.unlisted[1], 0);
    EXPECT_NE(trie.unlisted[0], 0);
}

TEST(SourceTrie, HandlesEveryPrefixLengthOfBothFamilies) {
    Lists lists;
    for (unsigned bits = 0; bits <= 32; ++bits)
        lists.push_back({cidr("203.0.113.77/" + std::to_string(bits))});
    for (unsigned bits = 0; bits <= 128; ++bits)
        lists.push_back({cidr("2001:db8:1234:5678:9abc:def0:1357:9bdf/" + std::to_string(bits))});
    const Built built(lists);
    for (const auto* base : {"203.0.113.77", "2001:db8:1234:5678:9abc:def0:1357:9bdf"}) {
        const auto inside = address(base);
        expect_linear_answer(built, inside);
        const unsigned first_bit = inside.family() == Family::IPv4 ? 96 : 0;
        for (unsigned bit = first_bit; bit < 128; ++bit) {
            auto raw = inside.bytes();
            raw[bit / 8] = static_cast<std::uint8_t>(raw[bit / 8] ^ (0x80U >> (bit % 8)));
            const auto outside = IpAddress::from_v6(raw.data());
            if (outside.family() == inside.family()) expect_linear_answer(built, outside);
        }
    }
}

std::uint32_t clustered(std::mt19937& random) {
    return 0x0a000000U | (random() & 0x00ff0f3fU);  // collisions at every level
}

Cidr random_prefix(std::mt19937& random) {
    const auto bits = 14 + random() % 19;
    const auto raw = __builtin_bswap32(clustered(random));
    return cidr(IpAddress::from_v4(&raw).to_string() + "/" + std::to_string(bits));
}

TEST(SourceTrie, AgreesWithALinearWalkOnOverlappingLists) {
    std::mt19937 random(7);
    Lists lists(6);
    for (auto& list : lists)
        for (int i = 0; i < 40; ++i) list.push_back(random_prefix(random));
    const Built built(lists);
    for (int i = 0; i < 1000; ++i) {
        const auto raw = __builtin_bswap32(clustered(random));
        expect_linear_answer(built, IpAddress::from_v4(&raw));
    }
}

IpAddress clustered_v6(std::mt19937& random) {
    std::array<std::uint8_t, 16> raw{0x20, 0x01, 0x0d, 0xb8};
    for (std::size_t i = 4; i < raw.size(); ++i)
        raw.at(i) = random() % 4 == 0 ? static_cast<std::uint8_t>(random() & 0x81U) : 0;
    return IpAddress::from_v6(raw.data());
}

TEST(SourceTrie, AgreesWithALinearWalkOnNestedListsOfIpv6) {
    std::mt19937 random(17);
    Lists lists(5);
    for (auto& list : lists)
        for (int i = 0; i < 30; ++i)
            list.push_back(
                cidr(clustered_v6(random).to_string() + "/" + std::to_string(14 + random() % 115)));
    const Built built(lists);
    for (int i = 0; i < 1000; ++i) expect_linear_answer(built, clustered_v6(random));
    for (const auto& list : lists)
        for (const auto& member : list) expect_linear_answer(built, member.address);
}

// How many places the packed trie of one list has.
std::size_t places(const std::vector<const char*>& texts) {
    std::vector<Cidr> list;
    std::transform(texts.begin(), texts.end(), std::back_inserter(list),
                   [](const char* text) { return cidr(text); });
    return pack(build({list})).nodes.size();
}

TEST(PackedTrie, APrefixThatStandsAloneIsOnePath) {
    const auto lone = pack(build({{cidr("2001:db8:1:2::/63")}}));
    ASSERT_EQ(lone.nodes.size(), 1U);
    const auto& path = lone.nodes[0].paths[0];
    EXPECT_EQ(path.length, 63 - 16);
    EXPECT_EQ(path.bits, 0x0db8'0001'0002'0000ULL);
    EXPECT_EQ(path.then, TRIE_LEAF | 1U);
    EXPECT_EQ(path.otherwise, 0);
    EXPECT_EQ(lone.roots[1].at(0x2001), TRIE_PATH_ENTRY(0U, 0U));
    EXPECT_EQ(lone.nodes[0].paths[1].length, 0) << "nothing else stands there";
}

TEST(PackedTrie, FourPathsShareAPlaceAndLongOnesAreSeveral) {
    EXPECT_EQ(places({"2001:1::/32", "2002:2::/32", "2003:3::/32", "2004:4::/32"}), 1U);
    EXPECT_EQ(places({"2001:1::/32", "2002:2::/32", "2003:3::/32", "2004:4::/32", "2005:5::/32"}),
              2U);
    EXPECT_EQ(places({"2001:db8::/32", "2002:db8::/32", "2003:db8::/32", "2004:db8::/32",
                      "2005:db8::/32"}),
              1U)
        << "the same path";
    const auto lone = pack(build({{cidr("2001:db8::7/128")}})).nodes.at(0);
    EXPECT_EQ(lone.paths[0].length + lone.paths[1].length, 112);
    EXPECT_EQ(lone.paths[1].then, TRIE_PATH_ENTRY(0U, 0U));
    EXPECT_EQ(places({"203.0.113.7"}), 1U);
}

TEST(PackedTrie, ABranchEndsAPath) {
    const Built built({{cidr("2001:db8::/32")}, {cidr("2001:db8:0:7::/64")}});
    for (const auto* source : {"2001:db8:0:7::1", "2001:db8:0:8::1", "2001:db9::", "2001:db8::",
                               "2001:db8:0:7:ffff::", "2001:db8:0:6:ffff::"})
        expect_linear_answer(built, address(source));
    EXPECT_EQ(built.packed.nodes.size(), 1U);
}

TEST(PackedTrie, AWrongEntryEndsTheWalkInNoList) {
    native_tables tables{};
    frame where{};
    where.tables = &tables;
    EXPECT_EQ(walk_v4(&where, 0, 5, 0), TRIE_LEAF);
    EXPECT_EQ(walk_v6(&where, 0, TRIE_PATH_ENTRY(9U, 3U), 0, 0), TRIE_LEAF);
}

TEST(SourceTrie, IsTheSameForAnyOrderOfTheEntries) {
    std::mt19937 random(11);
    std::vector<Cidr> list;
    for (int i = 0; i < 500; ++i) list.push_back(random_prefix(random));
    const auto one = build({list});
    std::shuffle(list.begin(), list.end(), random);
    const auto other = build({list});
    EXPECT_EQ(one.roots, other.roots);
    ASSERT_FALSE(one.nodes.empty());
    ASSERT_EQ(one.nodes.size(), other.nodes.size());
    EXPECT_EQ(
        std::memcmp(one.nodes.data(), other.nodes.data(), one.nodes.size() * sizeof(trie_node)), 0);
    const auto packed = pack(one), other_packed = pack(other);
    EXPECT_EQ(packed.roots, other_packed.roots);
    ASSERT_EQ(packed.nodes.size(), other_packed.nodes.size());
    EXPECT_EQ(std::memcmp(packed.nodes.data(), other_packed.nodes.data(),
                          packed.nodes.size() * sizeof(trie_node)),
              0);
}

TEST(SourceTrie, NeedsNoNodesForPrefixesThatFillTheirParent) {
    const auto trie = build({{cidr("10.0.0.0/17"), cidr("10.0.128.0/17")}});
    EXPECT_TRUE(trie.nodes.empty());
}

TEST(SourceTrie, CountsAListThatIsGivenTwiceOnce) {
    SourceGroups groups;
    const auto one = groups.add({cidr("10.0.0.0/8"), cidr("11.0.0.0/8")});
    EXPECT_EQ(groups.add({cidr("11.0.0.0/8"), cidr("10.0.0.0/8")}), one);
    EXPECT_NE(groups.add({cidr("11.0.0.0/8")}), one);
}

TEST(SourceTrie, RefusesMoreClassesThanTheImageHolds) {
    SourceGroups groups;
    for (unsigned i = 0; i < 5000; ++i) {
        const auto raw = __builtin_bswap32(0x0a000000U + (i << 8U));
        (void)groups.add({cidr(IpAddress::from_v4(&raw).to_string() + "/24")});
    }
    const auto trie = build_source_trie(groups);
    ASSERT_FALSE(trie);
    EXPECT_EQ(trie.error().code, ExitCode::PolicyInvalid);
}

TEST(SourceTrie, BuildsAHundredThousandPrefixesInTime) {
    std::mt19937 random(3);
    std::vector<Cidr> list;
    for (int i = 0; i < 100000; ++i) {
        const auto raw = static_cast<std::uint32_t>(random());
        list.push_back(Cidr{IpAddress::from_v4(&raw), 32});
    }
    const auto start = std::chrono::steady_clock::now();
    const auto trie = build({list});
    const auto took = std::chrono::steady_clock::now() - start;
    // Half a second is the goal on an idle machine; sanitizers and neighbours get ten times that.
    EXPECT_LT(took, std::chrono::seconds(5));
    for (int i = 0; i < 100; ++i)
        EXPECT_NE(class_of(trie, list[static_cast<std::size_t>(i)].address), 0U);
}

}  // namespace
}  // namespace portlid::policy::test
