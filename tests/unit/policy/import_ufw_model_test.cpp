// SPDX-License-Identifier: Apache-2.0
// Whether `import ufw` lets the same packets in as ufw, for random rule sets: the model of ufw here
// is its documentation (first match, then the default).
#include "policy/policy_tests.hpp"
#include "random_policy.hpp"
#include "ufw_etc.hpp"

namespace portlid::policy::test {
namespace {

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
    for (unsigned seed = 1; seed <= cases(60); ++seed) {
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
    EXPECT_GT(opened, cases(1200)) << "the property must have something to say";
    EXPECT_LT(excused, opened / 4) << "most rules must be mapped, not excused";
}

}  // namespace
}  // namespace portlid::policy::test
