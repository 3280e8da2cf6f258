// SPDX-License-Identifier: Apache-2.0
#include "rollout/lifelines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/load.hpp"
#include "rollout/guard.hpp"

namespace portlid::rollout {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

// A host at 192.0.2.10 and 2001:db8::10 that opens only the web to strangers.
struct HostWithLifelines {
    policy::LoadOutcome loaded;
    policy::CompiledPolicy compiled;
    policy::HostTables tables;
    Uplink uplink{0,
                  "public",
                  {ip("192.0.2.10"), ip("fe80::10"), ip("2001:db8::10")},
                  {ip("192.0.2.1"), ip("fe80::1")},
                  true};

    explicit HostWithLifelines(
        const std::string& rest = "services: [ { name: web, ports: [80/tcp] } ]\n")
        : loaded(policy::load_text("version: 1\nmode: enforce\n"
                                   "zones: { public: { interfaces: [eth0] } }\n" +
                                       rest,
                                   "policy.yaml", ".")) {
        EXPECT_TRUE(loaded.ok()) << policy::to_string(loaded.diagnostics.front());
        compiled = policy::compile(loaded.policy).value();
        for (const auto& own : uplink.own) tables.own.insert(own);
    }
    [[nodiscard]] std::vector<Cut> cuts(const std::vector<IpAddress>& servers) const {
        GuardInput input;
        input.policy = &loaded.policy;
        input.compiled = &compiled;
        input.tables = &tables;
        input.lifelines = lifelines({uplink}, servers);
        return guard(input);
    }
};

TEST(Lifelines, AskForGatewaysDhcpAndDnsOfBothFamilies) {
    const HostWithLifelines host;
    // DHCP of both gateways, the neighbour advertisement of one, DNS by UDP and TCP of two servers.
    EXPECT_THAT(lifelines({host.uplink}, {ip("192.0.2.53"), ip("2001:db8::53")}), SizeIs(7));
}

TEST(Lifelines, NoPolicyCutsThemWhileRepliesCanBeTold) {
    const std::vector<IpAddress> servers{ip("192.0.2.53"), ip("2001:db8::53")};
    EXPECT_THAT(HostWithLifelines().cuts(servers), SizeIs(0));
    const HostWithLifelines hostile(
        "deny: [192.0.2.0/24, \"2001:db8::/32\", \"fe80::/10\"]\nicmp: { ping: drop }\n"
        "transit: drop\nservices: [ { name: web, ports: [80/tcp], from: [198.51.100.1] } ]\n");
    const auto cuts = hostile.cuts(servers);
    EXPECT_TRUE(cuts.empty()) << to_string(cuts);
}

TEST(Lifelines, WithoutAFlowTableDnsWouldBeCutAndTheRuleNamedSavesIt) {
    HostWithLifelines host;
    host.uplink.replies_told = false;
    const auto cuts = host.cuts({ip("192.0.2.53")});
    ASSERT_THAT(cuts, SizeIs(2));
    EXPECT_THAT(cuts[0].what, HasSubstr("DNS answers (udp) of 192.0.2.53 to 192.0.2.10"));
    HostWithLifelines saved(cuts[0].rule + "\n");
    saved.uplink.replies_told = false;
    const auto left = saved.cuts({ip("192.0.2.53")});
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_THAT(left[0].what, HasSubstr("(tcp)"));
}

TEST(Lifelines, TakeNameServersThatAreNotThisHost) {
    EXPECT_THAT(name_servers_in("# nameserver 192.0.2.1\nsearch example.org\n"
                                "nameserver 127.0.0.53\nnameserver 192.0.2.53\n"
                                "  nameserver   2001:db8::53 \nnameserver fe80::1%eth0\n"
                                "nameserver nonsense\nnameserver"),
                testing::ElementsAre(ip("192.0.2.53"), ip("2001:db8::53"), ip("fe80::1")));
}

}  // namespace
}  // namespace portlid::rollout
