// SPDX-License-Identifier: Apache-2.0
// What `import ufw` makes of real files.
#include "policy/check.hpp"
#include "policy/import/ufw_rows.hpp"
#include "policy/import/ufw_rules.hpp"
#include "policy/policy_tests.hpp"
#include "ufw_etc.hpp"

namespace portlid::policy::test {
namespace {

const Service& service(const Policy& policy, const std::string& name) {
    static const Service none;
    for (const auto& one : policy.services)
        if (one.name == name) return one;
    ADD_FAILURE() << "no service " << name;
    return none;
}

TEST(ImportUfw, MakesOneServiceOfTheTwoRulesOfOneCommand) {
    Etc etc;
    etc.rules("allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in",
              "allow tcp 80,443 ::/0 any ::/0 Nginx%20Full - in");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    ASSERT_EQ(policy.services.size(), 1U) << imported.yaml;
    EXPECT_EQ(policy.services[0].name, "nginx-full");
    EXPECT_TRUE(policy.services[0].from_any);
    EXPECT_EQ(policy.services[0].ports.size(), 2U);
    EXPECT_EQ(policy.mode, Mode::Monitor);
    EXPECT_EQ(policy.ping, Action::Allow);
    EXPECT_TRUE(imported.unmapped.empty());
    EXPECT_NE(imported.yaml.find("# user.rules:4: allow tcp 80,443"), std::string::npos)
        << imported.yaml;
}

TEST(ImportUfw, KeepsAFamilyClosedThatHasNoRule) {
    Etc etc;
    etc.rules("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 2001:db8::9 to 22/tcp zone public"), Action::Drop);
}

TEST(ImportUfw, MapsLimitForTcpAndLeavesUdpClosed) {
    Etc etc;
    etc.rules("limit any 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    ASSERT_EQ(policy.services.size(), 1U);
    ASSERT_TRUE(policy.services[0].limit);
    EXPECT_EQ(policy.services[0].limit->new_flows, 6U);
    EXPECT_EQ(policy.services[0].limit->per, std::chrono::seconds(30));
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/udp zone public"), Action::Drop);
    EXPECT_TRUE(lists(imported, "user.rules:4"));
}

TEST(ImportUfw, ListsWhatIsForAddressesThatNoHostHas) {
    Etc etc;
    etc.rules(
        "allow udp 5353 224.0.0.251 any 0.0.0.0/0 in\n"
        "allow tcp 80 127.0.0.1 any 0.0.0.0/0 in\n"
        "allow tcp 81 192.0.2.1 any 0.0.0.0/0 in",
        "allow udp 5353 ff02::fb any ::/0 in");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    ASSERT_EQ(policy.services.size(), 1U) << imported.yaml;
    EXPECT_EQ(policy.services[0].addresses, std::vector{*IpAddress::parse("192.0.2.1")});
    EXPECT_EQ(imported.unmapped.size(), 3U);
    EXPECT_TRUE(lists(imported, "user.rules:4"));
}

TEST(ImportUfw, PutsSourcesThatAreShutOutFirstIntoTheDenyList) {
    Etc etc;
    etc.rules(
        "deny any any 0.0.0.0/0 any 203.0.113.0/24 in\n"
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    ASSERT_EQ(policy.deny.size(), 1U);
    EXPECT_EQ(policy.deny[0].to_string(), "203.0.113.0/24");
    EXPECT_EQ(service(policy, "port-22").from_text.size(), 1U);
}

TEST(ImportUfw, CutsWhatAnEarlierDenialTookOutOfALaterRule) {
    Etc etc;
    etc.rules(
        "allow tcp 22 0.0.0.0/0 any 203.0.113.7 in\n"
        "deny tcp 22 0.0.0.0/0 any 203.0.113.0/24 in\n"
        "deny tcp 8005 0.0.0.0/0 any 0.0.0.0/0 in\n"
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
        "allow tcp 8000:8010 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    const std::pair<const char*, Action> rows[] = {
        {"from 203.0.113.7 to 22/tcp zone public", Action::Allow},
        {"from 203.0.113.8 to 22/tcp zone public", Action::Drop},
        {"from 203.0.112.255 to 22/tcp zone public", Action::Allow},
        {"from 203.0.114.0 to 22/tcp zone public", Action::Allow},
        {"from 192.0.2.9 to 8004/tcp zone public", Action::Allow},
        {"from 192.0.2.9 to 8005/tcp zone public", Action::Drop},
        {"from 192.0.2.9 to 8006/tcp zone public", Action::Allow},
    };
    for (const auto& [packet, verdict] : rows) EXPECT_EQ(asked(policy, packet), verdict) << packet;
}

TEST(ImportUfw, MakesAZoneOfAnInterface) {
    Etc etc;
    etc.rules(
        "deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0\n"
        "allow tcp 9100 0.0.0.0/0 any 0.0.0.0/0 in_wg0\n"
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    ASSERT_EQ(policy.zones.size(), 3U);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone if-eth0"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone if-wg0"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 9100/tcp zone if-wg0"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 9100/tcp zone public"), Action::Drop);
}

TEST(ImportUfw, NamesOneAddressOfTheHost) {
    Etc etc;
    etc.rules("allow tcp 5432 10.8.0.1 any 10.0.0.0/8 in");
    const auto policy = loaded(etc.import());
    EXPECT_EQ(asked(policy, "from 10.1.2.3 to 10.8.0.1:5432/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 10.1.2.3 to 10.8.0.2:5432/tcp zone public"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 10.8.0.1:5432/tcp zone public"), Action::Drop);
}

TEST(ImportUfw, ClosesAndListsWhatTheLanguageCannotSay) {
    Etc etc;
    etc.rules(
        "deny tcp 80 10.8.0.1 any 0.0.0.0/0 in\n"           // 4: of one address
        "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n"         // 7: closed, listed
        "allow tcp 81 10.0.0.0/8 any 0.0.0.0/0 in\n"        // 10: to a network
        "allow udp any 0.0.0.0/0 53 0.0.0.0/0 in\n"         // 13: source port
        "route:allow tcp 80 172.17.0.2 any 0.0.0.0/0 in\n"  // 16
        "allow esp any 0.0.0.0/0 any 203.0.113.7 in\n"      // 19: protocol of one source
        "deny any 25 0.0.0.0/0 any 0.0.0.0/0 out\n"         // 22
        "allow nonsense");                                  // 25
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    EXPECT_TRUE(policy.services.empty()) << imported.yaml;
    EXPECT_TRUE(policy.protocols.empty());
    for (const auto* line : {"7", "10", "13", "16", "19", "22", "25"})
        EXPECT_TRUE(lists(imported, std::string("user.rules:") + line)) << line;
    EXPECT_NE(imported.yaml.find("# Not imported, and therefore closed:"), std::string::npos);
}

TEST(ImportUfw, OpensAProtocolOnlyWhenBothFamiliesDo) {
    Etc etc;
    etc.rules("allow esp any 0.0.0.0/0 any 0.0.0.0/0 in\nallow gre any 0.0.0.0/0 any 0.0.0.0/0 in",
              "allow esp any ::/0 any ::/0 in");
    const auto imported = etc.import();
    EXPECT_EQ(loaded(imported).protocols, std::vector<std::uint8_t>{50});
    EXPECT_TRUE(lists(imported, "user.rules"));
}

TEST(ImportUfw, KeepsAProtocolClosedBehindADenialOfEveryProtocol) {
    Etc etc;
    etc.rules(
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
        "deny any any 0.0.0.0/0 any 203.0.113.7 in\n"
        "allow esp any 0.0.0.0/0 any 0.0.0.0/0 in",  // 10: not for 203.0.113.7
        "allow esp any ::/0 any ::/0 in");
    const auto imported = etc.import();
    EXPECT_TRUE(loaded(imported).protocols.empty()) << imported.yaml;
    EXPECT_TRUE(lists(imported, "user.rules:10"));
}

TEST(ImportUfw, ReadsTheFilesAroundTheRules) {
    Etc etc;
    etc.write("ufw/ufw.conf", "ENABLED=no\n");
    etc.write("default/ufw", "IPV6=no\nDEFAULT_INPUT_POLICY=\"ACCEPT\"\n");
    etc.write("ufw/before.rules",
              "-A ufw-before-input -p icmp --icmp-type echo-request -j DROP\n"
              "-A ufw-before-input -p tcp --dport 4444 -j ACCEPT\n");
    etc.write("ufw/after.rules",
              "# BEGIN UFW AND DOCKER\n-A DOCKER-USER -j RETURN -s 10.0.0.0/8\n"
              "# END UFW AND DOCKER\n");
    etc.rules("deny tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in", "allow tcp 22 ::/0 any ::/0 in");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    EXPECT_EQ(policy.ping, Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 5432/tcp zone public"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 5433/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 2001:db8::9 to 22/tcp zone public"), Action::Drop) << "IPV6=no";
    EXPECT_TRUE(lists(imported, "before.rules:2"));
    EXPECT_TRUE(lists(imported, "after.rules:1"));
    EXPECT_NE(imported.yaml.find("UFW is not enabled"), std::string::npos);
}

TEST(ImportUfw, SaysNothingOfOtherProtocolsWhereADenialDecidedThem) {
    Etc etc;
    etc.rules(
        "deny any any 0.0.0.0/0 any 203.0.113.0/24 in\n"
        "allow any any 0.0.0.0/0 any 203.0.113.7 in\n"   // 7: decided
        "deny tcp any 0.0.0.0/0 any 192.0.2.7 in\n"      //
        "deny udp any 0.0.0.0/0 any 192.0.2.7 in\n"      //
        "allow any any 0.0.0.0/0 any 192.0.2.7 in\n"     // 16: but for other protocols
        "allow any any 0.0.0.0/0 any 198.51.100.7 in");  // 19
    const auto imported = etc.import();
    EXPECT_FALSE(lists(imported, "user.rules:7")) << imported.yaml;
    EXPECT_TRUE(lists(imported, "user.rules:16"));
    EXPECT_TRUE(lists(imported, "user.rules:19"));
    EXPECT_EQ(loaded(imported).services.size(), 1U) << imported.yaml;
}

TEST(ImportUfw, ReadsRowsWithCountersAndListsThoseOfNothingElse) {
    const auto counted = iptables_row("[3:180] -A ufw-user-input -s 192.0.2.9 -j DROP");
    ASSERT_TRUE(counted);
    EXPECT_TRUE(drop_rule(*counted, Family::IPv4, "here"));
    for (const char* text : {"[3:180]", "[", "\"\"", "-A", "-A x"}) {
        const auto row = iptables_row(text);
        ASSERT_TRUE(row) << text;
        EXPECT_FALSE(row->words.empty()) << text;
        EXPECT_FALSE(drop_rule(*row, Family::IPv4, "here")) << text;
    }
}

TEST(ImportUfw, RefusesWhatIsNotAUfwDirectory) {
    TemporaryDirectory empty;
    const auto missing = import_ufw(empty.path());
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ExitCode::Failed);
    EXPECT_NE(missing.error().message.find("user.rules"), std::string::npos);
    EXPECT_FALSE(import_ufw(empty.write("user.rules", std::string("\x7f"
                                                                  "ELF\0\1",
                                                                  6))));
    EXPECT_FALSE(import_ufw(empty.write("user.rules", std::string(5U << 20U, 'x'))));
}

TEST(ImportUfw, KeepsCommentsOfTheFileInsideComments) {
    Etc etc;
    etc.rules("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 x\"y:%20[]&*!|> - in comment=0a6d6f6465");
    const auto policy = loaded(etc.import());
    EXPECT_EQ(policy.services.size(), 1U);
    EXPECT_EQ(policy.mode, Mode::Monitor);
}

}  // namespace
}  // namespace portlid::policy::test
