// SPDX-License-Identifier: Apache-2.0
#include "kernel/capabilities.hpp"

#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/file.hpp"
#include "base/text.hpp"

namespace portlid::kernel {

namespace {

constexpr bool has(std::uint64_t effective, unsigned capability) {
    return (effective >> capability & 1U) != 0;
}

}  // namespace

std::vector<std::string> missing_capabilities(std::uint64_t effective) {
    std::vector<std::string> missing;
    const bool admin = has(effective, CAP_SYS_ADMIN);
    if (!admin && !has(effective, CAP_BPF)) missing.emplace_back("CAP_BPF");
    if (!admin && !has(effective, CAP_PERFMON)) missing.emplace_back("CAP_PERFMON");
    if (!has(effective, CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
    return missing;
}

std::vector<std::string> weaker_without(std::uint64_t effective) {
    std::vector<std::string> sentences;
    if (!has(effective, CAP_SYS_ADMIN))
        sentences.emplace_back(
            "CAP_SYS_ADMIN is not held: sockets in other network namespaces stay unseen until they "
            "are bound anew, and what an earlier run had in force cannot be adopted");
    if (!has(effective, CAP_SYS_PTRACE))
        sentences.emplace_back(
            "CAP_SYS_PTRACE is not held: who holds a port stays unknown where the process is not "
            "root's");
    if (!has(effective, CAP_DAC_READ_SEARCH))
        sentences.emplace_back(
            "CAP_DAC_READ_SEARCH is not held: open sockets of other users' processes stay without "
            "a holder");
    return sentences;
}

Result<std::uint64_t> effective_capabilities(const std::filesystem::path& status) {
    auto text = read_file(status, 65536);
    if (!text) return pass_on(std::move(text.error()), "capabilities");
    for (const auto line : split(*text, '\n')) {
        if (!line.starts_with("CapEff:\t")) continue;
        const auto digits = line.substr(8);
        std::uint64_t bits = 0;
        const auto* end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, bits, 16);
        if (error == std::errc() && stop == end) return bits;
    }
    return fail(status.string() + " has no CapEff line");
}

Result<> require_capabilities() {
    auto effective = effective_capabilities();
    if (!effective) return pass_on(std::move(effective.error()));
    const auto missing = missing_capabilities(*effective);
    if (missing.empty()) return {};
    std::string names;
    for (const auto& name : missing) names += (names.empty() ? "" : ", ") + name;
    return fail("the sensor may not load BPF programs: this process lacks " + names,
                "run it with sudo, or give the unit AmbientCapabilities=" + names,
                ExitCode::NoPermission);
}

Result<> require_btf(const std::filesystem::path& types) {
    if (::access(types.c_str(), R_OK) == 0) return {};
    return fail_errno("cannot read the kernel's types, " + types.string(), errno,
                      "this kernel is built without CONFIG_DEBUG_INFO_BTF (or /sys is hidden): "
                      "boot Debian's stock kernel, 6.1 or newer; `portlid doctor` tells more",
                      ExitCode::KernelMissing);
}

}  // namespace portlid::kernel
