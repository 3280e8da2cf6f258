// SPDX-License-Identifier: Apache-2.0
// Shared by the policy tests: policies from text, and what they say of one flow.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "abi/reasons.h"
#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "policy/simulate.hpp"

namespace portlid::policy::test {

inline const std::filesystem::path kPolicyDirectory =
    std::filesystem::path(PORTLID_SOURCE_DIR) / "policy";

// How many random cases: PORTLID_TIMES as many in the long run (scripts/test --long).
inline unsigned cases(unsigned number) {
    const char* times = std::getenv("PORTLID_TIMES");
    return number * (times == nullptr ? 1U : static_cast<unsigned>(std::atoi(times)));
}

inline std::string all_of(const LoadOutcome& outcome) {
    std::string out;
    for (const auto& diagnostic : outcome.diagnostics) out += to_string(diagnostic) + "\n";
    return out;
}

inline LoadOutcome load(const std::string& text, LoadOptions options = {}) {
    return load_text(text, "policy.yaml", ".", options);
}

// A policy that must load; zones are given by the caller.
inline Policy policy_of(const std::string& text) {
    auto outcome = load("version: 1\n" + text);
    EXPECT_TRUE(outcome.ok()) << all_of(outcome);
    return std::move(outcome.policy);
}

inline CompiledPolicy compiled(const std::string& text, CompileOptions options = {}) {
    auto result = compile(policy_of(text), options);
    if (!result) ADD_FAILURE() << result.error().message;
    return std::move(*result);
}

inline IpAddress address(const std::string& text) {
    const auto parsed = IpAddress::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(IpAddress());
}

inline Judgement judge_tcp(const CompiledPolicy& policy, const std::string& source,
                           std::uint16_t port, const std::string& destination = "0.0.0.0",
                           unsigned zone = 0) {
    Probe probe;
    probe.zone = zone;
    probe.source = address(source);
    probe.destination =
        destination == "0.0.0.0" ? IpAddress::any(probe.source.family()) : address(destination);
    probe.port = {port};
    HostTables tables;
    tables.own = {address("192.0.2.1"), address("192.0.2.2"), address("2001:db8::1")};
    return judge_probe(policy, tables, probe);
}

// A directory of its own for one test, gone with it.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = std::filesystem::temp_directory_path() / "portlid-policy-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        const auto file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace portlid::policy::test
