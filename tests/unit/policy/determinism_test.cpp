// SPDX-License-Identifier: Apache-2.0
// The same input gives the same image and hash: in another directory, in another locale, whatever
// order the directory lists its files in, and whatever was compiled before.
#include <clocale>
#include <locale>

#include "support.hpp"

namespace portlid::policy::test {
namespace {

struct File {
    const char* name;
    const char* text;
};

const File kMain = {"policy.yaml",
                    "version: 1\nmode: enforce\n"
                    "zones: { public: { interfaces: [uplink], existing: 1500s } }\n"
                    "sets: { office: [203.0.113.7, \"2001:db8:77::/48\"] }\n"
                    "services:\n  - { name: ssh, ports: [22/tcp], from: [office], "
                    "limit: { new: 6/30s } }\n"
                    "include: policy.d/*.yaml\n"};
const std::vector<File> kParts = {
    {"policy.d/10-web.yaml", "services: [ { name: web, ports: [80/tcp, 443/tcp] } ]\n"},
    {"policy.d/20-dns.yaml", "services: [ { name: dns, ports: [53/udp] } ]\n"},
    {"policy.d/30-bad.yaml", "sets: { bad: { file: bad.netset } }\ndeny: [bad]\n"},
    {"bad.netset", "198.51.100.0/25\n192.0.2.0/28 # a comment\n"}};

// Written in the order given; tmpfs and ext4 then list them in different orders.
CompiledPolicy compiled_from(const TemporaryDirectory& directory, const std::vector<File>& parts) {
    for (const auto& part : parts) directory.write(part.name, part.text);
    const auto outcome = load_file(directory.write(kMain.name, kMain.text));
    EXPECT_TRUE(outcome.ok()) << all_of(outcome);
    return std::move(compile(outcome.policy).value());
}

void expect_same(const CompiledPolicy& a, const CompiledPolicy& b) {
    EXPECT_EQ(a.hash, b.hash);
    EXPECT_EQ(std::memcmp(a.image.get(), b.image.get(), sizeof(policy_image)), 0);
    ASSERT_EQ(a.nodes.size(), b.nodes.size());
    EXPECT_EQ(std::memcmp(a.nodes.data(), b.nodes.data(), a.nodes.size() * sizeof(trie_node)), 0);
}

TEST(Determinism, AnotherDirectoryAndAnotherOrderOfWritingGiveTheSameHash) {
    const TemporaryDirectory here;
    const TemporaryDirectory there;
    const auto first = compiled_from(here, kParts);
    const auto second = compiled_from(there, {kParts.rbegin(), kParts.rend()});
    expect_same(first, second);
}

TEST(Determinism, ALocaleWithAnotherDecimalPointChangesNothing) {
    struct Comma : std::numpunct<char> {
        [[nodiscard]] char do_decimal_point() const override { return ','; }
        [[nodiscard]] char do_thousands_sep() const override { return '.'; }
        [[nodiscard]] std::string do_grouping() const override { return "\3"; }
    };
    const TemporaryDirectory here;
    const TemporaryDirectory there;
    const auto first = compiled_from(here, kParts);
    const auto before = std::locale::global(std::locale(std::locale::classic(), new Comma));
    const auto second = compiled_from(there, kParts);
    std::locale::global(before);
    std::setlocale(LC_ALL, "C");
    expect_same(first, second);
}

TEST(Determinism, WhatWasCompiledBeforeChangesNothing) {
    const TemporaryDirectory here;
    const auto first = compiled_from(here, kParts);
    (void)compiled(
        "mode: enforce\nzones: { z: { interfaces: [x], default: allow } }\n"
        "services: [ { name: other, ports: [1-65535/tcp] } ]\n");
    expect_same(first, compiled_from(here, kParts));
}

TEST(Determinism, AnotherMemberOfASetFileIsAnotherHash) {
    const TemporaryDirectory here;
    const auto first = compiled_from(here, kParts);
    here.write("bad.netset", "198.51.100.0/25\n192.0.2.0/29\n");
    const auto outcome = load_file(here.path() / kMain.name);
    EXPECT_NE(compile(outcome.policy).value().hash, first.hash);
}

}  // namespace
}  // namespace portlid::policy::test
