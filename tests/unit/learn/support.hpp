// SPDX-License-Identifier: Apache-2.0
// Flows and policies for what is learnt from them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "history/flow.hpp"
#include "learn/learn.hpp"
#include "learn/replay.hpp"
#include "policy/load.hpp"

namespace portlid::learn {

using history::Flow;

inline WallTime noon() {
    return WallTime(std::chrono::seconds(1772359200));
}

inline policy::Policy policy_of(const std::string& text) {
    auto loaded = policy::load_text(text, "p.yaml", ".");
    EXPECT_TRUE(loaded.ok()) << policy::to_string(loaded.diagnostics.front());
    return std::move(loaded.policy);
}

// Watches everything, allows nothing.
inline policy::Policy watching() {
    return policy_of(
        "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0], default: drop } }\n");
}

// A SYN that nobody answered.
inline Flow probe(const std::string& source, std::uint16_t port) {
    Flow flow;
    flow.source = *IpAddress::parse(source);
    flow.zone = "public";
    flow.interface_name = "eth0";
    flow.protocol = IPPROTO_TCP;
    flow.port = {port};
    flow.verdict = VERDICT_would_drop;
    flow.why = REASON_no_service;
    flow.rule = "public default";
    flow.destination = *IpAddress::parse(
        flow.source.family() == Family::IPv4 ? "198.51.100.10" : "2001:db8:ffff::10");
    flow.destination_kind = "own";
    flow.first = flow.last = noon();
    flow.packets = flow.syns = 1;
    return flow;
}

inline std::shared_ptr<const history::Target> process(const char* exe) {
    auto target = std::make_shared<history::Target>();
    target->exe = exe;
    return target;
}

inline std::shared_ptr<const history::Target> container(const char* name) {
    auto target = std::make_shared<history::Target>();
    target->container_id = "9f3c0123456789";
    target->container = name;
    target->image = "nginx:1";
    target->exe = "/usr/sbin/docker-proxy";
    return target;
}

// A session: somebody listened, and the source went on after the first packet.
inline Flow use(const std::string& source, std::uint16_t port,
                std::shared_ptr<const history::Target> target = process("/usr/sbin/sshd")) {
    auto flow = probe(source, port);
    flow.listener = true;
    flow.target = std::move(target);
    flow.packets = 10;
    flow.acks = 9;
    return flow;
}

}  // namespace portlid::learn
