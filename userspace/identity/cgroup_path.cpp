// SPDX-License-Identifier: Apache-2.0
// Container ids and units out of cgroup paths. Whoever may create a cgroup chooses its name, so
// only the outermost level counts: what is below it belongs to the one who lives in it.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "identity/process.hpp"

namespace portlid::identity {

namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::array<std::string_view, 8> kRuntimePrefixes{
    "docker-", "libpod-",  "libpod-payload-", "cri-containerd-",
    "crio-",   "nerdctl-", "containerd-",     "podman-"};

bool is_id(std::string_view text) {
    return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool drop_suffix(std::string_view& text, std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
}

// "docker-<id>.scope", "libpod-<id>", "kubepods-pod1.slice:cri-containerd:<id>", "<id>". The
// monitor's own "libpod-conmon-<id>" is a host process and gives nothing.
std::string_view id_in(std::string_view component) {
    drop_suffix(component, ".scope");
    if (is_id(component)) return component;
    if (const auto colon = component.rfind(':'); colon != std::string_view::npos) {
        const auto id = component.substr(colon + 1);
        return is_id(id) ? id : std::string_view();
    }
    for (const auto prefix : kRuntimePrefixes) {
        if (!component.starts_with(prefix)) continue;
        if (const auto id = component.substr(prefix.size()); is_id(id)) return id;
    }
    return {};
}

bool is_user_manager(std::string_view component) {
    return component.starts_with("user@") && component.ends_with(".service");
}

bool is_unit(std::string_view component) {
    return component.ends_with(".service") || component.ends_with(".scope") ||
           component.ends_with(".socket");
}

}  // namespace

std::string container_id_of(std::string_view cgroup_path) {
    for (const auto component : split(cgroup_path, '/')) {
        if (is_user_manager(component)) return {};
        if (const auto id = id_in(component); !id.empty()) return std::string(id);
    }
    return {};
}

std::string unit_of(std::string_view cgroup_path) {
    for (const auto component : split(cgroup_path, '/')) {
        if (!id_in(component).empty()) return {};
        if (is_unit(component)) return std::string(component);
    }
    return {};
}

std::string_view exe_name(std::string_view exe) {
    drop_suffix(exe, " (deleted)");
    return exe.substr(exe.rfind('/') + 1);
}

}  // namespace portlid::identity
