// SPDX-License-Identifier: Apache-2.0
// Ring records as the kernel would write them, in the documentation ranges.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "abi/events.h"
#include "abi/maps.h"
#include "base/address.hpp"

namespace portlid::event {

template <class T>
std::vector<std::byte> bytes_of(const T& record) {
    std::vector<std::byte> bytes(sizeof(T));
    std::memcpy(bytes.data(), &record, sizeof(T));
    return bytes;
}

inline ip_bytes raw_address(const char* text) {
    return IpAddress::parse(text).value_or(IpAddress()).to_bytes();
}

inline socket_event raw_socket(event_kind kind = EVENT_listen) {
    socket_event raw{};
    raw.head = {.boot_ns = 5'000'000'000,
                .size = sizeof(raw),
                .abi_version = PORTLID_ABI_VERSION,
                .kind = static_cast<__u16>(kind)};
    raw.socket.cookie = 4711;
    raw.socket.netns_cookie = 1;
    raw.socket.address = raw_address("192.0.2.10");
    raw.socket.netns = 4026531840;
    raw.socket.protocol = 6;
    raw.socket.port_host = 8080;
    raw.socket.requested_port_host = 8080;
    raw.socket.backlog = 128;
    raw.socket.family = 4;
    raw.socket.flags = SOCKET_REUSEPORT | SOCKET_BOUND;
    raw.task.pid = 8079;
    raw.task.ppid = 1;
    raw.task.uid = 1000;
    raw.task.cgroup_id = 99;
    raw.task.start_boot_ns = 4'000'000'000;
    std::strncpy(raw.task.comm, "nginx", sizeof(raw.task.comm) - 1);
    std::strncpy(raw.task.cgroup_name, "web.service", sizeof(raw.task.cgroup_name) - 1);
    return raw;
}

inline verdict_event raw_verdict() {
    verdict_event raw{};
    raw.head = {.boot_ns = 5'000'000'000,
                .size = sizeof(raw),
                .abi_version = PORTLID_ABI_VERSION,
                .kind = EVENT_verdict};
    raw.generation = 12;
    raw.source = raw_address("203.0.113.7");
    raw.destination = raw_address("198.51.100.10");
    raw.ifindex = 2;
    raw.length_bytes = 60;
    raw.source_port_host = 51322;
    raw.destination_port_host = 5432;
    raw.family = 4;
    raw.protocol = 6;
    raw.tcp_flags = 2;
    raw.reason = REASON_no_service;
    raw.verdict = VERDICT_would_drop;
    raw.hook = HOOK_xdp;
    return raw;
}

}  // namespace portlid::event
