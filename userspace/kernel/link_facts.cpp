// SPDX-License-Identifier: Apache-2.0
#include "kernel/link_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"

namespace portlid::kernel {
namespace {

bool all_of(std::string_view text, std::string_view allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_docker_id(std::string_view name) {
    constexpr std::string_view kPrefix = "br-";
    return name.starts_with(kPrefix) && name.size() == kPrefix.size() + 12 &&
           all_of(name.substr(kPrefix.size()), "0123456789abcdef");
}

bool is_podman(std::string_view name) {
    constexpr std::string_view kPrefix = "podman";
    return name.starts_with(kPrefix) && all_of(name.substr(kPrefix.size()), "0123456789");
}

// A sysfs attribute without its newline; "" when there is none.
std::string attribute(const std::filesystem::path& entry, const char* name) {
    auto text = read_file(entry / name, 4096);
    if (!text) return {};
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return *text;
}

}  // namespace

bool is_engine_bridge(std::string_view kind, std::string_view name) {
    if (kind != "bridge") return false;
    return name == "docker0" || name == "docker_gwbridge" || is_docker_id(name) ||
           is_podman(name) || name.starts_with("cni") || name.starts_with("nerdctl");
}

bool is_hardware(const Interface& link, const std::filesystem::path& sysfs) {
    if (link.loopback || link.kind == "veth" || link.kind == "bridge") return false;
    const auto entry = sysfs / link.name;
    std::error_code error;
    if (!std::filesystem::exists(entry / "device", error)) return false;
    if (attribute(entry, "ifindex") != std::to_string(link.ifindex)) return false;
    return !link.ethernet ||
           attribute(entry, "address") == fmt::format("{:02x}", fmt::join(link.mac, ":"));
}

bool is_machine_bridge(const std::map<std::uint32_t, Interface>& links, const Interface& bridge) {
    if (bridge.kind != "bridge" || bridge.engine_bridge) return false;
    bool taps = false;
    for (const auto& [index, link] : links) {
        if (link.master != bridge.ifindex) continue;
        if (link.kind != "tun") return false;
        taps = true;
    }
    return taps;
}

}  // namespace portlid::kernel
