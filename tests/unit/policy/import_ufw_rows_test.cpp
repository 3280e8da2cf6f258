// SPDX-License-Identifier: Apache-2.0
// What `import ufw` makes of rows for iptables that somebody wrote into UFW's files.
#include <fstream>

#include "policy/check.hpp"
#include "ufw_etc.hpp"

namespace portlid::policy::test {
namespace {

// The rows that Debian ships, read where its package keeps them.
std::string shipped_file(const std::string& name) {
    std::ifstream file("/usr/share/ufw/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ImportUfwRows, ListsNothingOfTheFilesThatDebianShips) {
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

TEST(ImportUfwRows, TakesOverDropsOfBeforeRulesThatARuleCanSay) {
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

TEST(ImportUfwRows, ClosesBehindItsRulesWhatAfterRulesDrop) {
    Etc etc;
    etc.write("default/ufw", "IPV6=no\nDEFAULT_INPUT_POLICY=\"ACCEPT\"\n");
    etc.write("ufw/after.rules", "-A ufw-after-input -p tcp --dport 22:23 -j DROP\n");
    etc.rules("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in");
    const auto policy = loaded(etc.import());
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 22/tcp zone public"), Action::Allow);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 23/tcp zone public"), Action::Drop);
    EXPECT_EQ(asked(policy, "from 192.0.2.9 to 24/tcp zone public"), Action::Allow);
}

TEST(ImportUfwRows, SaysOfADropItCannotTakeOverThatItIsNotClosed) {
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

TEST(ImportUfwRows, ListsEveryRowThatUfwDidNotWrite) {
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

TEST(ImportUfwRows, ReadsRowsOfUserRulesThatBelongToNoTuple) {
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

TEST(ImportUfwRows, AnswersPingsOnlyByTheRowThatUfwShips) {
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

TEST(ImportUfwRows, KeepsProtocolsClosedThatBeforeRulesClose) {
    Etc etc;
    etc.write("ufw/before.rules", "-A ufw-before-input -j DROP\n");
    etc.rules("allow esp any 0.0.0.0/0 any 0.0.0.0/0 in", "allow esp any ::/0 any ::/0 in");
    const auto imported = etc.import();
    EXPECT_TRUE(loaded(imported).protocols.empty());
    EXPECT_TRUE(lists(imported, "user.rules"));
}

TEST(ImportUfwRows, ListsSoManyRowsThatThePolicyNamesTheFirstOnly) {
    Etc etc;
    std::string rows;
    for (int i = 0; i < 20'000; ++i)
        rows += "-A ufw-before-input -i eth0 -s 198.18.0." + std::to_string(i % 256) + " -j DROP\n";
    etc.write("ufw/before.rules", rows);
    const auto imported = etc.import();
    EXPECT_EQ(imported.unmapped.size(), 20'000U);
    EXPECT_NE(imported.yaml.find("# ... and 19000 more"), std::string::npos);
}

}  // namespace
}  // namespace portlid::policy::test
