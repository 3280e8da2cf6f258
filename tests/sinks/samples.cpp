// SPDX-License-Identifier: Apache-2.0
// One event of each kind and shape, as the builders of the sensor make them, in the format asked
// for, without what matches the paths to redact.
//   sink_samples native|ecs|ocsf|cef [PATH...]
#include <algorithm>
#include <cstdio>

#include "event/build.hpp"
#include "event/build_owner.hpp"
#include "sink/encode/encoder.hpp"

using namespace portlid;
using event::Json;
using event::Kind;

namespace {

const event::Origin kOrigin{"web1", "4b2c", "0.1.0", 12, "sha256:00"};
const event::ContainerView kContainer{"9f3c", "shop-db-1", "registry.example:5000/postgres:16",
                                      "shop", "db"};

event::SocketRecord socket_record(event_kind kind, std::uint32_t protocol, Family family) {
    event::SocketRecord record;
    record.kind = kind;
    record.time = boot_now();
    record.socket.protocol = protocol;
    record.socket.family = family;
    record.socket.address = *IpAddress::parse(family == Family::IPv4 ? "0.0.0.0" : "::");
    record.socket.port = HostPort{5432};
    record.task.pid = 4711;
    record.task.ppid = 1;
    record.task.comm = "post\ngres";
    record.task.started = boot_now();
    return record;
}

event::VerdictRecord verdict_record(verdict_word verdict, std::uint8_t protocol, const char* source,
                                    const char* destination) {
    event::VerdictRecord record;
    record.time = boot_now();
    record.source = *IpAddress::parse(source);
    record.destination = *IpAddress::parse(destination);
    record.family = record.source.family();
    record.source_port = HostPort{51322};
    record.destination_port = HostPort{5432};
    record.protocol = protocol;
    record.why = verdict == VERDICT_allow ? REASON_allowed : REASON_no_service;
    record.verdict = verdict;
    record.length_bytes = 60;
    record.vlan = verdict == VERDICT_drop ? 7 : 0;
    return record;
}

struct Sample {
    Kind kind;
    event::Severity severity;
    Json body;
};

void add_sockets(std::vector<Sample>& all) {
    event::SocketView view;
    view.process = {"/usr/lib/postgresql/15/bin/postgres", "postgres"};
    view.container = kContainer;
    view.scope = event::Scope::Public;
    for (const auto kind : {EVENT_bind, EVENT_listen, EVENT_close}) {
        const auto record =
            socket_record(kind, 6, kind == EVENT_bind ? Family::IPv4 : Family::IPv6);
        all.push_back({event::kind_of(record), event::severity_of(record, view),
                       event::socket_body(kOrigin, record, view)});
    }
    auto unknown = socket_record(EVENT_refused, 17, Family::IPv4);
    unknown.task.pid = 0;
    all.push_back(
        {Kind::SocketRefused, event::Severity::Medium, event::socket_body(kOrigin, unknown, {})});
}

void add_traffic(std::vector<Sample>& all) {
    event::VerdictView view{
        "monitor", {"public default", "policy.yaml:6"}, "eth0", "public", {}, 1, {}, {}};
    const auto add = [&](const event::VerdictRecord& record) {
        all.push_back(
            {Kind::NetVerdict, event::Severity::High, event::verdict_body(kOrigin, record, view)});
    };
    add(verdict_record(VERDICT_drop, 17, "203.0.113.7", "198.51.100.10"));
    view.target = event::TargetView{8079, "/usr/sbin/docker-proxy", kContainer, "172.18.0.3:5432"};
    add(verdict_record(VERDICT_would_drop, 6, "203.0.113.7", "198.51.100.10"));
    add(verdict_record(VERDICT_allow, 6, "2001:db8::7", "2001:db8::1"));
    view.target->pid = 0;
    view.target->inner = "[fd00::3]:5432";
    add(verdict_record(VERDICT_drop, 1, "203.0.113.7", "198.51.100.10"));
    event::SummaryView summary{"enforce",    REASON_no_service,
                               VERDICT_drop, "public",
                               65000,        900,
                               4000,         boot_now(),
                               boot_now(),   {{*IpAddress::parse("203.0.113.7"), 60000}}};
    all.push_back({Kind::NetSummary, event::Severity::Low, event::summary_body(kOrigin, summary)});
}

void add_exposures(std::vector<Sample>& all) {
    event::ExposureView view;
    view.address = *IpAddress::parse("0.0.0.0");
    view.port = HostPort{8080};
    view.netns = 4026531840U;
    view.published = event::PublishedView{*view.address, HostPort{8080}, HostPort{80}, true};
    view.holder = event::HolderProcess{
        8079, "/usr/sbin/docker-proxy", "docker-proxy", "root", "", kContainer};
    view.ufw = "deny";
    view.reach = {{"public", "open", "closed"}};
    view.verdict = "exposed";
    for (const auto kind : {Kind::ExposureOpened, Kind::ExposureChanged, Kind::ExposureClosed}) {
        view.previous_verdict = kind == Kind::ExposureChanged ? "ok" : "";
        all.push_back({kind, event::severity_of(kind, view), event::exposure_body(kOrigin, view)});
        view.holder.reset();
    }
    all.back().body["ports"] = {{"first", 8080}, {"last", 8090}};
    const event::HolderProcess owner{8079, "/usr/sbin/nginx", "nginx", "www", "nginx.service", {}};
    const event::OwnerLostView lost{
        "web", "unit: nginx.service", "another holder", 6, *view.address, view.port, owner, owner};
    all.push_back(
        {Kind::ExposureChanged, event::Severity::High, event::owner_lost_body(kOrigin, lost)});
}

void add_sensor(std::vector<Sample>& all) {
    const auto add = [&](Kind kind, Json body) {
        all.push_back({kind, event::severity_of(kind), std::move(body)});
    };
    auto loaded = event::policy_loaded_body(kOrigin, "/etc/portlid/policy.yaml", "enforce", 11);
    loaded["policy"]["how"] = "apply";
    loaded["policy"]["by"] = {{"uid", 0}, {"pid", 17}, {"user", "root"}};
    loaded["policy"]["forced"] = false;
    add(Kind::PolicyLoaded, std::move(loaded));
    add(Kind::PolicyRejected, event::policy_rejected_body(kOrigin, "/etc/portlid/policy.yaml",
                                                          {{"policy.yaml", 6, 11, "bad", ""}}));
    add(Kind::PolicyRolledBack, event::policy_rolled_back_body(kOrigin, 13, "not confirmed"));
    add(Kind::ModeChanged,
        event::mode_changed_body(kOrigin, "zone public", "monitor", "enforce", "mode"));
    add(Kind::BanAdded, event::ban_body(kOrigin, {"203.0.113.9", wall_now(), "ssh", 0}));
    add(Kind::BanExpired, event::ban_body(kOrigin, {"2001:db8::/48", {}, "", 7}));
    add(Kind::ContainerSynced,
        event::container_synced_body(kOrigin, "unix:///run/docker.sock", 3, ""));
    add(Kind::CoverageLost, event::coverage_body(kOrigin, "eth0", "public", "none", "detached"));
    add(Kind::CoverageRestored, event::coverage_body(kOrigin, "eth0", "public", "native", ""));
    add(Kind::TamperDetected, event::sensor_degraded_body(kOrigin, "link", "replaced", ""));
    auto started = event::sensor_started_body(kOrigin, "enforce", "monitor",
                                              {{"eth0", "public", "native", "enforce", ""}});
    started["why"] = "rescue: by hand; to leave: portlid rescue --off";
    add(Kind::SensorStarted, std::move(started));
    add(Kind::SensorStopped, event::sensor_stopped_body(kOrigin, "SIGTERM", true));
    add(Kind::SensorDegraded, event::sensor_degraded_body(kOrigin, "engine", "unreachable", ""));
    add(Kind::SensorGap, event::sensor_gap_body(kOrigin, "ring", 12, wall_now()));
    auto gap = event::sensor_gap_body(kOrigin, "spool", 1234, wall_now());
    gap["gap"]["sink"] = "siem";
    gap["gap"]["total"] = 5678;
    add(Kind::SensorGap, std::move(gap));
    auto beat = event::sensor_heartbeat_body(kOrigin, 99, {1, 2, 3},
                                             {{"eth0", "public", "tc", "enforce", "by request"}});
    beat["hooks"] = Json::array({{{"name", "lsm_bind"}, {"state", "unavailable"}, {"why", "old"}}});
    add(Kind::SensorHeartbeat, beat);
}

}  // namespace

int main(int count, char** words) {
    const auto format = sink::parse_format(count > 1 ? words[1] : "native");
    if (!format) return 2;
    const std::vector<std::string> redacted(words + std::min(count, 2), words + count);
    std::vector<Sample> all;
    add_sockets(all);
    add_traffic(all);
    add_exposures(all);
    add_sensor(all);
    for (std::uint64_t seq = 1; const auto& one : all) {
        auto event = event::make_event(one.kind, one.severity);
        event.seq = seq++;
        event.body = one.body;
        const auto text = sink::encode(*format, event::to_json_line(event), 0, redacted);
        if (!text) return 1;
        std::puts(text->c_str());
    }
    return 0;
}
