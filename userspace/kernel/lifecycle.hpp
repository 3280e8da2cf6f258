// SPDX-License-Identifier: Apache-2.0
// open -> configure -> adopt -> load -> pin: from the embedded object to loaded programs and maps.
// The only file pair that sees the skeleton.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/generations.hpp"
#include "kernel/pin_directory.hpp"
#include "kernel/sensor.hpp"
#include "kernel/twin.hpp"

struct portlid_bpf;

namespace portlid::kernel {

struct SkeletonDeleter {
    void operator()(portlid_bpf* skeleton) const;
};
using Skeleton = std::unique_ptr<portlid_bpf, SkeletonDeleter>;

struct LoadedPrograms {
    Skeleton skeleton;
    bpf_object* object = nullptr;  // the skeleton's
    std::map<std::string, const bpf_map*, std::less<>> maps;
    InnerShape image_shape;
    InnerShape trie_shape;
    std::vector<std::filesystem::path> fresh;  // pins made by this load
    bool adopted = false;
    bool conntrack = false;
    std::map<std::string, std::uint32_t> lsm_hooks;  // program -> BTF id of the hook it is for

    // Descriptors owned by the object; -1 when it has no such map or program, or did not load it.
    [[nodiscard]] int map(const char* name) const;
    [[nodiscard]] int program(const char* name) const;
};

struct LoadRequest {
    const PinDirectory& pins;
    const Cgroup& cgroup;
    bool sockets_only = false;
};

// Maps that are pinned and fit are adopted; the rest are made and pinned. On failure no pin is
// left that was not there before.
[[nodiscard]] Result<LoadedPrograms> load_programs(const LoadRequest& request);

// Removes pins that this load made, when a later step fails.
void unpin(const std::vector<std::filesystem::path>& pins);

// One optional program (autoload off) in an object of its own that shares the maps of `main`.
// The error says why this kernel does not take it; a kernel that takes no LSM program at all is
// found out with one of two instructions, before anything is parsed.
[[nodiscard]] Result<LoadedPrograms> load_optional(const LoadedPrograms& main, const char* name);

// What a twin of `main` is loaded from; `maps` are those that decide and are never written by a
// packet. Tags and hooks are left to the caller.
[[nodiscard]] Result<TwinParts> twin_parts(const LoadedPrograms& main);
// Ingress programs over the shared maps of `parts` and fresh ones for everything else; counters
// are a plain array that can be mapped. Nothing is pinned.
[[nodiscard]] Result<LoadedPrograms> load_twin(const TwinParts& parts, bool xdp, bool tc);

// Both conntrack kfuncs exist on this kernel.
[[nodiscard]] bool kernel_has_conntrack_kfuncs();

}  // namespace portlid::kernel
