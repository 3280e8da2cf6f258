// SPDX-License-Identifier: Apache-2.0
// One test a finding, each with the neighbour that is none.
#include "inventory/audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inventory/audit_json.hpp"
#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using testing::HasSubstr;

const char* const kPolicy = R"(
version: 1
mode: monitor
zones:
  public: { interfaces: [uplink], default: drop }
  vpn: { interfaces: ["wg*"], default: allow }
sets: { office: [203.0.113.7] }
services:
  - { name: web, ports: [80/tcp] }
  - { name: metrics, ports: [9100/tcp], addresses: [10.8.0.1] }
  - { name: inner, ports: [9200/tcp], zones: [vpn] }
  - { name: narrow, ports: [6379/tcp], from: [office] }
)";

class Audit : public ::testing::Test {
protected:
    explicit Audit(const std::string& policy = kPolicy) : policy_(policy) {
        policy_.put_into(join_);
        join_.host_netns = kHost;
        // Services that nobody uses are PL003's test only.
        for (const auto port : std::vector<std::uint16_t>{80, 9100, 9200, 6379})
            join_.listeners.push_back(listener("127.0.0.1", port));
    }
    const std::vector<Finding>& run() {
        exposures_ = join(join_);
        input_.exposures = &exposures_;
        input_.policy = join_.policy;
        input_.engines = join_.engines;
        findings_ = audit(input_);
        return findings_;
    }
    std::vector<std::string> keys() {
        std::vector<std::string> all;
        for (const auto& finding : run()) all.push_back(finding.key);
        return all;
    }
    // The only finding of this kind, or a failure.
    Finding only(FindingKind kind) {
        run();
        std::vector<Finding> found;
        for (const auto& finding : findings_)
            if (finding.kind == kind) found.push_back(finding);
        EXPECT_EQ(found.size(), 1U) << finding_id(kind);
        return found.empty() ? Finding{} : found.front();
    }
    bool none(FindingKind kind) {
        run();
        return std::none_of(findings_.begin(), findings_.end(),
                            [&](const auto& finding) { return finding.kind == kind; });
    }
    void listen(Listener listener) { join_.listeners.push_back(std::move(listener)); }
    void enforce() {
        for (auto& zone : policy_.outcome.policy.zones) zone.mode = policy::Mode::Enforce;
        policy_.compiled = policy::compile(policy_.outcome.policy).value();
    }

    LoadedPolicy policy_;
    JoinInput join_;
    AuditInput input_;
    std::vector<Exposure> exposures_;
    std::vector<Finding> findings_;
};

using Keys = std::vector<std::string>;

TEST_F(Audit, FindsNothingOnAHostThatDoesWhatItsPolicySays) {
    listen(listener("0.0.0.0", 80));
    listen(listener("127.0.0.1", 5432));
    listen(listener("10.8.0.1", 9100));
    EXPECT_EQ(keys(), Keys{});
}

TEST_F(Audit, Pl001NamesAWildcardBindOfAServiceForOneAddress) {
    auto unit = process(70, "/usr/bin/node_exporter");
    unit.process.unit = "exporter.service";
    listen(held(listener("0.0.0.0", 9100), unit));
    const auto finding = only(FindingKind::WildcardBind);
    EXPECT_EQ(finding.key, "PL001 tcp 0.0.0.0:9100");
    EXPECT_EQ(finding.severity, event::Severity::High);
    EXPECT_THAT(finding.why, HasSubstr("service metrics means it for 10.8.0.1 only"));
    EXPECT_EQ(finding.fix, "systemctl edit exporter.service  # make it listen on 10.8.0.1");
}

TEST_F(Audit, Pl001CountsZonesToo_AndIsLowWherePortlidKeepsStrangersOut) {
    listen(listener("::", 9200));
    enforce();
    join_.listeners.back().socket.v6only = true;
    const auto finding = only(FindingKind::WildcardBind);
    EXPECT_EQ(finding.key, "PL001 tcp [::]:9200");
    EXPECT_EQ(finding.severity, event::Severity::Low);
    EXPECT_THAT(finding.why, HasSubstr("for vpn only"));
}

TEST_F(Audit, Pl002NamesAPublicListenerThatNoServiceAllows) {
    listen(held(listener("0.0.0.0", 8000), process(70, "/usr/bin/python3")));
    const auto finding = only(FindingKind::NoService);
    EXPECT_EQ(finding.severity, event::Severity::High);
    EXPECT_EQ(finding.what,
              "8000/tcp on 0.0.0.0 (python3) can be reached by anybody, and no service allows it");
    EXPECT_THAT(finding.fix, HasSubstr("portlid mode enforce"));
    EXPECT_THAT(finding.fix, HasSubstr("{ name: python3, ports: [8000/tcp] }"));
}

TEST_F(Audit, Pl002IsLowWherePortlidAlreadyDrops) {
    listen(held(listener("0.0.0.0", 8000), process(70, "/usr/bin/python3")));
    // What the VPN reaches by its default is as the operator wants it.
    policy_.outcome.policy.zones[1].default_action = policy::Action::Drop;
    enforce();
    const auto finding = only(FindingKind::NoService);
    EXPECT_EQ(finding.severity, event::Severity::Low);
    EXPECT_THAT(finding.fix, HasSubstr("kill 70"));
}

TEST_F(Audit, Pl002LeavesWhatUfwClosesAndWhatOnlyTheVpnReaches) {
    join_.ufw = ufw("");
    listen(listener("0.0.0.0", 8000));
    EXPECT_TRUE(none(FindingKind::NoService));
}

TEST_F(Audit, Pl003NamesAServiceThatNobodyUses) {
    join_.listeners.erase(join_.listeners.begin());
    const auto finding = only(FindingKind::NoListener);
    EXPECT_EQ(finding.key, "PL003 tcp *:80");
    EXPECT_EQ(finding.service, "web");
    EXPECT_EQ(finding.severity, event::Severity::Info);
    EXPECT_EQ(finding.fix, "remove 80/tcp from service web");
}

TEST_F(Audit, Pl004NamesAPublishedPortThatUfwDeniesInVain) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 8080, 80)};
    join_.engines = {engine({web})};
    join_.ufw = ufw("");
    const auto finding = only(FindingKind::UfwBypassed);
    EXPECT_EQ(finding.severity, event::Severity::Critical);
    EXPECT_EQ(finding.what,
              "8080/tcp on 0.0.0.0 (container web) can be reached although UFW says deny");
    EXPECT_EQ(finding.container, "web");
    EXPECT_EQ(finding.zones, (Keys{"public", "vpn"}));
    EXPECT_THAT(finding.fix, HasSubstr("docker run -p 127.0.0.1:8080:80/tcp"));
    join_.ufw = ufw("allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in\n");
    EXPECT_TRUE(none(FindingKind::UfwBypassed));
    join_.ufw = ufw("");
    enforce();
    EXPECT_TRUE(none(FindingKind::UfwBypassed)) << "Portlid drops it";
}

TEST_F(Audit, Pl004SaysOfAnAllowedPortOnlyThatTheFirewallsDisagree) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 80, 8080)};
    join_.engines = {engine({web})};
    join_.ufw = ufw("");
    const auto finding = only(FindingKind::UfwBypassed);
    EXPECT_EQ(finding.severity, event::Severity::Low);
    EXPECT_EQ(finding.fix, "ufw allow 80/tcp  # if it is meant to be open");
}

TEST_F(Audit, Pl005NamesAPortThatIsOpenOverIpv6Only) {
    listen(listener("0.0.0.0", 8000));
    listen(listener("::", 8000));
    join_.listeners.back().socket.v6only = true;
    EXPECT_TRUE(none(FindingKind::Ipv6Open));
    join_.ufw = ufw("", "allow tcp 8000 ::/0 any ::/0 in\n");
    const auto finding = only(FindingKind::Ipv6Open);
    EXPECT_EQ(finding.key, "PL005 tcp [::]:8000");
    join_.listeners.erase(join_.listeners.end() - 2);
    EXPECT_TRUE(none(FindingKind::Ipv6Open)) << "it was never an IPv4 port";
}

TEST_F(Audit, Pl006NamesADatabaseInEverybodysReachByPortInnerPortAndProgram) {
    listen(held(listener("0.0.0.0", 5432), process(70, "/bin/x")));
    auto cache = container('a', "cache");
    cache.published = {publish("0.0.0.0", 16379, 6379)};
    join_.engines = {engine({cache})};
    listen(held(listener("0.0.0.0", 7001), process(71, "/usr/bin/redis-server")));
    std::vector<std::string> found;
    for (const auto& finding : run())
        if (finding.kind == FindingKind::SensitivePort) {
            found.push_back(finding.key);
            EXPECT_EQ(finding.severity, event::Severity::High);
        }
    EXPECT_EQ(found, (Keys{"PL006 tcp 0.0.0.0:5432", "PL006 tcp 0.0.0.0:7001",
                           "PL006 tcp 0.0.0.0:16379"}));
}

TEST_F(Audit, Pl006LeavesACacheThatOnlySomeReach) {
    listen(held(listener("0.0.0.0", 6379), process(70, "/usr/bin/redis-server")));
    enforce();
    EXPECT_TRUE(none(FindingKind::SensitivePort));
}

TEST_F(Audit, Pl007NamesAnEngineApiByPortAndByHolder) {
    listen(held(listener("0.0.0.0", 2375), process(70, "/usr/bin/dockerd")));
    auto finding = only(FindingKind::EngineApi);
    EXPECT_EQ(finding.severity, event::Severity::Critical);
    EXPECT_THAT(finding.why, HasSubstr("root"));
    EXPECT_THAT(finding.fix, HasSubstr("daemon.json"));
    join_.listeners.back() = held(listener("127.0.0.1", 4243), process(70, "/usr/bin/dockerd"));
    finding = only(FindingKind::EngineApi);
    EXPECT_EQ(finding.severity, event::Severity::Medium);
}

TEST_F(Audit, Pl007LeavesPortsThatDockerdHoldsForAContainer) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 8080, 80)};
    join_.engines = {engine({web})};
    listen(held(listener("0.0.0.0", 8080), process(70, "/usr/bin/dockerd")));
    listen(held(listener("0.0.0.0", 2377), process(70, "/usr/bin/dockerd")));
    EXPECT_TRUE(none(FindingKind::EngineApi));
}

TEST_F(Audit, Pl008NamesAContainerWithTheEnginesSocketAndTypesNoStrangeName) {
    auto proxy = container('a', "traefik");
    proxy.engine_socket = "/run/docker.sock";
    auto hostile = container('b', "x; rm -rf /");
    hostile.engine_socket = "/var/run\x1b[2J";
    auto gone = container('c', "gone");
    gone.engine_socket = "/run/docker.sock";
    gone.running = false;
    join_.engines = {engine({proxy, hostile, gone, container('d', "plain")})};
    run();
    ASSERT_EQ(findings_.size(), 2U);
    EXPECT_EQ(findings_[0].key, "PL008 container traefik");
    EXPECT_THAT(findings_[0].fix, HasSubstr("docker rm -f traefik"));
    EXPECT_THAT(findings_[1].fix, HasSubstr("docker rm -f bbbbbbbbbbbb"));
    EXPECT_THAT(findings_[1].what, testing::Not(HasSubstr("\x1b")));
}

TEST_F(Audit, Pl009NamesATunnelThatNothingFilters) {
    input_.unfiltered = {{"wg0", "wireguard", {ip("10.9.0.1")}, true},
                         {"wg1", "wireguard", {ip("10.9.1.1")}, false},
                         {"vx0", "vxlan", {ip("fe80::1")}, true},
                         {"docker0", "bridge", {ip("172.17.0.1")}, true}};
    const auto finding = only(FindingKind::UnfilteredTunnel);
    EXPECT_EQ(finding.key, "PL009 interface wg0");
    EXPECT_EQ(finding.fix, "add it to a zone: interfaces: [\"wg0\"]");
}

TEST_F(Audit, Pl010NamesSwarmPortsInEverybodysReach) {
    listen(held(listener("::", 2377), process(70, "/usr/bin/dockerd")));
    join_.listeners.back().socket.v6only = true;
    listen(listener("0.0.0.0", 4789, IPPROTO_UDP));
    listen(listener("0.0.0.0", 4789));  // TCP: not the overlay's
    Keys found;
    for (const auto& finding : run())
        if (finding.kind == FindingKind::SwarmControl) found.push_back(finding.key);
    EXPECT_EQ(found, (Keys{"PL010 tcp [::]:2377", "PL010 udp 0.0.0.0:4789"}));
}

TEST_F(Audit, Pl011NamesAContainerThatHoldsARawSocket) {
    join_.engines = {engine({container('a', "sniffer")})};
    input_.raw = {{"packet", id_of('a'), "/usr/bin/tcpdump"}, {"raw", id_of('b'), "/bin/ping"}};
    run();
    ASSERT_EQ(findings_.size(), 2U);
    EXPECT_EQ(findings_[0].key, "PL011 container sniffer packet /usr/bin/tcpdump");
    EXPECT_THAT(findings_[0].fix, HasSubstr("--cap-drop NET_RAW"));
    EXPECT_EQ(findings_[1].container, "bbbbbbbbbbbb");
}

TEST_F(Audit, APublishedRangeIsOneFinding) {
    auto web = container('a', "web");
    for (std::uint16_t port = 7000; port <= 7100; ++port)
        web.published.push_back(publish("0.0.0.0", port, port));
    join_.engines = {engine({web})};
    join_.ufw = ufw("");
    EXPECT_EQ(keys(), (Keys{"PL002 tcp 0.0.0.0:7000-7100", "PL004 tcp 0.0.0.0:7000-7100"}));
}

TEST_F(Audit, SocketsInsideContainersAreNoFindings) {
    listen(listener("0.0.0.0", 5432));
    join_.listeners.back().socket.netns = kContainer;
    EXPECT_EQ(keys(), Keys{});
}

TEST_F(Audit, IsQuietWithoutAPolicyExceptForWhatIsWrongAnyway) {
    join_.policy = nullptr;
    join_.compiled = nullptr;
    listen(listener("0.0.0.0", 2375));
    EXPECT_EQ(keys(), Keys{"PL007 tcp 0.0.0.0:2375"});
}

TEST_F(Audit, TheDocumentCountsBySeverityAndSaysWhere) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 8080, 80)};
    join_.engines = {engine({web})};
    join_.ufw = ufw("");
    const auto document = audit_document(run());
    EXPECT_EQ(document["schema"], "portlid.audit/v1");
    EXPECT_EQ(document["summary"]["critical"], 1);
    EXPECT_EQ(document["summary"]["high"], 1);
    ASSERT_EQ(document["findings"].size(), 2U);
    const auto& bypass = document["findings"][1];
    EXPECT_EQ(bypass["id"], "PL004");
    EXPECT_EQ(bypass["where"]["port"], 8080);
    EXPECT_EQ(bypass["where"]["container"], "web");
    for (const auto* member : {"name", "severity", "what", "why", "fix", "key"})
        EXPECT_FALSE(bypass[member].get<std::string>().empty()) << member;
}

TEST(AuditNames, EveryKindHasAnIdAndAWord) {
    for (unsigned number = 1; number <= 11; ++number) {
        const auto kind = static_cast<FindingKind>(number);
        EXPECT_EQ(finding_id(kind).size(), 5U);
        EXPECT_STRNE(to_string(kind), "unknown");
    }
}

}  // namespace
}  // namespace portlid::inventory
