// SPDX-License-Identifier: Apache-2.0
// `owner:` as a condition: who sits on the port decides, and three readers of the policy agree.
#include "policy/owners.hpp"

#include <netinet/in.h>

#include "policy/text_answer.hpp"
#include "support.hpp"

namespace portlid::policy {
namespace {

using test::address;

constexpr const char* kZones = "mode: enforce\nzones: { public: { interfaces: [eth0] } }\n";
constexpr const char* kShop =
    "services:\n"
    "  - { name: shop, ports: [8443/tcp], owner: { container: \"shop-*\" } }\n"
    "  - { name: ssh, ports: [22/tcp] }\n";

Owner shop() {
    return {{{"container", "shop-*"}}};
}
HeldPort held(const std::string& where, std::uint64_t owner, bool v6only = false) {
    return {address(where), {8443}, IPPROTO_TCP, v6only, owner};
}

struct OwnerRow {
    const char* sentence;
    HeldPorts held;
    const char* to;
    reason why;
};

class OwnerRows : public testing::Test {
protected:
    Policy policy_ = test::policy_of(std::string(kZones) + kShop);
    CompiledPolicy compiled_ = *compile(policy_);

    void check(const OwnerRow& row) const {
        SCOPED_TRACE(row.sentence);
        const auto to = address(row.to);
        const auto from = address(to.family() == Family::IPv4 ? "198.51.100.9" : "2001:db8:9::9");
        HostTables tables;
        tables.own = {to};
        tables.held = row.held;
        const Probe probe{0, IPPROTO_TCP, from, to, {8443}};
        EXPECT_EQ(judge_probe(compiled_, tables, probe).why, row.why);
        const auto said = text_answer(policy_, {0, PortProtocol::Tcp, from, to, {8443}, &row.held});
        EXPECT_EQ(said.why, row.why);
        const auto reach = port_reach(compiled_, 0, IPPROTO_TCP, to, {8443}, &row.held);
        EXPECT_EQ(reach.enforced, row.why == REASON_allowed ? Reach::Open : Reach::Closed);
    }
};

TEST_F(OwnerRows, TheSocketsThatWouldGetThePacketDecide) {
    const auto own = owner_key(shop());
    const OwnerRow rows[] = {
        {"nobody listens", {}, "192.0.2.1", REASON_owner_absent},
        {"the owner, on every address", {held("0.0.0.0", own)}, "192.0.2.1", REASON_allowed},
        {"somebody else, on every address", {held("0.0.0.0", 0)}, "192.0.2.1", REASON_owner_absent},
        {"another owner", {held("0.0.0.0", own + 1)}, "192.0.2.1", REASON_owner_absent},
        {"the owner, on this address", {held("192.0.2.1", own)}, "192.0.2.1", REASON_allowed},
        {"the owner, on another address",
         {held("192.0.2.2", own)},
         "192.0.2.1",
         REASON_owner_absent},
        {"a listener on another address closes nothing",
         {held("0.0.0.0", own), held("192.0.2.2", 0)},
         "192.0.2.1",
         REASON_allowed},
        {"one on this address stands before the owner's wildcard",
         {held("0.0.0.0", own), held("192.0.2.1", 0)},
         "192.0.2.1",
         REASON_owner_absent},
        {"the owner's own address stands before somebody's wildcard",
         {held("0.0.0.0", 0), held("192.0.2.1", own)},
         "192.0.2.1",
         REASON_allowed},
        {"a dual-stack socket takes IPv4 too", {held("::", own)}, "192.0.2.1", REASON_allowed},
        {"not when it takes IPv6 only", {held("::", own, true)}, "192.0.2.1", REASON_owner_absent},
        {"IPv6, by either wildcard", {held("::", own, true)}, "2001:db8::1", REASON_allowed},
        {"an IPv4 wildcard is no IPv6 one",
         {held("0.0.0.0", own)},
         "2001:db8::1",
         REASON_owner_absent},
        {"two wildcards must both be the owner's",
         {held("0.0.0.0", own), held("::", 0)},
         "192.0.2.1",
         REASON_owner_absent},
    };
    for (const auto& row : rows) check(row);
}

TEST_F(OwnerRows, OtherPortsDoNotDependOnIt) {
    HostTables tables;
    tables.own = {address("192.0.2.1")};
    const Probe probe{0, IPPROTO_TCP, address("198.51.100.9"), address("192.0.2.1"), {22}};
    EXPECT_EQ(judge_probe(compiled_, tables, probe).why, REASON_allowed);
}

// Neither a service without an owner nor one with a limit is hindered by an absent owner.
TEST(Owners, ServicesOnOnePortAreAUnion) {
    const auto compiled = test::compiled(
        std::string(kZones) +
        "sets: { office: [203.0.113.0/24] }\nservices:\n"
        "  - { name: mine, ports: [80/tcp], owner: { user: web } }\n"
        "  - { name: limited, ports: [80/tcp], limit: { new: 3/30s } }\n"
        "  - { name: both, ports: [81/tcp], owner: { user: web }, limit: { new: 1/30s } }\n");
    HostTables tables;
    tables.own = {address("192.0.2.1")};
    const auto judged = [&](std::uint16_t port) {
        return judge_probe(compiled, tables,
                           {0, IPPROTO_TCP, address("198.51.100.9"), address("192.0.2.1"), {port}});
    };
    EXPECT_EQ(compiled.rules[judged(80).rule].name, "limited");
    EXPECT_EQ(judged(81).why, REASON_owner_absent);
    const auto web = owner_key({{{"user", "web"}}});
    tables.held = {{address("0.0.0.0"), {80}, IPPROTO_TCP, false, web},
                   {address("0.0.0.0"), {81}, IPPROTO_TCP, false, web}};
    EXPECT_EQ(compiled.rules[judged(80).rule].name, "mine");
    EXPECT_EQ(judged(81).why, REASON_limited);
}

TEST(Owners, AKeyIsTheOwnersAlone) {
    EXPECT_EQ(owner_key(shop()), owner_key(shop()));
    EXPECT_NE(owner_key(shop()), owner_key({{{"image", "shop-*"}}}));
    EXPECT_NE(owner_key({{{"exe", "/a"}, {"user", "b"}}}), owner_key({{{"exe", "/a"}}}));
}

}  // namespace
}  // namespace portlid::policy
