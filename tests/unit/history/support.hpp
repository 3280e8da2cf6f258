// SPDX-License-Identifier: Apache-2.0
// A directory that goes away, and rows to put into a ledger.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <filesystem>

#include "history/history.hpp"
#include "history/read.hpp"

namespace portlid::history {

using std::chrono::hours;

// 2026-03-01T10:00:00Z
inline WallTime noon() {
    return WallTime(std::chrono::seconds(1772359200));
}

inline Flow flow(const char* source, std::uint16_t port, WallTime when = noon()) {
    Flow made;
    made.source = *IpAddress::parse(source);
    made.zone = "public";
    made.interface_name = "eth0";
    made.protocol = IPPROTO_TCP;
    made.port = {port};
    made.verdict = VERDICT_would_drop;
    made.why = REASON_no_service;
    made.rule = "public default";
    made.rule_source = "policy.yaml:6";
    made.generation = 3;
    made.destination = *IpAddress::parse("198.51.100.10");
    made.destination_kind = "own";
    made.first = made.last = when;
    made.packets = 1;
    made.syns = 1;
    return made;
}

// One that got an answer from somebody who listens.
inline Flow used(const char* source, std::uint16_t port, WallTime when = noon()) {
    auto made = flow(source, port, when);
    made.listener = true;
    auto target = std::make_shared<Target>();
    target->exe = "/usr/sbin/sshd";
    made.target = std::move(target);
    made.packets = 6;
    made.acks = 5;
    return made;
}

inline std::pair<std::uint64_t, std::string> event_line(std::uint64_t seq, WallTime when,
                                                        const char* kind = "net.verdict",
                                                        const std::string& padding = "") {
    return {seq,
            fmt::format("{{\"v\":1,\"id\":\"i{}\",\"rev\":0,\"seq\":{},\"time\":\"{}\",\"kind\":"
                        "\"{}\",\"severity\":\"high\",\"verdict\":\"would_drop\",\"pad\":\"{}\"}}",
                        seq, seq, to_rfc3339(when), kind, padding)};
}

class InDirectory : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/portlid-history-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] Options options() const { return {directory_ / "history.db", hours(24 * 30)}; }
    [[nodiscard]] Store open(const Options& options) {
        auto store = Store::open(options, moved_);
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }
    [[nodiscard]] std::vector<std::string> events(WallTime since) const {
        const auto page = read_events(options().file, {since});
        EXPECT_TRUE(page) << page.error().message;
        return page ? page->lines : std::vector<std::string>();
    }
    [[nodiscard]] std::vector<Flow> flows(WallTime since = {}) const {
        std::vector<Flow> all;
        std::string after;
        do {
            const auto page = read_flows(options().file, since, after);
            EXPECT_TRUE(page) << page.error().message;
            if (!page) break;
            for (const auto& line : page->lines) all.push_back(*flow_of(line));
            after = page->next;
        } while (!after.empty());
        return all;
    }

    std::filesystem::path directory_;
    std::string moved_;
};

}  // namespace portlid::history
