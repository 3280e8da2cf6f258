// SPDX-License-Identifier: Apache-2.0
// The policies that are measured: written as files, read by the real loader, made by the real
// compiler. Prefix lists are those of bench_abi.h, so the wrapper can aim at them.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/result.hpp"
#include "policy/compile.hpp"

namespace portlid::bench {

inline constexpr const char* kHostV4 = "192.0.2.1";
inline constexpr const char* kHostV6 = "2001:db8::1";

// 80/tcp and 443/udp open to all; 22/tcp only from `prefixes` IPv4 prefixes; 23/tcp only from as
// many IPv6 prefixes; 24/tcp open to all, six new flows a source in 30 s. With `deny`, those lists
// are the deny set instead and 22 and 23 are open.
struct PolicyShape {
    std::uint32_t prefixes = 10;
    bool deny = false;
    bool ipv6 = true;  // false: no IPv6 list
};

struct MadePolicy {
    policy::CompiledPolicy compiled;
    std::chrono::nanoseconds load{};     // file -> model
    std::chrono::nanoseconds compile{};  // model -> image
};

// Writes the files into `directory` and returns the policy's path.
[[nodiscard]] Result<std::filesystem::path> write_policy(const std::filesystem::path& directory,
                                                         const PolicyShape& shape);
[[nodiscard]] Result<MadePolicy> make_policy(const std::filesystem::path& file);

}  // namespace portlid::bench
