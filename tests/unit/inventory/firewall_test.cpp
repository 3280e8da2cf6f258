// SPDX-License-Identifier: Apache-2.0
#include "inventory/firewall.hpp"

#include <gtest/gtest.h>

#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using fixtures::ip;
using fixtures::ufw;

std::string tcp(const Ufw& rules, std::uint16_t port, const char* address = "0.0.0.0") {
    return to_string(rules.answer(IPPROTO_TCP, ip(address), {port}));
}

TEST(Ufw, IsAbsentWithoutItsConfiguration) {
    const fixtures::Directory empty;
    const auto none = Ufw::read(empty.path());
    EXPECT_FALSE(none.installed());
    EXPECT_EQ(tcp(none, 22), "absent");
}

TEST(Ufw, IsInactiveUntilEnabled) {
    const auto off = ufw("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n", "", "IPV6=yes\n", "no");
    EXPECT_TRUE(off.installed());
    EXPECT_FALSE(off.active());
    EXPECT_EQ(tcp(off, 22), "inactive");
}

TEST(Ufw, AnswersWithItsDefaultWhereNoRuleMatches) {
    EXPECT_EQ(tcp(ufw(""), 80), "deny");
    EXPECT_EQ(tcp(ufw("", "", "DEFAULT_INPUT_POLICY=\"REJECT\"\n"), 80), "reject");
    EXPECT_EQ(tcp(ufw("", "", "DEFAULT_INPUT_POLICY=ACCEPT\n"), 80), "allow");
}

TEST(Ufw, TheFirstMatchingRuleWins) {
    const auto rules =
        ufw("deny tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n"
            "allow any 80 0.0.0.0/0 any 0.0.0.0/0 in\n");
    EXPECT_EQ(tcp(rules, 80), "deny");
    EXPECT_STREQ(to_string(rules.answer(IPPROTO_UDP, ip("0.0.0.0"), {80})), "allow");
}

TEST(Ufw, KnowsPortListsAndTheEdgesOfRanges) {
    const auto rules = ufw("allow tcp 80,443,7000:7100 0.0.0.0/0 any 0.0.0.0/0 in\n");
    const std::pair<unsigned, const char*> rows[] = {{80, "allow"},   {443, "allow"},
                                                     {6999, "deny"},  {7000, "allow"},
                                                     {7100, "allow"}, {7101, "deny"}};
    for (const auto& [port, word] : rows)
        EXPECT_EQ(tcp(rules, static_cast<std::uint16_t>(port)), word) << port;
}

struct Row {
    const char* sentence;
    const char* tuple;
    const char* answer;
};

TEST(Ufw, AnswersForAFlowFromAnywhere) {
    const Row rows[] = {
        {"allowed to all", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", "allow"},
        {"limited", "limit tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", "limit"},
        {"rejected", "reject tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", "reject"},
        {"with logging", "allow_log-all tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", "allow"},
        {"with a comment", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in comment=68656c6c6f", "allow"},
        {"an application's profile", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 WWW%20Full - in",
         "allow"},
        {"the old format without direction", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0", "allow"},
        {"any protocol and port", "allow any any 0.0.0.0/0 any 0.0.0.0/0 in", "allow"},
        {"one source", "allow tcp 80 0.0.0.0/0 any 203.0.113.7 in", "restricted"},
        {"one interface", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in_eth0", "restricted"},
        {"one source port", "allow tcp 80 0.0.0.0/0 1024 0.0.0.0/0 in", "restricted"},
        {"one own address", "allow tcp 80 192.0.2.1 any 0.0.0.0/0 in", "restricted"},
        {"a source denied that is denied anyway", "deny tcp 80 0.0.0.0/0 any 203.0.113.7 in",
         "deny"},
        {"outgoing", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 out", "deny"},
        {"outgoing on an interface", "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 out_eth0", "deny"},
        {"routed", "route:allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_docker0", "deny"},
        {"another protocol", "allow udp 80 0.0.0.0/0 any 0.0.0.0/0 in", "deny"},
        {"another port", "allow tcp 81 0.0.0.0/0 any 0.0.0.0/0 in", "deny"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        const auto rules = ufw(std::string(row.tuple) + "\n");
        EXPECT_EQ(rules.unreadable_lines(), 0U);
        EXPECT_EQ(tcp(rules, 80), row.answer);
    }
}

TEST(Ufw, OneDeniedSourceBeforeAnAllowForAllIsRestricted) {
    EXPECT_EQ(tcp(ufw("deny any any 0.0.0.0/0 any 203.0.113.0/24 in\n"
                      "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n"),
                  80),
              "restricted");
}

TEST(Ufw, ARuleForOneOwnAddressIsTheAnswerForThatAddress) {
    const auto rules = ufw("allow tcp 80 192.0.2.1 any 0.0.0.0/0 in\n");
    EXPECT_EQ(tcp(rules, 80, "192.0.2.1"), "allow");
    EXPECT_EQ(tcp(rules, 80, "192.0.2.2"), "deny");
}

TEST(Ufw, KeepsTheFamiliesApart) {
    const auto rules =
        ufw("allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n",
            "allow tcp 443 ::/0 any ::/0 in\nallow tcp 22 ::/0 any 2001:db8::/32 in\n");
    EXPECT_EQ(tcp(rules, 80), "allow");
    EXPECT_EQ(tcp(rules, 80, "::"), "deny");
    EXPECT_EQ(tcp(rules, 443, "::"), "allow");
    EXPECT_EQ(tcp(rules, 443), "deny");
    EXPECT_EQ(tcp(rules, 22, "::"), "restricted");
}

TEST(Ufw, DropsAllIpv6WhenToldNotToManageIt) {
    const auto rules =
        ufw("", "allow tcp 443 ::/0 any ::/0 in\n", "IPV6=no\nDEFAULT_INPUT_POLICY=ACCEPT\n");
    EXPECT_EQ(tcp(rules, 443, "::"), "deny");
    EXPECT_EQ(tcp(rules, 443), "allow");
}

TEST(Ufw, CountsLinesThatItCannotRead) {
    const char* const lines[] = {
        "allow tcp 80",
        "permit tcp 80 0.0.0.0/0 any 0.0.0.0/0 in",
        "allow xyz 80 0.0.0.0/0 any 0.0.0.0/0 in",
        "allow tcp 70000 0.0.0.0/0 any 0.0.0.0/0 in",
        "allow tcp 90:80 0.0.0.0/0 any 0.0.0.0/0 in",
        "allow tcp , 0.0.0.0/0 any 0.0.0.0/0 in",
        "allow tcp 80 0.0.0.0/33 any 0.0.0.0/0 in",
        "allow tcp 80 ::/0 any 0.0.0.0/0 in",
        "allow tcp 80 0.0.0.0/0 any nowhere in",
        "allow tcp 80 0.0.0.0/0 x 0.0.0.0/0 in",
        "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 sideways",
        "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 a b in more",
    };
    for (const auto* line : lines) {
        SCOPED_TRACE(line);
        const auto rules = ufw(std::string(line) + "\n");
        EXPECT_EQ(rules.unreadable_lines(), 1U);
        EXPECT_EQ(tcp(rules, 80), "deny");
    }
}

TEST(Ufw, ReadsTheShellsWayOfWriting) {
    const fixtures::Directory etc;
    etc.write("ufw/ufw.conf", "ENABLED='YES'\r\n");
    etc.write("default/ufw", "#IPV6=no\nIPV6=\"yes\"\nDEFAULT_INPUT_POLICY=\"ACCEPT\" \n");
    const auto rules = Ufw::read(etc.path());
    EXPECT_TRUE(rules.active());
    EXPECT_EQ(tcp(rules, 1, "::"), "allow");
}

}  // namespace
}  // namespace portlid::inventory
