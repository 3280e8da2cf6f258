// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "event/event.hpp"

namespace portlid::sink {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = "/tmp/portlid-sink-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const {
        return (path_ / name).string();
    }

private:
    std::filesystem::path path_;
};

inline std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

inline event::Event sample(const std::string& note, std::size_t padding = 0) {
    auto event = event::make_event(event::Kind::SensorHeartbeat, event::Severity::Info);
    event.body["note"] = note + std::string(padding, '.');
    return event;
}

}  // namespace portlid::sink
