// SPDX-License-Identifier: Apache-2.0
// What `import ufw` makes of real files, and, for random rule sets, whether it lets the same
// packets in as ufw: the model of ufw here is its documentation (first match, then the default).
#include <sstream>

#include "policy/check.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/ufw_rules.hpp"
#include "policy/policy_tests.hpp"
#include "random_policy.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kBefore =
    "-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT\n"
    "-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT\n"
    "-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT\n";

class Etc {
public:
    Etc() {
        directory_.write("ufw/ufw.conf", "ENABLED=yes\n");
        directory_.write("ufw/before.rules", kBefore);
        directory_.write("default/ufw", "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n");
        directory_.write("ufw/user.rules", "*filter\n");
        directory_.write("ufw/user6.rules", "*filter\n");
    }
    void write(const std::string& name, const std::string& text) { directory_.write(name, text); }
    void rules(const std::string& v4, const std::string& v6 = "") {
        write("ufw/user.rules", tuples(v4));
        write("ufw/user6.rules", tuples(v6));
    }
    static std::string tuples(const std::string& lines) {
        std::istringstream in(lines);
        std::string out = "*filter\n### RULES ###\n";
        for (std::string line; std::getline(in, line);)
            out += "\n### tuple ### " + line + "\n-A ufw-user-input -j WHATEVER\n";
        return out;
    }
    Imported import() {
        const auto draft = import_ufw(directory_.path() / "ufw");
        if (!draft) {
            ADD_FAILURE() << draft.error().message;
            return {};
        }
        auto imported = render(*draft);
        if (!imported) {
            ADD_FAILURE() << imported.error().message;
            return {};
        }
        return std::move(*imported);
    }
    const std::filesystem::path& path() const { return directory_.path(); }

private:
    TemporaryDirectory directory_;
};

Policy loaded(const Imported& imported) {
    auto outcome = load(imported.yaml);
    EXPECT_TRUE(outcome.ok()) << all_of(outcome) << imported.yaml;
    return std::move(outcome.policy);
}

const Service& service(const Policy& policy, const std::string& name) {
    static const Service none;
    for (const auto& one : policy.services)
        if (one.name == name) return one;
    ADD_FAILURE() << "no service " << name;
    return none;
}

bool lists(const Imported& imported, const std::string& where) {
    return std::any_of(imported.unmapped.begin(), imported.unmapped.end(),
                       [&](const Unmapped& one) { return one.where == where; });
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

// A small model of ufw: rules in order, the first that matches decides, else the default.
struct ModelRule {
    bool allow = false;
    std::string protocol;
    unsigned first = 1;
    unsigned last = 65535;
    std::string source;
    std::string destination;
    std::string interface;
    std::string where;
};

struct ModelPacket {
    std::string protocol;
    unsigned port = 0;
    std::string source;
    std::string destination;
    std::string interface;
};

bool in_network(const std::string& network, const std::string& one) {
    const auto prefix = Cidr::parse(network);
    return prefix && prefix->contains(address(one));
}

const ModelRule* first_match(const std::vector<ModelRule>& rules, const ModelPacket& packet) {
    for (const auto& rule : rules) {
        const bool matches = (rule.protocol == "any" || rule.protocol == packet.protocol) &&
                             rule.first <= packet.port && packet.port <= rule.last &&
                             in_network(rule.source, packet.source) &&
                             in_network(rule.destination, packet.destination) &&
                             (rule.interface.empty() || rule.interface == packet.interface);
        if (matches) return &rule;
    }
    return nullptr;
}

class RandomUfw {
public:
    explicit RandomUfw(unsigned seed) : random_(seed) {}

    void add(Family family, std::string& text, std::vector<ModelRule>& rules) {
        const bool v4 = family == Family::IPv4;
        const std::string any = v4 ? "0.0.0.0/0" : "::/0";
        ModelRule rule;
        const auto action = random_.word({"allow", "allow", "deny", "reject", "limit"});
        rule.allow = action == "allow" || action == "limit";
        rule.protocol = random_.word({"tcp", "udp", "any"});
        std::string ports = "any";
        if (!random_.one_in(4)) {
            rule.first = rule.last = 20 + random_.pick(10);
            ports = std::to_string(rule.first);
            if (random_.one_in(2)) {
                rule.last = rule.first + random_.pick(6);
                ports += ":" + std::to_string(rule.last);
            }
        }
        rule.source = random_.one_in(2) ? any : source(v4);
        rule.destination = random_.one_in(6) ? (v4 ? "192.0.2.1/32" : "2001:db8:9::1/128") : any;
        rule.interface = random_.one_in(4) ? random_.word({"eth0", "wg0"}) : "";
        rule.where = (v4 ? "user.rules:" : "user6.rules:") + std::to_string(4 + 3 * count_[v4]++);
        text += action + " " + rule.protocol + " " + ports + " " + rule.destination + " any " +
                rule.source + " in" + (rule.interface.empty() ? "" : "_" + rule.interface) + "\n";
        rules.push_back(rule);
    }
    ModelPacket packet() {
        const bool v4 = random_.one_in(2);
        ModelPacket packet;
        packet.protocol = random_.word({"tcp", "udp"});
        packet.port = 18 + random_.pick(20);
        packet.source =
            v4 ? "10.0." + std::to_string(random_.pick(3)) + "." + std::to_string(random_.pick(4))
               : random_.word({"2001:db8::7", "2001:db8:1::7", "2001:db8:ffff::7"});
        packet.destination = v4 ? random_.word({"192.0.2.1", "192.0.2.2"})
                                : random_.word({"2001:db8:9::1", "2001:db8:9::2"});
        packet.interface = random_.word({"eth0", "wg0", "eth7"});
        return packet;
    }
    unsigned pick(unsigned bound) { return random_.pick(bound); }

private:
    std::string source(bool v4) {
        if (!v4) return random_.word({"2001:db8::/48", "2001:db8:1::/48", "2001:db8::7/128"});
        const auto third = std::to_string(random_.pick(3));
        return random_.word({"10.0.0.0/16", "10.0." + third + ".0/24", "10.0." + third + ".1/32"});
    }
    RandomPolicy random_;
    unsigned count_[2] = {0, 0};
};

std::string zone_of(const Policy& policy, const std::string& interface) {
    for (const auto& zone : policy.zones)
        if (zone.name == "if-" + interface) return zone.name;
    return "public";
}

// Never open where ufw is closed; closed where ufw is open only with a rule in the list: the one
// that opened there, or one that stands before it.
TEST(ImportUfwProperty, AgreesWithAModelOfUfwForEveryPacketOfRandomRuleSets) {
    unsigned opened = 0;
    unsigned excused = 0;
    for (unsigned seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomUfw random(seed);
        std::string v4;
        std::string v6;
        std::vector<ModelRule> rules;
        for (unsigned i = 0, count = 1 + random.pick(7); i < count; ++i)
            random.add(Family::IPv4, v4, rules);
        for (unsigned i = 0, count = random.pick(5); i < count; ++i)
            random.add(Family::IPv6, v6, rules);
        Etc etc;
        etc.rules(v4, v6);
        const bool accept = random.pick(4) == 0;
        if (accept) etc.write("default/ufw", "IPV6=yes\nDEFAULT_INPUT_POLICY=\"ACCEPT\"\n");
        const auto imported = etc.import();
        const auto policy = loaded(imported);
        std::vector<PacketQuestion> questions;
        std::vector<ModelPacket> packets;
        for (int i = 0; i < 200; ++i) {
            const auto packet = random.packet();
            const bool bracket = packet.destination.find(':') != std::string::npos;
            const auto question =
                parse_packet(policy, "from " + packet.source + " to " + (bracket ? "[" : "") +
                                         packet.destination + (bracket ? "]" : "") + ":" +
                                         std::to_string(packet.port) + "/" + packet.protocol +
                                         " zone " + zone_of(policy, packet.interface));
            ASSERT_TRUE(question) << question.error().message;
            questions.push_back(*question);
            packets.push_back(packet);
        }
        const auto run = run_tests(policy, questions);
        ASSERT_TRUE(run);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const auto* decided = first_match(rules, packets[i]);
            const bool ufw = decided == nullptr ? accept : decided->allow;
            const bool ours = run->outcomes[i].verdict() == Action::Allow;
            EXPECT_TRUE(ufw || !ours) << "opened what ufw closes: " << describe(run->outcomes[i]);
            opened += ours ? 1U : 0U;
            if (!ufw || ours) continue;
            ++excused;
            const auto where = decided == nullptr ? "default/ufw" : decided->where;
            EXPECT_TRUE(lists(imported, where)) << where << " " << describe(run->outcomes[i]);
        }
        if (::testing::Test::HasFailure()) FAIL() << v4 << "---\n" << v6 << imported.yaml;
    }
    EXPECT_GT(opened, 3000U) << "the property must have something to say";
    EXPECT_LT(excused, opened / 4) << "most rules must be mapped, not excused";
}

}  // namespace
}  // namespace portlid::policy::test
