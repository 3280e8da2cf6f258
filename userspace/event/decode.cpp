// SPDX-License-Identifier: Apache-2.0
#include "event/decode.hpp"

#include <netinet/in.h>

#include <cstring>
#include <type_traits>

#include "base/text.hpp"

namespace portlid::event {
namespace {

static_assert(std::is_trivially_copyable_v<socket_event>);
static_assert(std::is_trivially_copyable_v<verdict_event>);

// A copy, since ring bytes need not be aligned. None unless the record is exactly one T.
template <class T>
std::optional<T> exactly(std::span<const std::byte> bytes) {
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T record;
    std::memcpy(&record, bytes.data(), sizeof(T));
    if (record.head.size != sizeof(T)) return std::nullopt;
    return record;
}

bool is_v4_mapped(const ip_bytes& address) {
    static constexpr unsigned char kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(address.bytes, kPrefix, sizeof(kPrefix)) == 0;
}

// An IPv4 address that is not v4-mapped contradicts itself. The other way round is no lie: an
// IPv6 socket may be bound to ::ffff:a.b.c.d, and a stranger may send from it.
bool family_fits(std::uint8_t family, const ip_bytes& address) {
    return family == 6 || (family == 4 && is_v4_mapped(address));
}

std::optional<Record> decode_socket(std::span<const std::byte> bytes) {
    const auto raw = exactly<socket_event>(bytes);
    if (!raw || !family_fits(raw->socket.family, raw->socket.address)) return std::nullopt;
    return SocketRecord{.kind = static_cast<event_kind>(raw->head.kind),
                        .time = {raw->head.boot_ns},
                        .socket = socket_facts(raw->socket),
                        .task = task_facts(raw->task)};
}

bool verdict_is_sound(const verdict_event& raw) {
    return family_fits(raw.family, raw.source) && family_fits(raw.family, raw.destination) &&
           raw.reason < REASON_COUNT && raw.verdict < VERDICT_COUNT && raw.zone < MAX_ZONES &&
           (raw.hook == HOOK_xdp || raw.hook == HOOK_tc);
}

std::optional<Record> decode_verdict(std::span<const std::byte> bytes) {
    const auto raw = exactly<verdict_event>(bytes);
    if (!raw || !verdict_is_sound(*raw)) return std::nullopt;
    return VerdictRecord{.time = {raw->head.boot_ns},
                         .generation = raw->generation,
                         .family = raw->family == 4 ? Family::IPv4 : Family::IPv6,
                         .source = IpAddress::from_bytes(raw->source),
                         .destination = IpAddress::from_bytes(raw->destination),
                         .source_port = {raw->source_port_host},
                         .destination_port = {raw->destination_port_host},
                         .ifindex = raw->ifindex,
                         .length_bytes = raw->length_bytes,
                         .rule = raw->rule,
                         .vlan = raw->vlan,
                         .protocol = raw->protocol,
                         .tcp_flags = raw->tcp_flags,
                         .zone = raw->zone,
                         .why = static_cast<reason>(raw->reason),
                         .verdict = static_cast<verdict_word>(raw->verdict),
                         .hook = static_cast<hook_kind>(raw->hook)};
}

}  // namespace

std::optional<Record> decode(std::span<const std::byte> bytes) {
    event_head head;
    if (bytes.size() < sizeof(head)) return std::nullopt;
    std::memcpy(&head, bytes.data(), sizeof(head));
    if (head.abi_version != PORTLID_ABI_VERSION) return std::nullopt;
    switch (head.kind) {
        case EVENT_bind:
        case EVENT_listen:
        case EVENT_close:
        case EVENT_refused:
            return decode_socket(bytes);
        case EVENT_verdict:
            return decode_verdict(bytes);
        default:
            return std::nullopt;
    }
}

SocketFacts socket_facts(const socket_identity& raw) {
    const bool mptcp = raw.protocol == IPPROTO_MPTCP;
    return {.cookie = raw.cookie,
            .netns_cookie = raw.netns_cookie,
            .netns = raw.netns,
            .protocol = mptcp ? std::uint32_t{IPPROTO_TCP} : raw.protocol,
            .mptcp = mptcp,
            .family = raw.family == 4 ? Family::IPv4 : Family::IPv6,
            .address = IpAddress::from_bytes(raw.address),
            .port = {raw.port_host},
            .requested_port = {raw.requested_port_host},
            .backlog = raw.backlog,
            .v6only = (raw.flags & SOCKET_V6ONLY) != 0,
            .reuseport = (raw.flags & SOCKET_REUSEPORT) != 0,
            .bound = (raw.flags & SOCKET_BOUND) != 0,
            .would_refuse = (raw.flags & SOCKET_WOULD_REFUSE) != 0};
}

TaskFacts task_facts(const task_identity& raw) {
    return {.pid = raw.pid,
            .ppid = raw.ppid,
            .uid = raw.uid,
            .netns = raw.task_netns,
            .cgroup_id = raw.cgroup_id,
            .started = {raw.start_boot_ns},
            .comm = std::string(fixed_text(raw.comm)),
            .cgroup_name = std::string(fixed_text(raw.cgroup_name))};
}

const char* reason_word(reason why) {
    switch (why) {
#define PORTLID_WORD(number, name, row, sentence) \
    case REASON_##name:                           \
        return #name;
        PORTLID_REASONS(PORTLID_WORD)
#undef PORTLID_WORD
        default:
            return "unknown";
    }
}

const char* reason_sentence(reason why) {
    switch (why) {
#define PORTLID_SENTENCE(number, name, row, sentence) \
    case REASON_##name:                               \
        return sentence;
        PORTLID_REASONS(PORTLID_SENTENCE)
#undef PORTLID_SENTENCE
        default:
            return "a reason this version does not know";
    }
}

const char* verdict_name(verdict_word verdict) {
    switch (verdict) {
#define PORTLID_WORD(number, name) \
    case VERDICT_##name:           \
        return #name;
        PORTLID_VERDICTS(PORTLID_WORD)
#undef PORTLID_WORD
        default:
            return "unknown";
    }
}

const char* hook_name(hook_kind hook) {
    switch (hook) {
#define PORTLID_WORD(number, name) \
    case HOOK_##name:              \
        return #name;
        PORTLID_HOOKS(PORTLID_WORD)
#undef PORTLID_WORD
        default:
            return "unknown";
    }
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case IPPROTO_TCP:
            return "tcp";
        case IPPROTO_UDP:
            return "udp";
        case IPPROTO_ICMP:
            return "icmp";
        case IPPROTO_ICMPV6:
            return "icmpv6";
        default:
            return std::to_string(protocol);
    }
}

std::string transport_name(std::uint32_t protocol) {
    return protocol <= 255 ? protocol_name(static_cast<std::uint8_t>(protocol))
                           : std::to_string(protocol);
}

}  // namespace portlid::event
