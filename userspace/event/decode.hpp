// SPDX-License-Identifier: Apache-2.0
// Ring bytes -> typed record. Nothing else in userspace may look at raw ring bytes; a record with
// a wrong size, version or kind is refused, never guessed at. Fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "abi/events.h"
#include "abi/maps.h"
#include "base/address.hpp"
#include "base/clock.hpp"

namespace portlid::event {

// The task as the kernel named it. Texts are raw, untrusted bytes: print them through printable().
struct TaskFacts {
    std::uint32_t pid = 0;
    std::uint32_t ppid = 0;
    std::uint32_t uid = 0;
    std::uint32_t netns = 0;
    std::uint64_t cgroup_id = 0;
    BootTime started;
    std::string comm;
    std::string cgroup_name;
};

struct SocketFacts {
    std::uint64_t cookie = 0;
    std::uint64_t netns_cookie = 0;
    std::uint32_t netns = 0;
    std::uint32_t protocol = 0;  // IPPROTO_*; of an MPTCP socket IPPROTO_TCP: what answers outside
    bool mptcp = false;
    Family family = Family::IPv4;  // of the socket; a v4-mapped address on it stays IPv6
    IpAddress address;
    HostPort port;
    HostPort requested_port;
    std::uint16_t backlog = 0;
    bool v6only = false;
    bool reuseport = false;
    bool bound = false;
    bool would_refuse = false;  // of a refused record: it was only recorded
};

struct SocketRecord {
    event_kind kind = EVENT_bind;  // bind, listen, close or refused
    BootTime time;
    SocketFacts socket;
    TaskFacts task;
};

struct VerdictRecord {
    BootTime time;
    std::uint64_t generation = 0;
    Family family = Family::IPv4;  // of the packet
    IpAddress source;
    IpAddress destination;
    HostPort source_port;
    HostPort destination_port;  // ICMP: type << 8 | code
    std::uint32_t ifindex = 0;
    std::uint32_t length_bytes = 0;
    std::uint16_t rule = 0;
    std::uint16_t vlan = 0;
    std::uint8_t protocol = 0;
    std::uint8_t tcp_flags = 0;
    std::uint8_t zone = 0;
    reason why = REASON_no_policy;
    verdict_word verdict = VERDICT_allow;
    hook_kind hook = HOOK_xdp;
};

using Record = std::variant<SocketRecord, VerdictRecord>;

[[nodiscard]] std::optional<Record> decode(std::span<const std::byte> bytes);
// The same fields from the listeners map.
[[nodiscard]] SocketFacts socket_facts(const socket_identity& raw);
[[nodiscard]] TaskFacts task_facts(const task_identity& raw);

[[nodiscard]] const char* reason_word(reason why);               // "no_service"
[[nodiscard]] const char* reason_sentence(reason why);           // for people
[[nodiscard]] const char* verdict_name(verdict_word verdict);    // "would_drop"
[[nodiscard]] const char* hook_name(hook_kind hook);             // "xdp", "tc"
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);  // "tcp", "udp", "icmp", "47"
// The same for a socket's IPPROTO_*, which may be above 255.
[[nodiscard]] std::string transport_name(std::uint32_t protocol);

}  // namespace portlid::event
