// SPDX-License-Identifier: Apache-2.0
#include "bench/policies.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <fstream>

#include "bench/bench_abi.h"
#include "policy/load.hpp"

namespace portlid::bench {

namespace {

using Clock = std::chrono::steady_clock;

std::string text_v4(std::uint32_t index) {
    const auto prefix = bench_prefix_v4(index);
    return fmt::format("{}.{}.{}.{}/{}\n", prefix.high >> 24U & 255U, prefix.high >> 16U & 255U,
                       prefix.high >> 8U & 255U, prefix.high & 255U, prefix.bits);
}

std::string text_v6(std::uint32_t index) {
    const auto prefix = bench_prefix_v6(index);
    std::array<std::uint64_t, 2> words{__builtin_bswap64(prefix.high),
                                       prefix.bits == 128 ? __builtin_bswap64(index) : 0};
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    ::inet_ntop(AF_INET6, words.data(), buffer.data(), buffer.size());
    return fmt::format("{}/{}\n", buffer.data(), prefix.bits);
}

Result<> write_list(const std::filesystem::path& path, std::uint32_t count, bool v6) {
    std::ofstream file(path);
    for (std::uint32_t i = 0; i < count; ++i) file << (v6 ? text_v6(i) : text_v4(i));
    file.close();
    if (!file) return fail("cannot write " + path.string());
    return {};
}

std::string policy_text(const PolicyShape& shape, const std::string& v4, const std::string& v6) {
    const char* limits = shape.deny ? "" : ", from: [four]";
    const char* limits6 = shape.deny ? "" : shape.ipv6 ? ", from: [six]" : ", from: [four]";
    return fmt::format(
        "version: 1\nmode: enforce\nzones:\n  public: {{ interfaces: [\"up*\"], default: drop }}\n"
        "sets:\n  four: {{ file: {} }}\n{}{}services:\n"
        "  - {{ name: web, ports: [80/tcp, 443/udp] }}\n"
        "  - {{ name: ssh, ports: [22/tcp]{} }}\n  - {{ name: ssh6, ports: [23/tcp]{} }}\n"
        "  - {{ name: gate, ports: [24/tcp], limit: {{ new: 6/30s }} }}\n"
        "icmp: {{ ping: allow }}\n",
        v4, shape.ipv6 ? fmt::format("  six: {{ file: {} }}\n", v6) : "",
        shape.deny ? (shape.ipv6 ? "deny: [four, six]\n" : "deny: [four]\n") : "", limits, limits6);
}

}  // namespace

Result<std::filesystem::path> write_policy(const std::filesystem::path& directory,
                                           const PolicyShape& shape) {
    const auto name =
        fmt::format("{}{}{}", shape.prefixes, shape.deny ? "-deny" : "", shape.ipv6 ? "" : "-v4");
    const auto v4 = fmt::format("four-{}.netset", shape.prefixes);
    const auto v6 = fmt::format("six-{}.netset", shape.prefixes);
    if (auto done = write_list(directory / v4, shape.prefixes, false); !done)
        return pass_on(std::move(done.error()));
    if (shape.ipv6)
        if (auto done = write_list(directory / v6, shape.prefixes, true); !done)
            return pass_on(std::move(done.error()));
    const auto path = directory / (name + ".yaml");
    std::ofstream file(path);
    file << policy_text(shape, v4, v6);
    file.close();
    if (!file) return fail("cannot write " + path.string());
    return path;
}

Result<MadePolicy> make_policy(const std::filesystem::path& file) {
    const auto start = Clock::now();
    auto outcome = policy::load_file(file);
    if (!outcome.ok()) return fail("the benchmark's policy: " + to_string(outcome.diagnostics[0]));
    const auto loaded = Clock::now();
    auto compiled = policy::compile(outcome.policy);
    if (!compiled) return pass_on(std::move(compiled.error()));
    return MadePolicy{std::move(*compiled), loaded - start, Clock::now() - loaded};
}

}  // namespace portlid::bench
