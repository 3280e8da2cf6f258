// SPDX-License-Identifier: Apache-2.0
// What `import ufw` makes of real files.
#include <fstream>

#include "policy/check.hpp"
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

Action asked(const Policy& policy, const std::string& packet) {
    const auto question = parse_packet(policy, packet);
    EXPECT_TRUE(question) << packet;
    const auto run = run_tests(policy, {*question});
    return run->outcomes.front().verdict();
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

// The rows that Debian ships, read where its package keeps them.
std::string shipped_file(const std::string& name) {
    std::ifstream file("/usr/share/ufw/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ImportUfw, ListsNothingOfTheFilesThatDebianShips) {
    Etc etc;
    for (const std::string name :
         {"before.rules", "before6.rules", "after.rules", "after6.rules"}) {
        const auto text = shipped_file("iptables/" + name);
        if (text.empty()) GTEST_SKIP() << "ufw is not installed here";
        etc.write("ufw/" + name, text);
    }
    etc.write("ufw/user.rules", shipped_file("iptables/user.rules"));
    etc.write("ufw/user6.rules", shipped_file("iptables/user6.rules"));
    const auto imported = etc.import();
    EXPECT_EQ(unmapped_text(imported.unmapped), "");
    EXPECT_EQ(loaded(imported).ping, Action::Allow);
}

TEST(ImportUfw, TakesOverDropsOfBeforeRulesThatARuleCanSay) {
    Etc etc;
    etc.write("ufw/before.rules",
              std::string(kBefore) +
                  "-A ufw-before-input -s 198.18.0.0/15 -m comment --comment \"no -j ACCEPT\" "
                  "-j DROP\n"
                  "-A ufw-before-input\t-s 203.0.113.7 -p tcp -m tcp --dport 22 -j REJECT "
                  "--reject-with tcp-reset\n");
    etc.write("ufw/before6.rules",
              "-A ufw6-before-input -p icmpv6 --icmpv6-type echo-request -j ACCEPT\n"
              "-I ufw6-before-input -s 2001:db8:bad::/48 -j DROP\n");
    etc.write("ufw/after.rules", "-A ufw-after-input -p tcp --dport 23 -j DROP\n");
    etc.rules("allow tcp 22:25 0.0.0.0/0 any 0.0.0.0/0 in", "allow tcp 22 ::/0 any ::/0 in");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    EXPECT_EQ(unmapped_text(imported.unmapped), "");
    const std::pair<const char*, Action> rows[] = {
        {"from 198.18.0.1 to 22/tcp zone public", Action::Drop},
        {"from 203.0.113.7 to 22/tcp zone public", Action::Drop},
        {"from 203.0.113.7 to 24/tcp zone public", Action::Allow},
        {"from 192.0.2.9 to 22/tcp zone public", Action::Allow},
        {"from 192.0.2.9 to 23/tcp zone public", Action::Allow},
        {"from 2001:db8:bad::1 to 22/tcp zone public", Action::Drop},
        {"from 2001:db8::1 to 22/tcp zone public", Action::Allow},
    };
    for (const auto& [packet, verdict] : rows) EXPECT_EQ(asked(policy, packet), verdict) << packet;
    EXPECT_EQ(policy.ping, Action::Allow);
}

TEST(ImportUfw, ClosesBehindItsRulesWhatAfterRulesDrop) {
    Etc etc;
    etc.write("default/ufw", "IPV6=no\nDEFAULT_INPUT_POLICY=\"ACCEPT\"\n");
    etc.write("ufw/after.rules", "-A ufw-after-input -p tcp --dport 22:23 -j DROP\n");
    etc.rules("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 23/tcp zone public"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 24/tcp zone public"), Action::Allow);
}

TEST(ImportUfw, SaysOfADropItCannotTakeOverThatItIsNotClosed) {
    for (const auto* row :
         {"-A ufw-before-input -i eth0 -s 198.18.0.0/15 -j DROP",
          "-A ufw-before-input ! -s 10.0.0.0/8 -p tcp --dport 22 -j DROP",
          "-A ufw-before-input -p tcp --dport ssh -j DROP", "-I INPUT -s 198.18.0.0/15 -j DROP",
          "-A ufw-before-input -s 198.18.0.0/15 -j RETURN",
          "-A ufw-before-input -p tcp -m recent --name x --update -j DROP",
          "-A DOCKER-USER -s 198.18.0.0/15 -j DROP", "-A ufw-before-input -m set -g elsewhere",
          "[0:0] -A ufw-before-input -i eth0 -j REJECT"}) {
        Etc etc;
        etc.write("ufw/after.rules", std::string(row) + "\n");
        etc.rules("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
        const auto imported = etc.import();
        EXPECT_TRUE(loaded(imported).deny.empty()) << row;
        ASSERT_EQ(imported.unmapped.size(), 1U) << row;
        EXPECT_TRUE(imported.unmapped[0].stays_open) << row;
        EXPECT_NE(imported.unmapped[0].why.find("`deny:`"), std::string::npos);
        EXPECT_NE(imported.yaml.find("NOT closed by this policy"), std::string::npos);
    }
}

TEST(ImportUfw, ListsEveryRowThatUfwDidNotWrite) {
    for (const auto* row :
         {"-A ufw-before-input -i wg0 -j ACCEPT", "-A ufw-before-input -s 10.9.0.0/16 -j ACCEPT",
          "-I INPUT -p tcp --dport 8443 -j ACCEPT",
          "  -A ufw-before-input -p tcp --dport 68 -j ACCEPT",
          "-A ufw-before-forward -i wg0 -j ACCEPT", "-A ufw-after-input -j LOG",
          "-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080"}) {
        for (const auto* name : {"before.rules", "after.rules", "user.rules"}) {
            Etc etc;
            etc.write(std::string("ufw/") + name, std::string(row) + "\n");
            const bool log = std::string(row).ends_with("LOG");
            EXPECT_EQ(lists(etc.import(), std::string(name) + ":1"),
                      !log || std::string(name) != "user.rules")
                << row << " in " << name;
        }
    }
    for (const auto* row : {"-A ufw-before-output -p tcp --dport 25 -j DROP",
                            "-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE",
                            "-A   ufw-before-input  -i lo -j\tACCEPT"}) {
        Etc etc;
        etc.write("ufw/before.rules", std::string(row) + "\n");
        EXPECT_EQ(unmapped_text(etc.import().unmapped), "") << row;
    }
}

TEST(ImportUfw, ReadsRowsOfUserRulesThatBelongToNoTuple) {
    Etc etc;
    etc.write(
        "ufw/user.rules",
        "*filter\n### RULES ###\n\n"
        "-A ufw-user-input -s 198.18.0.0/15 -p tcp -j DROP\n\n"
        "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
        "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n"
        "-A ufw-before-input -p tcp --dport 23 -j ACCEPT\n\n"
        "-A ufw-user-input -p tcp --dport 24 -j ACCEPT\n"
        "### LOGGING ###\n"
        "-I ufw-logging-deny -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min\n"
        "-A ufw-user-limit -j REJECT\n");
    const auto imported = etc.import();
    const auto policy = loaded(imported);
    ASSERT_EQ(imported.unmapped.size(), 2U) << unmapped_text(imported.unmapped);
    EXPECT_TRUE(lists(imported, "user.rules:8"));
    EXPECT_TRUE(lists(imported, "user.rules:10"));
    EXPECT_EQ(asked(policy, "from 198.18.0.1 to 22/tcp zone public"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone public"), Action::Allow);
}

TEST(ImportUfw, AnswersPingsOnlyByTheRowThatUfwShips) {
    const std::string row = "-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT\n";
    const std::string row6 =
        "-A ufw6-before-input -p icmpv6 --icmpv6-type echo-request -j ACCEPT\n";
    struct {
        std::string v4;
        std::string v6;
        Action ping;
        bool listed;
    } const cases[] = {
        {row, "", Action::Allow, false},
        {row, row6, Action::Allow, false},
        {"-A  ufw-before-input -p icmp\t--icmp-type echo-request  -j ACCEPT \n", "", Action::Allow,
         false},
        {"# " + row, "", Action::Drop, false},
        {"-A ufw-before-input -s 10.0.0.0/8 -p icmp --icmp-type echo-request -j ACCEPT\n", "",
         Action::Drop, true},
        {"-A ufw-before-input -p icmp --icmp-type echo-request -i eth0 -j ACCEPT\n", "",
         Action::Drop, true},
        {"-A ufw-before-input -p icmp -j DROP\n" + row, "", Action::Drop, true},
        {"-A ufw-before-input -j DROP\n" + row, "", Action::Drop, false},
        {row + "-I ufw-before-input -i eth0 -j DROP\n", "", Action::Drop, true},
        {row + "-A ufw-before-input -i eth0 -j DROP\n", "", Action::Allow, true},
        {row, "-A ufw6-before-input -i lo -j ACCEPT\n", Action::Drop, true},
    };
    for (const auto& one : cases) {
        Etc etc;
        etc.write("ufw/before.rules", one.v4);
        etc.write("ufw/before6.rules", one.v6);
        const auto imported = etc.import();
        EXPECT_EQ(loaded(imported).ping, one.ping) << one.v4 << one.v6;
        EXPECT_EQ(!imported.unmapped.empty(), one.listed) << unmapped_text(imported.unmapped);
    }
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

TEST(ImportUfw, KeepsProtocolsClosedThatBeforeRulesClose) {
    Etc etc;
    etc.write("ufw/before.rules", "-A ufw-before-input -j DROP\n");
    etc.rules("allow esp any 0.0.0.0/0 any 0.0.0.0/0 in", "allow esp any ::/0 any ::/0 in");
    const auto imported = etc.import();
    EXPECT_TRUE(loaded(imported).protocols.empty());
    EXPECT_TRUE(lists(imported, "user.rules"));
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
