// SPDX-License-Identifier: Apache-2.0
#include "event/build.hpp"

#include <gtest/gtest.h>

#include "raw_records.hpp"

namespace portlid::event {
namespace {

const Origin kOrigin = {.host = "web1",
                        .boot_id = "b00t",
                        .version = "0.1.0",
                        .generation = 13,
                        .policy_hash = "sha256:ab"};
const ContainerView kShop = {.id = "9f3c",
                             .name = "shop-db-1",
                             .image = "postgres:16",
                             .compose_project = "shop",
                             .compose_service = "db"};

SocketRecord socket_record(event_kind kind = EVENT_listen, unsigned protocol = 6) {
    auto raw = raw_socket(kind);
    raw.socket.protocol = protocol;
    return std::get<SocketRecord>(decode(bytes_of(raw)).value());
}

VerdictRecord verdict_record(std::uint8_t protocol = 6, std::uint16_t port_host = 5432) {
    auto raw = raw_verdict();
    raw.protocol = protocol;
    raw.destination_port_host = port_host;
    return std::get<VerdictRecord>(decode(bytes_of(raw)).value());
}

VerdictView verdict_view() {
    return {.mode = "monitor",
            .rule = {.name = "public default", .source = "policy.yaml:6"},
            .interface_name = "eth0",
            .zone = "public",
            .target = TargetView{.pid = 8079,
                                 .exe = "/usr/sbin/docker-proxy",
                                 .container = kShop,
                                 .inner = "172.18.0.3:5432"}};
}

TEST(VerdictBody, HasTheFieldsOfTheContractInItsOrder) {
    const auto body = verdict_body(kOrigin, verdict_record(), verdict_view());
    std::vector<std::string> keys;
    for (const auto& [key, value] : body.items()) keys.push_back(key);
    const std::vector<std::string> expected = {"mode",   "verdict", "reason", "rule", "host",
                                               "sensor", "net",     "src",    "dst",  "target",
                                               "count",  "first",   "last"};
    EXPECT_EQ(keys, expected);
    EXPECT_EQ(body["verdict"], "would_drop");
    EXPECT_EQ(body["reason"], "no_service");
    EXPECT_EQ(body["rule"].dump(), R"({"name":"public default","source":"policy.yaml:6"})");
    EXPECT_EQ(body["sensor"].dump(),
              R"({"version":"0.1.0","hook":"xdp","generation":12,"policy":"sha256:ab"})");
    EXPECT_EQ(body["net"].dump(),
              R"({"family":"ipv4","transport":"tcp","interface":"eth0","zone":"public",)"
              R"("vlan":0,"bytes":60})");
    EXPECT_EQ(body["src"].dump(), R"({"ip":"203.0.113.7","port":51322})");
    EXPECT_EQ(body["dst"].dump(), R"({"ip":"198.51.100.10","port":5432})");
    EXPECT_EQ(body["target"]["container"]["compose"].dump(),
              R"({"project":"shop","service":"db"})");
    EXPECT_EQ(body["target"]["inner"], "172.18.0.3:5432");
    EXPECT_EQ(body["first"], body["last"]);
}

TEST(VerdictBody, WritesTypeAndCodeInsteadOfPortsForIcmp) {
    const auto body = verdict_body(kOrigin, verdict_record(1, 8 << 8), verdict_view());
    EXPECT_EQ(body["net"]["icmp"].dump(), R"({"type":8,"code":0})");
    EXPECT_FALSE(body["src"].contains("port"));
    EXPECT_FALSE(body["dst"].contains("port"));
}

TEST(VerdictBody, WritesNoPortsForOtherProtocols) {
    const auto body = verdict_body(kOrigin, verdict_record(47, 0), verdict_view());
    EXPECT_EQ(body["net"]["transport"], "47");
    EXPECT_FALSE(body["dst"].contains("port"));
    EXPECT_FALSE(body["net"].contains("icmp"));
}

TEST(VerdictBody, SaysNullWhenNobodyWouldHaveGotThePacket) {
    auto view = verdict_view();
    view.target.reset();
    EXPECT_TRUE(verdict_body(kOrigin, verdict_record(), view)["target"].is_null());
}

TEST(VerdictSeverity, IsHighOnlyWhenAPacketReallyReachedSomebody) {
    EXPECT_EQ(severity_of(REASON_no_service, VERDICT_would_drop, true), Severity::High);
    EXPECT_EQ(severity_of(REASON_no_service, VERDICT_drop, true), Severity::Medium);
    EXPECT_EQ(severity_of(REASON_no_service, VERDICT_would_drop, false), Severity::Low);
    EXPECT_EQ(severity_of(REASON_martian, VERDICT_drop, true), Severity::Low);
    EXPECT_EQ(severity_of(REASON_allowed, VERDICT_allow, true), Severity::Info);
}

TEST(SummaryBody, NamesTheTenBusiestSourcesAndMarksEstimates) {
    SummaryView view{.mode = "enforce",
                     .why = REASON_no_service,
                     .verdict = VERDICT_drop,
                     .zone = "public",
                     .count = 1000,
                     .distinct_sources = 12,
                     .distinct_ports = 3};
    for (unsigned i = 1; i <= 12; ++i)
        view.sources.push_back({IpAddress::parse("203.0.113." + std::to_string(i)).value(), i});
    const auto body = summary_body(kOrigin, view);
    ASSERT_EQ(body["sources"].size(), 10U);
    EXPECT_EQ(body["sources"][0].dump(), R"({"ip":"203.0.113.12","count":12})");
    EXPECT_EQ(body["sources"][9]["count"], 3);
    EXPECT_EQ(body["count"], 1000);
    EXPECT_EQ(body["estimates"].dump(), R"(["distinct_sources","distinct_ports","sources"])");
    EXPECT_EQ(body["net"]["zone"], "public");
}

TEST(SocketBody, HasProcessContainerSocketAndExposure) {
    SocketView view{.process = {.exe = "/usr/sbin/nginx", .user = "www"},
                    .container = kShop,
                    .cgroup = "/docker/9f3c",
                    .scope = Scope::Public};
    view.published.push_back({.host_address = IpAddress::any(Family::IPv4),
                              .host_port = {8080},
                              .container_port = {80},
                              .proxy = true});
    const auto body = socket_body(kOrigin, socket_record(), view);
    EXPECT_EQ(body["process"]["pid"], 8079);
    EXPECT_EQ(body["process"]["comm"], "nginx");
    EXPECT_EQ(body["process"]["user"], "www");
    EXPECT_EQ(body["container"]["name"], "shop-db-1");
    EXPECT_EQ(body["cgroup"], "/docker/9f3c");
    EXPECT_EQ(body["netns"], 4026531840U);
    EXPECT_EQ(body["socket"].dump(),
              R"({"family":"ipv4","transport":"tcp","address":"192.0.2.10","port":8080,)"
              R"("requested_port":8080,"backlog":128,"cookie":4711,"reuseport":true,)"
              R"("v6only":false})");
    EXPECT_EQ(body["exposure"]["scope"], "public");
    EXPECT_EQ(body["exposure"]["published"][0]["host_port"], 8080);
}

TEST(SocketBody, WritesNullForWhatIsNotKnown) {
    const auto body = socket_body(kOrigin, socket_record(), {});
    EXPECT_TRUE(body["container"].is_null());
    EXPECT_TRUE(body["process"]["exe"].is_null());
    EXPECT_TRUE(body["exposure"]["scope"].is_null());
    EXPECT_TRUE(body["exposure"]["published"].is_array());
    EXPECT_EQ(body["cgroup"], "web.service");
}

TEST(SocketBody, PrefersTheResolvedNamespace) {
    EXPECT_EQ(socket_body(kOrigin, socket_record(), {.netns = 77})["netns"], 77);
}

TEST(SocketSeverity, RisesWithTheScopeOnceTheSocketAnswers) {
    const SocketView open{.scope = Scope::Public};
    EXPECT_EQ(severity_of(socket_record(EVENT_listen), open), Severity::Medium);
    EXPECT_EQ(severity_of(socket_record(EVENT_bind, 17), open), Severity::Medium);
    EXPECT_EQ(severity_of(socket_record(EVENT_bind), open), Severity::Info);
    EXPECT_EQ(severity_of(socket_record(EVENT_close), open), Severity::Info);
    EXPECT_EQ(severity_of(socket_record(), {.scope = Scope::Zone}), Severity::Low);
    EXPECT_EQ(severity_of(socket_record(), {}), Severity::Info);
}

TEST(SocketKind, FollowsTheRecord) {
    EXPECT_EQ(kind_of(socket_record(EVENT_bind)), Kind::SocketBind);
    EXPECT_EQ(kind_of(socket_record(EVENT_listen)), Kind::SocketListen);
    EXPECT_EQ(kind_of(socket_record(EVENT_close)), Kind::SocketClose);
}

TEST(ExposureBody, UsesTheFieldNamesOfPorts) {
    ExposureView view{.address = IpAddress::any(Family::IPv4),
                      .port = {8080},
                      .ufw = "deny",
                      .reach = {{.zone = "public", .now = "open", .enforced = "closed"}},
                      .verdict = "exposed",
                      .previous_verdict = "closed"};
    const auto body = exposure_body(kOrigin, view);
    EXPECT_EQ(body["address"], "0.0.0.0");
    EXPECT_TRUE(body["holder"].is_null());
    EXPECT_TRUE(body["service"].is_null());
    EXPECT_EQ(body["reach"].dump(), R"([{"zone":"public","now":"open","enforced":"closed"}])");
    EXPECT_EQ(body["previous"]["verdict"], "closed");
    EXPECT_EQ(severity_of(Kind::ExposureOpened, view), Severity::High);
    EXPECT_EQ(severity_of(Kind::ExposureClosed, view), Severity::Info);
}

TEST(GapBody, CarriesCauseExactCountAndSince) {
    const auto body = sensor_gap_body(kOrigin, "ring", 41, WallTime{});
    EXPECT_EQ(body["gap"].dump(),
              R"({"cause":"ring","count":41,"since":"1970-01-01T00:00:00.000000000Z"})");
}

TEST(SensorBodies, AllSayWhoReports) {
    const Json bodies[] = {
        policy_loaded_body(kOrigin, "policy.yaml", "monitor", 12),
        policy_rejected_body(kOrigin, "policy.yaml", {{"policy.yaml", 6, 11, "unknown key", ""}}),
        policy_rolled_back_body(kOrigin, 14, "not confirmed in time"),
        mode_changed_body(kOrigin, "zone public", "monitor", "enforce", "operator"),
        coverage_body(kOrigin, "eth0", "public", "none", "link removed"),
        container_synced_body(kOrigin, "unix:///run/docker.sock", 3, ""),
        sensor_started_body(kOrigin, "enforce", "monitor",
                            {{"eth0", "public", "generic", "monitor", "no native mode"}}),
        sensor_stopped_body(kOrigin, "SIGTERM", true),
        sensor_degraded_body(kOrigin, "conntrack", "no kfunc", ""),
        sensor_heartbeat_body(kOrigin, 5, {.ring = 1},
                              {{"eth0", "public", "native", "enforce", ""}}),
    };
    for (const auto& body : bodies) {
        EXPECT_EQ(body["host"]["name"], "web1") << body.dump();
        EXPECT_EQ(body["sensor"]["generation"], 13) << body.dump();
    }
}

TEST(PolicyRejectedBody, PointsAtTheText) {
    const auto body =
        policy_rejected_body(kOrigin, "p.yaml", {{"p.yaml", 6, 11, "unknown key", "did you"}});
    EXPECT_EQ(body["errors"][0].dump(),
              R"({"file":"p.yaml","line":6,"column":11,"message":"unknown key","hint":"did you"})");
}

TEST(Severities, OfKindsThatNeedNoContent) {
    EXPECT_EQ(severity_of(Kind::TamperDetected), Severity::Critical);
    EXPECT_EQ(severity_of(Kind::CoverageLost), Severity::High);
    EXPECT_EQ(severity_of(Kind::SensorGap), Severity::Medium);
    EXPECT_EQ(severity_of(Kind::SensorHeartbeat), Severity::Info);
}

}  // namespace
}  // namespace portlid::event
