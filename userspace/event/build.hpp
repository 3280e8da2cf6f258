// SPDX-License-Identifier: Apache-2.0
// Facts and enrichments in, JSON bodies of contract §4 out. Pure: what a builder does not get, it
// does not look up; it writes null or leaves the field away. Texts go in raw, to_json_line makes
// them safe.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "event/decode.hpp"
#include "event/event.hpp"

namespace portlid::event {

using Json = nlohmann::ordered_json;

// Who reports: in every event.
struct Origin {
    std::string host, boot_id, version;
    std::uint64_t generation = 0;
    std::string policy_hash;  // "sha256:…", empty = none in force
};

struct ContainerView {
    std::string id;
    std::string name;  // empty when no engine told it
    std::string image;
    std::string compose_project, compose_service;
};
[[nodiscard]] Json container_json(const std::optional<ContainerView>& container);

// What userspace adds to TaskFacts; empty = not known (the process may be gone).
struct ProcessView {
    std::string exe;
    std::string user;
};

struct PublishedView {
    IpAddress host_address;
    HostPort host_port;
    HostPort container_port;
    bool proxy = false;
};

enum class Scope : std::uint8_t { Public, Zone, Host, Container };
[[nodiscard]] const char* to_string(Scope scope);  // "public", "zone", "host", "container"

struct SocketView {
    ProcessView process;
    std::optional<ContainerView> container;
    std::string cgroup;          // path; empty: the leaf name that the kernel gave is used
    std::uint32_t netns = 0;     // resolved inode; 0: the record's own
    std::optional<Scope> scope;  // none: not joined yet
    std::vector<PublishedView> published;
};
[[nodiscard]] Kind kind_of(const SocketRecord& record);
[[nodiscard]] Severity severity_of(const SocketRecord& record, const SocketView& view);
[[nodiscard]] Json socket_body(const Origin& origin, const SocketRecord& record,
                               const SocketView& view);
// The two parts, for documents that are not events.
[[nodiscard]] Json socket_json(const SocketFacts& socket);
[[nodiscard]] Json process_json(const TaskFacts& task, const ProcessView& view);

struct RuleView {
    std::string name;
    std::string source;  // "policy.yaml:6"
};

// Who would have got the packet.
struct TargetView {
    std::uint32_t pid = 0;
    std::string exe;
    std::optional<ContainerView> container;
    std::string inner;  // "172.18.0.3:5432" behind the DNAT; empty = none
};

struct VerdictView {
    std::string mode;  // effective mode of the deciding rule: "monitor", "enforce"
    RuleView rule;
    std::string interface_name;
    std::string zone;
    std::optional<TargetView> target;
    std::uint64_t count = 1;
    BootTime first;  // 0: the record's time
    BootTime last;
};
[[nodiscard]] Severity severity_of(reason why, verdict_word verdict, bool has_target);
[[nodiscard]] Json verdict_body(const Origin& origin, const VerdictRecord& record,
                                const VerdictView& view);

struct BusySource {
    IpAddress address;  // IPv6: the /64
    std::uint64_t count = 0;
};

// One (reason, verdict, zone, window); counts are exact, distinct_* are estimates.
struct SummaryView {
    std::string mode;
    reason why = REASON_no_policy;
    verdict_word verdict = VERDICT_drop;
    std::string zone;
    std::uint64_t count = 0;
    std::uint64_t distinct_sources = 0;
    std::uint64_t distinct_ports = 0;
    BootTime first;
    BootTime last;
    std::vector<BusySource> sources;  // any order and number; the ten busiest are written
};
[[nodiscard]] Json summary_body(const Origin& origin, const SummaryView& view);

// ---- exposure.* -------------------------------------------------------------------------------
struct ReachView {
    std::string zone;
    std::string now;  // "open", "restricted", "closed"
    std::string enforced;
};

struct HolderProcess {
    std::uint32_t pid = 0;
    std::string exe, comm, user, unit;
    std::optional<ContainerView> container;
};

struct ExposureView {
    std::uint32_t protocol = 6;
    Family family = Family::IPv4;
    std::optional<IpAddress> address;
    HostPort port;
    std::uint32_t netns = 0;
    bool preexisting = false;
    std::optional<PublishedView> published;
    std::optional<HolderProcess> holder;
    std::string ufw;      // word of contract §5
    std::string service;  // empty = none
    std::vector<ReachView> reach;
    std::string verdict;           // "ok", "exposed", "closed", "unused"
    std::string previous_verdict;  // exposure.changed only
};
[[nodiscard]] Severity severity_of(Kind kind, const ExposureView& view);
[[nodiscard]] Json exposure_body(const Origin& origin, const ExposureView& view);

// ---- policy.*, mode.*, coverage.*, container.synced -------------------------------------------
[[nodiscard]] Json policy_loaded_body(const Origin& origin, const std::string& file,
                                      const std::string& mode, std::uint64_t previous_generation);

struct PolicyError {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    std::string message, hint;
};
// The generation that stays in force is the origin's.
[[nodiscard]] Json policy_rejected_body(const Origin& origin, const std::string& file,
                                        const std::vector<PolicyError>& errors);
[[nodiscard]] Json policy_rolled_back_body(const Origin& origin, std::uint64_t from_generation,
                                           const std::string& why);
// `scope`: "sensor", "zone public", "rule ssh".
[[nodiscard]] Json mode_changed_body(const Origin& origin, const std::string& scope,
                                     const std::string& from, const std::string& to,
                                     const std::string& why);
// ban.added, ban.expired.
struct BanView {
    std::string source;
    std::optional<WallTime> until;  // none = for ever
    std::string reason;
    std::uint64_t hits = 0;
};
[[nodiscard]] Json ban_body(const Origin& origin, const BanView& ban);
// coverage.lost and coverage.restored; `attach` is "native", "generic", "tc" or "none".
[[nodiscard]] Json coverage_body(const Origin& origin, const std::string& interface_name,
                                 const std::string& zone, const std::string& attach,
                                 const std::string& why);
[[nodiscard]] Json container_synced_body(const Origin& origin, const std::string& endpoint,
                                         std::size_t containers, const std::string& problem);

struct LostCounts {
    std::uint64_t ring = 0, queue = 0, spool = 0;
};
struct AttachedInterface {
    std::string name, zone, attach, mode, why;
};
[[nodiscard]] Json sensor_started_body(const Origin& origin, const std::string& requested_mode,
                                       const std::string& effective_mode,
                                       const std::vector<AttachedInterface>& interfaces);
[[nodiscard]] Json sensor_stopped_body(const Origin& origin, const std::string& why, bool kept);
[[nodiscard]] Json sensor_degraded_body(const Origin& origin, const std::string& what,
                                        const std::string& why, const std::string& advice);
// cause: "ring", "queue" or "spool"; since: when it was last known that nothing was lost.
[[nodiscard]] Json sensor_gap_body(const Origin& origin, const std::string& cause,
                                   std::uint64_t count, WallTime since);
[[nodiscard]] Json sensor_heartbeat_body(const Origin& origin, std::uint64_t emitted,
                                         const LostCounts& lost,
                                         const std::vector<AttachedInterface>& interfaces);
// Severity of the kinds that need no look at their content.
[[nodiscard]] Severity severity_of(Kind kind);

}  // namespace portlid::event
