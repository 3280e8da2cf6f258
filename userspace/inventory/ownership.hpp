// SPDX-License-Identifier: Apache-2.0
// Is this holder the owner that a rule asks for? Every word of the rule must fit. `container`,
// `compose` and `label` identify: whoever may start containers chooses them. An image by digest, a
// unit, and a program together with its user are stronger.
#pragma once

#include <functional>
#include <string>

#include "identity/engine.hpp"
#include "inventory/listener.hpp"
#include "inventory/publish_index.hpp"
#include "policy/model.hpp"

namespace portlid::inventory {

struct OwnerFacts {
    const identity::Process* process = nullptr;      // null = not known
    const identity::Container* container = nullptr;  // that an engine and the cgroup or proxy name
    // The program of `pid` is the file that this host has at `path`: a path alone proves nothing,
    // since everybody may arrange a mount namespace of his own.
    std::function<bool(std::uint32_t pid, const std::string& path)> runs_file;
};

[[nodiscard]] bool fits_owner(const policy::Owner& owner, const OwnerFacts& facts);
// The words that a cgroup path alone can answer (container, image, compose, label, unit).
[[nodiscard]] bool is_cgroup_word(const std::string& kind);

// Whom a socket of the host's namespace speaks for: the container that publishes the port, when its
// holder is a proven docker-proxy, dockerd or conmon, else the one that the holder lives in.
[[nodiscard]] const identity::Container* container_behind(const Listener& listener,
                                                          const PublishIndex& index,
                                                          const PublishIndex::Engines& engines);
// stat() of /proc/PID/exe against the path.
[[nodiscard]] bool runs_file_of_host(std::uint32_t pid, const std::string& path);

}  // namespace portlid::inventory
