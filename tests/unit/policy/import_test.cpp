// SPDX-License-Identifier: Apache-2.0
// The other importers, and the way out again.
#include <nlohmann/json.hpp>

#include "policy/import/address_ranges.hpp"
#include "policy/import/compose_ports.hpp"
#include "policy/import/export.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/xml.hpp"
#include "policy/policy_tests.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

using Reader = Result<Draft> (*)(const std::filesystem::path&);

class Import : public ::testing::Test {
protected:
    Policy read(Reader reader, const std::filesystem::path& path) {
        const auto draft = reader(path);
        if (!draft) {
            ADD_FAILURE() << draft.error().message;
            return {};
        }
        const auto imported = render(*draft);
        if (!imported) {
            ADD_FAILURE() << imported.error().message;
            return {};
        }
        imported_ = *imported;
        auto outcome = load(imported->yaml);
        EXPECT_TRUE(outcome.ok()) << all_of(outcome) << imported->yaml;
        EXPECT_EQ(outcome.policy.mode, Mode::Monitor);
        return std::move(outcome.policy);
    }
    bool lists(const std::string& part) const {
        return std::any_of(imported_.unmapped.begin(), imported_.unmapped.end(),
                           [&](const Unmapped& one) {
                               return (one.where + ": " + one.text + ": " + one.why).find(part) !=
                                      std::string::npos;
                           });
    }
    static bool open(const Policy& policy, const std::string& packet) {
        const auto question = parse_packet(policy, packet);
        if (!question) ADD_FAILURE() << question.error().message;
        return run_tests(policy, {*question})->outcomes.front().verdict() == Action::Allow;
    }
    TemporaryDirectory directory_;
    Imported imported_;
};

using ImportAwsSg = Import;
using ImportCompose = Import;
using ImportFirewalld = Import;

constexpr const char* kGroups = R"({"SecurityGroups":[{"GroupId":"sg-1","GroupName":"web",
 "IpPermissions":[
  {"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[{"CidrIp":"0.0.0.0/0"}],
   "Ipv6Ranges":[{"CidrIpv6":"::/0"}],"UserIdGroupPairs":[],"PrefixListIds":[]},
  {"IpProtocol":"tcp","FromPort":22,"ToPort":22,
   "IpRanges":[{"CidrIp":"203.0.113.0/24","Description":"the office"}],
   "UserIdGroupPairs":[{"GroupId":"sg-2"}],"PrefixListIds":[{"PrefixListId":"pl-1"}]},
  {"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/8"}]},
  {"IpProtocol":"icmp","FromPort":8,"ToPort":-1,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]},
  {"IpProtocol":"50","IpRanges":[{"CidrIp":"0.0.0.0/0"}],"Ipv6Ranges":[{"CidrIpv6":"::/0"}]},
  {"IpProtocol":"47","IpRanges":[{"CidrIp":"198.51.100.1/32"}]},
  {"IpProtocol":"udp","FromPort":70000,"ToPort":70001,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}],
 "IpPermissionsEgress":[{"IpProtocol":"tcp","FromPort":25,"ToPort":25,
   "IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]})";

TEST_F(ImportAwsSg, OpensWhatTheGroupsOpenAndListsWhatOnlyAwsKnows) {
    const auto policy = read(import_aws_sg, directory_.write("sg.json", kGroups));
    EXPECT_TRUE(open(policy, "from 2001:db8::9 to 443/tcp"));
    EXPECT_TRUE(open(policy, "from 203.0.113.9 to 22/tcp"));
    EXPECT_FALSE(open(policy, "from 192.0.2.9 to 22/tcp"));
    EXPECT_TRUE(open(policy, "from 10.1.2.3 to 60000/udp"));
    EXPECT_FALSE(open(policy, "from 192.0.2.9 to 25/tcp")) << "egress is not ingress";
    EXPECT_EQ(policy.ping, Action::Allow);
    EXPECT_EQ(policy.protocols, std::vector<std::uint8_t>{50});
    for (const auto* part : {"sg-2", "pl-1", "47", "those are no ports", "other IP protocols"})
        EXPECT_TRUE(lists(part)) << part;
    EXPECT_NE(imported_.yaml.find("(the office)"), std::string::npos);
}

TEST_F(ImportAwsSg, OpensNoPortsThatItDoesNotName) {
    for (const auto* ports : {"", R"("ToPort":22,)", R"("FromPort":22,)", R"("FromPort":null,)"}) {
        const auto policy = read(
            import_aws_sg,
            directory_.write("sg.json",
                             std::string(R"({"SecurityGroups":[{"IpPermissions":[{)") + ports +
                                 R"("IpProtocol":"tcp","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]})"));
        EXPECT_TRUE(policy.services.empty()) << ports;
        EXPECT_TRUE(lists("those are no ports")) << ports;
    }
    const auto icmp = read(
        import_aws_sg,
        directory_.write("sg.json", R"({"SecurityGroups":[{"IpPermissions":[{"IpProtocol":"icmp",)"
                                    R"("IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]})"));
    EXPECT_EQ(icmp.ping, Action::Drop);
}

TEST_F(ImportAwsSg, SaysThatSeveralGroupsWereMerged) {
    (void)read(import_aws_sg, directory_.write("sg.json", kGroups));
    EXPECT_EQ(imported_.yaml.find("were merged"), std::string::npos);
    (void)read(import_aws_sg,
               directory_.write("sg.json", R"({"SecurityGroups":[{"GroupId":"sg-1"},{}]})"));
    EXPECT_NE(imported_.yaml.find("# The rules of 2 groups were merged"), std::string::npos);
}

TEST_F(ImportAwsSg, RefusesOtherJsonAndDeepJson) {
    for (const auto* text : {"", "[]", "{}", "{\"SecurityGroups\":3}", "{", "nonsense"})
        EXPECT_FALSE(import_aws_sg(directory_.write("x.json", text))) << text;
    EXPECT_FALSE(import_aws_sg(directory_.write("x.json", std::string(200'000, '['))));
}

TEST_F(ImportCompose, MakesServicesThatOnlyTheirOwnContainerMayHold) {
    const auto policy = read(import_compose, directory_.write("shop/compose.yaml",
                                                              R"(x-common: &common
  restart: always
services:
  web:
    <<: *common
    image: nginx
    ports: ["8080:80", "8443-8444:443-444/tcp"]
  db:
    ports:
      - "127.0.0.1:5432:5432"
      - target: 53
        published: "5353"
        protocol: udp
        host_ip: 192.0.2.7
  odd:
    ports: ["80", "${PORT}:80", "0.0.0.0:9000:9000"]
  bare: { network_mode: host }
)"));
    ASSERT_EQ(policy.services.size(), 4U) << imported_.yaml;
    for (const auto& service : policy.services) {
        ASSERT_TRUE(service.owner);
        EXPECT_EQ(service.owner->matches.at("compose").rfind("shop/", 0), 0U);
    }
    EXPECT_TRUE(open(policy, "from 2001:db8::9 to 8080/tcp"));
    EXPECT_TRUE(open(policy, "from 192.0.2.9 to 8444/tcp"));
    EXPECT_FALSE(open(policy, "from 192.0.2.9 to 80/tcp")) << "the container's port";
    EXPECT_FALSE(open(policy, "from 192.0.2.9 to 5432/tcp"));
    EXPECT_TRUE(open(policy, "from 192.0.2.9 to 192.0.2.7:5353/udp"));
    EXPECT_FALSE(open(policy, "from 192.0.2.9 to 192.0.2.8:5353/udp"));
    EXPECT_TRUE(open(policy, "from 192.0.2.9 to 9000/tcp"));
    EXPECT_FALSE(open(policy, "from 2001:db8::9 to 9000/tcp")) << "0.0.0.0 is IPv4";
    for (const auto* part :
         {"compose.yaml:10", "loopback", "no host port", "a variable", "network_mode: host", "<<"})
        EXPECT_TRUE(lists(part)) << part;
}

TEST_F(ImportCompose, ReadsBothNotationsOfPorts) {
    const auto port = parse_compose_port("[2001:db8::1]:53:53/udp");
    ASSERT_TRUE(port.published) << port.why;
    EXPECT_EQ(port.published->address, address("2001:db8::1"));
    EXPECT_EQ(to_string(port.published->host), "53/udp");
    for (const auto* text :
         {"", ":", "a:b", "0:80", "65536:80", "90-80:1-2", "1.2.3:80:80", "80:80/sctp",
          "9106:80/tcp/udp", "80:", "80:x", "[::1:80:80", "::1:80:80"})
        EXPECT_FALSE(parse_compose_port(text).published) << text;
}

TEST_F(ImportCompose, ListsWhatIsPublishedOnAddressesThatNoHostHas) {
    for (const char* text : {"254.0.0.1:80:80", "224.0.0.251:80:80", "[ff02::1]:80:80"}) {
        const auto port = parse_compose_port(text);
        EXPECT_FALSE(port.published) << text;
        EXPECT_EQ(port.why, "the host address cannot be one of a host") << text;
    }
    EXPECT_TRUE(parse_compose_port("0.0.0.0:80:80").published);
}

TEST_F(ImportCompose, MakesNoPatternOfAServicesName) {
    const auto* const text = R"(services:
  "*": { ports: ["9101:80"] }
  "a?b": { ports: ["9102:80"] }
  "a/b": { ports: ["9103:80"] }
  plain: { ports: ["9104:80", "9106:80/tcp/udp"] }
)";
    const auto policy = read(import_compose, directory_.write("My Shop.d/compose.yaml", text));
    ASSERT_EQ(policy.services.size(), 1U) << imported_.yaml;
    EXPECT_EQ(policy.services[0].owner->matches.at("compose"), "myshopd/plain");
    EXPECT_EQ(imported_.unmapped.size(), 4U);
    const auto odd =
        read(import_compose, directory_.write("x/compose.yaml", "name: '*'\n" + std::string(text)));
    EXPECT_TRUE(odd.services.empty());
}

TEST_F(ImportCompose, RefusesBombsAndWhatIsNoComposeFile) {
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'z'; ++c)
        bomb += std::string(1, c) + ": &" + c + " [" + "*" + static_cast<char>(c - 1) + ",*" +
                static_cast<char>(c - 1) + ",*" + static_cast<char>(c - 1) + "]\n";
    EXPECT_FALSE(import_compose(directory_.write("c.yaml", bomb)));
    EXPECT_FALSE(import_compose(directory_.write("c.yaml", std::string(100'000, '['))));
    for (const auto* text : {"", "[]", "services: 3", "a: b: c", "services: {"})
        EXPECT_FALSE(import_compose(directory_.write("c.yaml", text))) << text;
    EXPECT_FALSE(import_compose(directory_.path() / "missing.yaml"));
}

TEST_F(ImportFirewalld, ReadsZonesByBindingAndOrder) {
    directory_.write("firewalld/firewalld.conf", "DefaultZone=public\n");
    directory_.write("firewalld/services/app.xml",
                     "<service><port protocol=\"tcp\" port=\"7000-7001\"/></service>");
    directory_.write("firewalld/zones/public.xml", R"(<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Public</short>
  <service name="ssh"/>
  <service name="app"/>
  <service name="unheard-of"/>
  <port port="8080-8081" protocol="tcp"/>
  <port port="9" protocol="sctp"/>
  <masquerade/>
  <icmp-block name="echo-request"/>
  <rule family="ipv4"><source address="203.0.113.0/24"/><port port="8080" protocol="tcp"/><reject/></rule>
  <rule family="ipv4"><source address="198.51.100.0/24"/><service name="postgresql"/><accept/></rule>
  <rule><source address="192.0.2.0/24" invert="True"/><accept/></rule>
</zone>
)");
    directory_.write("firewalld/zones/lan.xml",
                     "<zone target=\"ACCEPT\"><interface name=\"eth1\"/>"
                     "<rule priority=\"-1\"><port port=\"23\" protocol=\"tcp\"/><drop/></rule>"
                     "</zone>");
    directory_.write("firewalld/zones/block.xml",
                     "<zone target=\"DROP\"><source address=\"192.0.2.66\"/></zone>");
    const auto policy = read(import_firewalld, directory_.path() / "firewalld");
    const std::pair<const char*, bool> rows[] = {
        {"from 192.0.2.9 to 22/tcp zone public", true},
        {"from 2001:db8::9 to 22/tcp zone public", true},
        {"from 192.0.2.66 to 22/tcp zone public", false},
        {"from 192.0.2.66 to 22/tcp zone if-eth1", false},
        {"from 192.0.2.9 to 7001/tcp zone public", true},
        {"from 192.0.2.9 to 8080/tcp zone public", true},
        {"from 203.0.113.9 to 8080/tcp zone public", false},
        {"from 203.0.113.9 to 8081/tcp zone public", true},
        {"from 198.51.100.9 to 5432/tcp zone public", true},
        {"from 192.0.2.9 to 5432/tcp zone public", false},
        {"from 192.0.2.9 to 5432/tcp zone if-eth1", true},
        {"from 192.0.2.9 to 23/tcp zone if-eth1", false},
        {"from 192.0.2.9 to 999/udp zone public", false},
    };
    for (const auto& [packet, wanted] : rows) EXPECT_EQ(open(policy, packet), wanted) << packet;
    EXPECT_EQ(policy.ping, Action::Drop);
    for (const auto* part : {"unheard-of", "sctp", "masquerade", "its source cannot be said"})
        EXPECT_TRUE(lists(part)) << part;
}

TEST_F(ImportFirewalld, RefusesEntitiesDepthAndUnreadableBindings) {
    for (const auto* text : {"<!DOCTYPE zone [<!ENTITY a \"b\">]><zone>&a;</zone>",
                             "<!DOCTYPE zone SYSTEM \"http://192.0.2.1/x.dtd\"><zone/>", "<zone",
                             "", "<service/>", "<zone><source ipset=\"gone\"/></zone>",
                             "<zone><source mac=\"00:11:22:33:44:55\"/></zone>"})
        EXPECT_FALSE(import_firewalld(directory_.write("zones/z.xml", text))) << text;
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<a>";
    EXPECT_FALSE(import_firewalld(directory_.write("zones/z.xml", deep)));
    EXPECT_FALSE(import_firewalld(directory_.path() / "nowhere"));
}

TEST(AddressRanges, CutExactlyAndBecomeTheFewestPrefixes) {
    auto all = AddressRanges::all(Family::IPv4);
    all.subtract(AddressRanges(*Cidr::parse("128.0.0.0/1")));
    EXPECT_EQ(all.prefixes(), std::vector<Cidr>{*Cidr::parse("0.0.0.0/1")});
    auto v6 = AddressRanges::all(Family::IPv6);
    v6.subtract(AddressRanges(*Cidr::parse("2001:db8::1")));
    EXPECT_EQ(v6.prefixes().size(), 128U);
    for (const auto& prefix : v6.prefixes()) EXPECT_FALSE(prefix.contains(address("2001:db8::1")));
    v6.subtract(AddressRanges::all(Family::IPv6));
    EXPECT_TRUE(v6.empty());
}

constexpr const char* kPolicy = R"(
zones: { public: { interfaces: [uplink] }, vpn: { interfaces: [wg0], default: allow } }
sets: { office: [203.0.113.0/24, "2001:db8:77::/48"] }
deny: [192.0.2.66]
services:
  - { name: web, ports: [80/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office], limit: { new: 6/30s } }
  - { name: slow, ports: [24/tcp], limit: { new: 3/1m } }
  - { name: inner, ports: [25/tcp], zones: [vpn] }
  - { name: mine, ports: [26/tcp], owner: { container: x } }
  - { name: one, ports: [27/tcp], addresses: [192.0.2.1] }
)";

TEST(Export, WritesUfwCommandsAndListsWhatUfwCannotSay) {
    const auto out = export_ufw(policy_of(kPolicy));
    for (const auto* line :
         {"ufw default deny incoming\n", "ufw deny from 192.0.2.66\n",
          "ufw allow proto tcp from any to any port 80 comment 'web'\n",
          "ufw allow proto udp from any to any port 443 comment 'web'\n",
          "ufw limit proto tcp from 2001:db8:77::/48 to any port 22 comment 'ssh'\n",
          "ufw allow proto tcp from any to 192.0.2.1 port 27 comment 'one'\n"})
        EXPECT_NE(out.text.find(line), std::string::npos) << line << out.text;
    for (const auto* port : {"port 24", "port 25", "port 26"})
        EXPECT_EQ(out.text.find(port), std::string::npos) << port;
    EXPECT_EQ(out.unmapped.size(), 5U);
    EXPECT_LT(out.text.find("ufw deny"), out.text.find("ufw allow"));
}

TEST(Export, WritesRulesThatAwsImportReadsBack) {
    const auto out = export_aws_sg(policy_of(kPolicy));
    const auto json = nlohmann::json::parse(out.text);
    TemporaryDirectory directory;
    const auto draft = import_aws_sg(directory.write(
        "sg.json",
        nlohmann::json{
            {"SecurityGroups", {{{"GroupId", "sg-0"}, {"IpPermissions", json["IpPermissions"]}}}}}
            .dump()));
    ASSERT_TRUE(draft);
    const auto policy = load(render(*draft)->yaml).policy;
    const auto open = [&](const std::string& packet) {
        return run_tests(policy, {*parse_packet(policy, packet)})->outcomes[0].verdict() ==
               Action::Allow;
    };
    EXPECT_TRUE(open("from 2001:db8::9 to 80/tcp"));
    EXPECT_TRUE(open("from 198.51.100.9 to 443/udp"));
    EXPECT_FALSE(open("from 203.0.113.9 to 22/tcp")) << "its limit cannot be said";
    EXPECT_FALSE(open("from 203.0.113.9 to 26/tcp"));
    EXPECT_FALSE(open("from 192.0.2.66 to 80/tcp")) << "denied";
    EXPECT_TRUE(open("from 192.0.2.67 to 80/tcp"));
    EXPECT_EQ(policy.ping, Action::Drop) << "an import says pings for everybody only";
    EXPECT_EQ(out.unmapped.size(), 6U);
}

std::vector<std::string> aws_sources(const Policy& policy, unsigned port) {
    const auto json = nlohmann::json::parse(export_aws_sg(policy).text);
    std::vector<std::string> sources;
    for (const auto& permission : json["IpPermissions"])
        if (permission["FromPort"] == port)
            for (const auto& range : permission["IpRanges"]) sources.push_back(range["CidrIp"]);
    return sources;
}

TEST(Export, CutsDeniedSourcesOutOfWhatAwsOpens) {
    const auto policy = policy_of(
        "zones: { public: { interfaces: [uplink] } }\ndeny: [10.0.0.0/9, 192.0.2.66, "
        "198.51.100.7]\nservices:\n"
        "  - { name: half, ports: [80/tcp], from: [10.0.0.0/8] }\n"
        "  - { name: none, ports: [81/tcp], from: [10.1.0.0/16] }\n"
        "  - { name: whole, ports: [82/tcp], from: [172.16.0.0/12] }\n"
        "  - { name: failsafe, ports: [83/tcp], from: [192.0.2.66, 192.0.2.68] }\n"
        "  - { name: many, ports: [84/tcp] }\n"
        "failsafe: [ { ports: [22/tcp], from: [10.1.0.0/16] } ]\n");
    using Texts = std::vector<std::string>;
    EXPECT_EQ(aws_sources(policy, 80), Texts{"10.128.0.0/9"});
    EXPECT_EQ(aws_sources(policy, 81), Texts{});
    EXPECT_EQ(aws_sources(policy, 82), Texts{"172.16.0.0/12"});
    EXPECT_EQ(aws_sources(policy, 83), Texts{"192.0.2.68/32"}) << "a service of that name";
    EXPECT_EQ(aws_sources(policy, 84), Texts{}) << "more than 40 pieces";
    EXPECT_EQ(aws_sources(policy, 22), Texts{"10.1.0.0/16"}) << "failsafe stands before deny";
    std::string told;
    for (const auto& one : export_aws_sg(policy).unmapped) told += one.text + ": " + one.why + "\n";
    for (const auto* part : {"service none: `deny` shuts out", "service many: `deny` leaves",
                             "icmp: { ping: allow }: `deny` leaves"})
        EXPECT_NE(told.find(part), std::string::npos) << part << told;
}

}  // namespace
}  // namespace portlid::policy::test
