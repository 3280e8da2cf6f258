// SPDX-License-Identifier: Apache-2.0
#include "policy/diff.hpp"

#include <netinet/in.h>

#include <nlohmann/json.hpp>

#include "policy/policy_tests.hpp"
#include "policy/show.hpp"
#include "random_policy.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kZone = "zones: { public: { interfaces: [uplink] } }\n";

PolicyDiff diff_of(const Policy& before, const Policy& after) {
    auto changes = diff(before, after);
    if (!changes) ADD_FAILURE() << changes.error().message;
    return changes.value_or(PolicyDiff());
}

std::string lines(const std::string& before, const std::string& after) {
    return diff_text(diff_of(policy_of(kZone + before), policy_of(kZone + after)));
}

TEST(Diff, NamesWhoGainsAndWhoLosesAPort) {
    EXPECT_EQ(lines("services: [{ name: db, ports: [5432/tcp] }]",
                    "services: [{ name: db, ports: [5432/tcp], from: [10.0.0.0/8] }]"),
              "- public: 5432/tcp closes to everybody but 10.0.0.0/8 (open -> restricted)\n");
    EXPECT_EQ(lines("services: [{ name: db, ports: [5432/tcp], from: [10.0.0.0/8] }]",
                    "services: [{ name: db, ports: [5432/tcp], from: [10.0.0.0/9] }]"),
              "- public: 5432/tcp closes to 10.128.0.0/9 (restricted -> restricted)\n");
    EXPECT_EQ(lines("", "services: [{ name: db, ports: [5432/tcp] }]"),
              "+ public: 5432/tcp opens to everybody (closed -> open)\n");
}

TEST(Diff, SaysBothWhenSomeGainAndOthersLose) {
    EXPECT_EQ(
        lines("services: [{ name: s, ports: [22/tcp], from: [192.0.2.0/25] }]",
              "services: [{ name: s, ports: [22/tcp], from: [192.0.2.64/26, \"2001:db8::/32\"] }]"),
        "- public: 22/tcp closes to 192.0.2.0/26 (restricted -> restricted)\n"
        "+ public: 22/tcp opens to 2001:db8::/32 (restricted -> restricted)\n");
}

TEST(Diff, UsesTheNamesOfSetsAndTellsOldMembersFromNewOnes) {
    const std::string service = "services: [{ name: s, ports: [22/tcp], from: [office] }]\n";
    EXPECT_EQ(
        lines("sets: { office: [192.0.2.0/24] }\n", "sets: { office: [192.0.2.0/24] }\n" + service),
        "+ public: 22/tcp opens to office (closed -> restricted)\n");
    EXPECT_EQ(lines("sets: { office: [192.0.2.0/24] }\n" + service,
                    "sets: { office: [198.51.100.0/24] }\n" + service),
              "- public: 22/tcp closes to office (before) (restricted -> restricted)\n"
              "+ public: 22/tcp opens to office (restricted -> restricted)\n"
              "~ set office: 192.0.2.0/24 -> 198.51.100.0/24\n");
}

TEST(Diff, FoldsPortsThatChangeAlike) {
    EXPECT_EQ(lines("services: [{ name: a, ports: [1000-2000/tcp] }]",
                    "services: [{ name: a, ports: [1000-1499/tcp] }, "
                    "{ name: b, ports: [1500-2100/tcp, 2101/tcp, 53/udp] }]"),
              "+ public: 2001-2101/tcp, 53/udp opens to everybody (closed -> open)\n");
    EXPECT_EQ(diff_text(diff_of(policy_of("zones: { a: { interfaces: [x], default: allow } }"),
                                policy_of("zones: { a: { interfaces: [x] } }\n"
                                          "services: [{ name: s, ports: [80/tcp] }]"))),
              "- a: 1-79/tcp, 81-65535/tcp, 1-65535/udp closes to everybody (open -> closed)\n"
              "~ zone a default: allow -> drop\n");
}

TEST(Diff, IsAboutWhatGetsInNotAboutText) {
    EXPECT_EQ(lines("services: [{ name: a, ports: [80/tcp, 81/tcp] }]",
                    "sets: {}\nservices: [{ name: x, ports: [80/tcp] }, { name: y, ports: "
                    "[81/tcp], from: [0.0.0.0/0, \"::/0\"] }]"),
              "no change: both let the same packets in, in the same modes\n");
}

TEST(Diff, NamesTheAddressThatAServiceIsBoundTo) {
    EXPECT_EQ(lines("", "services: [{ name: m, ports: [9100/tcp], addresses: [10.8.0.1] }]"),
              "+ public: 9100/tcp on 10.8.0.1 opens to everybody (closed -> open)\n");
    EXPECT_EQ(lines("services: [{ name: m, ports: [9100/tcp], addresses: [10.8.0.1] }]",
                    "services: [{ name: m, ports: [9100/tcp] }]"),
              "+ public: 9100/tcp on all but 10.8.0.1 opens to everybody (closed -> open)\n");
}

TEST(Diff, ListsModesAndSettingsThatNoPortShows) {
    EXPECT_EQ(lines("services: [{ name: s, ports: [22/tcp], limit: { new: 6/30s } }]\n"
                    "failsafe: [{ ports: [1/tcp], from: [192.0.2.1] }]",
                    "mode: enforce\nservices: [{ name: s, ports: [22/tcp], mode: monitor, "
                    "owner: { container: x } }]\nfailsafe: [{ ports: [1/tcp], from: [192.0.2.1] "
                    "}]\nicmp: { ping: drop }\nprotocols: [gre]"),
              "~ zone public mode: monitor -> enforce\n"
              "~ service s mode: as its zone -> monitor\n"
              "~ service s limit: 6/30s -> none\n"
              "~ service s owner: none -> container x\n"
              "~ ping: allow -> drop\n"
              "~ protocols: none -> gre\n");
}

TEST(Diff, TreatsAZoneThatOnlyOneHasAsASetting) {
    const auto changes = diff_of(
        policy_of(kZone), policy_of("zones: { public: { interfaces: [uplink] }, vpn: { interfaces: "
                                    "[wg0], default: allow, mode: enforce } }"));
    EXPECT_TRUE(changes.ports.empty());
    EXPECT_EQ(diff_text(changes),
              "~ zone vpn mode: none -> enforce\n~ zone vpn interfaces: none -> wg0\n"
              "~ zone vpn default: none -> allow\n");
}

TEST(Diff, PrintsJsonThatScriptsRead) {
    const auto changes =
        diff_of(policy_of(kZone),
                policy_of(std::string(kZone) +
                          "deny: [192.0.2.9]\nservices: [{ name: w, ports: [80/tcp, 443/tcp] }]"));
    const auto json = nlohmann::json::parse(diff_json(changes, "a.yaml", "b.yaml"));
    EXPECT_EQ(json["schema"], "portlid.diff/v1");
    EXPECT_EQ(json["changed"], true);
    const auto& port = json["ports"].at(0);
    EXPECT_EQ(port["change"], "opened");
    EXPECT_EQ(port["ports"], (nlohmann::json{"80/tcp", "443/tcp"}));
    EXPECT_EQ(port["from"], nlohmann::json::array({"any"}));
    EXPECT_EQ(port["except"], nlohmann::json::array({"192.0.2.9"}));
    EXPECT_EQ(port["before"], "closed");
    EXPECT_EQ(port["after"], "open");
    EXPECT_EQ(json["settings"][0]["what"], "deny");
}

TEST(Diff, SurvivesTheLongestSetWithoutListingIt) {
    std::string set = "sets: { big: [";
    for (int i = 0; i < 3000; ++i)
        set += (i == 0 ? "" : ", ") + std::string("10.") + std::to_string(i / 250) + "." +
               std::to_string(i % 250) + ".0/25";
    const auto text = lines(set + "] }\ndeny: [big]\nservices: [{ name: w, ports: [80/tcp] }]",
                            "services: [{ name: w, ports: [80/tcp] }]");
    EXPECT_NE(text.find("80/tcp opens to big"), std::string::npos) << text;
    EXPECT_LT(text.size(), 1000U);
}

// The words of a change, resolved by somebody who knows both policies.
class Words {
public:
    Words(const Policy& before, const Policy& after) {
        for (const auto& set : after.sets) sets_[set.name] = set.members;
        for (const auto& set : before.sets) {
            sets_[set.name + " (before)"] = set.members;
            sets_.try_emplace(set.name, set.members);
        }
    }
    bool cover(const SourceWords& words, const IpAddress& source) const {
        const bool named = std::any_of(words.names.begin(), words.names.end(),
                                       [&](const auto& name) { return holds(name, source); });
        return words.all != named;
    }

private:
    bool holds(const std::string& name, const IpAddress& source) const {
        const auto in = [&](const Cidr& prefix) { return prefix.contains(source); };
        if (const auto prefix = Cidr::parse(name)) return in(*prefix);
        const auto& members = sets_.at(name);
        return std::any_of(members.begin(), members.end(), in);
    }
    std::map<std::string, std::vector<Cidr>> sets_;
};

bool has_port(const PortChange& change, PortProtocol protocol, std::uint16_t port) {
    return std::any_of(change.ports.begin(), change.ports.end(), [&](const PortRange& range) {
        return range.protocol == protocol && range.first_host <= port && port <= range.last_host;
    });
}

// "" all, "A", "all but A, B".
bool has_address(const PortChange& change, const std::string& address) {
    if (change.address.rfind("all but ", 0) == 0)
        return (change.address + ",").find(" " + address + ",") == std::string::npos;
    return change.address.empty() || change.address == address;
}

bool gets_in(const CompiledPolicy& policy, unsigned zone, PortProtocol protocol, std::uint16_t port,
             const IpAddress& source, const IpAddress& to) {
    HostTables tables;
    tables.own.insert(to);
    return judge_probe(policy, tables,
                       {zone, static_cast<std::uint8_t>(protocol), source, to, {port}})
               .verdict == VERDICT_allow;
}

// Whatever two policies say, a packet is judged differently exactly when the diff says so.
TEST(DiffProperty, HoldsForEveryPacketOfRandomPolicies) {
    for (unsigned seed = 1; seed <= cases(30); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomPolicy random(seed);
        const auto before = policy_of(random.text());
        const auto after = policy_of(random.text());
        const auto changes = diff_of(before, after);
        const auto old_image = compile(as_if_enforced(before));
        const auto new_image = compile(as_if_enforced(after));
        ASSERT_TRUE(old_image && new_image);
        const Words words(before, after);
        for (int i = 0; i < 300; ++i) {
            const auto source = address(random.address());
            const bool v6 = source.family() == Family::IPv6;
            const auto to =
                v6 ? "2001:db8:9::1" : random.word({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
            const auto protocol = random.one_in(3) ? PortProtocol::Udp : PortProtocol::Tcp;
            const auto port = static_cast<std::uint16_t>(18 + random.pick(40));
            const unsigned zone = random.pick(2);
            const bool was = gets_in(*old_image, zone, protocol, port, source, address(to));
            const bool is = gets_in(*new_image, zone, protocol, port, source, address(to));
            int opened = 0;
            int closed = 0;
            for (const auto& change : changes.ports)
                if (change.zone == (zone == 0 ? "a" : "b") && has_port(change, protocol, port) &&
                    has_address(change, to) && words.cover(change.sources, source))
                    ++(change.opened ? opened : closed);
            EXPECT_EQ(opened, is && !was ? 1 : 0) << source.to_string() << " " << port << " " << to;
            EXPECT_EQ(closed, was && !is ? 1 : 0) << source.to_string() << " " << port << " " << to;
        }
        if (HasFailure()) FAIL() << show(before) << "---\n" << show(after) << diff_text(changes);
    }
}

TEST(DiffProperty, APolicyDoesNotDifferFromItsNormalForm) {
    for (unsigned seed = 100; seed < 100 + cases(15); ++seed) {
        RandomPolicy random(seed);
        const auto policy = policy_of(random.text());
        EXPECT_TRUE(diff_of(policy, load(show(policy)).policy).empty()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace portlid::policy::test
