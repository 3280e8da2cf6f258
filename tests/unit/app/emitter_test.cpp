// SPDX-License-Identifier: Apache-2.0
// Since when something is missing.
#include "app/emitter.hpp"

#include <gtest/gtest.h>

#include "base/rfc3339.hpp"
#include "unit/sink/support.hpp"

namespace portlid::app {
namespace {

using nlohmann::json;

class EmitterTest : public testing::Test {
protected:
    void start() {
        auto sinks = sink::FanOut::open(directory_.file("sequence"));
        auto losses = sink::Cursor::open(directory_.file("losses"), {}, (*sinks)->keeper());
        emitter_ = std::make_unique<Emitter>(std::move(*sinks), std::move(*losses));
    }
    void lost(std::uint64_t count) { emitter_->report_gaps({0, count}); }
    json last_gap() {
        const auto lines = emitter_->sinks().recent(0);
        return lines.empty() ? json() : json::parse(lines.back().second)["gap"];
    }
    static void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

    sink::TemporaryDirectory directory_;
    std::unique_ptr<Emitter> emitter_;
};

TEST_F(EmitterTest, WhatAStartFindsIsLostSinceTheRunBeforeEnded) {
    start();
    lost(0);
    const auto ended = to_rfc3339(wall_now());
    pause();
    emitter_.reset();
    pause();
    start();
    lost(3);
    EXPECT_EQ(last_gap()["count"], 3);
    EXPECT_LE(last_gap()["since"].get<std::string>(), ended);
}

TEST_F(EmitterTest, WhatIsLostNowIsLostSinceTheLastLook) {
    start();
    lost(0);
    pause();
    lost(0);
    const auto looked = to_rfc3339(wall_now());
    lost(2);
    EXPECT_GE(last_gap()["since"].get<std::string>().substr(0, 22), looked.substr(0, 22));
    lost(2);
    EXPECT_EQ(emitter_->lost().ring, 2U);
}

}  // namespace
}  // namespace portlid::app
