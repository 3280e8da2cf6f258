// SPDX-License-Identifier: Apache-2.0
// What the engines publish, by what the outside sees: protocol, host address, host port.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "identity/engine.hpp"
#include "inventory/exposure.hpp"

namespace portlid::inventory {

struct Publish {
    const identity::Container* container = nullptr;
    const identity::PublishedPort* port = nullptr;
};

// Points into the snapshots, which must outlive it. Of two containers on one key the first counts.
class PublishIndex {
public:
    using Engines = std::vector<std::shared_ptr<const identity::EngineSnapshot>>;
    explicit PublishIndex(const Engines& engines);
    [[nodiscard]] const Publish* find(std::uint8_t protocol, const IpAddress& address,
                                      HostPort port) const;
    // In no particular order.
    [[nodiscard]] const std::vector<Publish>& all() const { return all_; }
    // What the engines call a container; only the id when none knows it.
    [[nodiscard]] ContainerName name_of(const std::string& id) const;

private:
    struct Key {
        std::uint8_t protocol;
        IpAddress address;
        HostPort port;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const;
    };
    const Engines* engines_;
    std::vector<Publish> all_;
    std::unordered_map<Key, std::size_t, Hash> by_key_;
};

[[nodiscard]] ContainerName container_name(const identity::Container& container);
// DNAT works within a family: an IPv6 client of a container without an IPv6 address is served by
// the proxy, through INPUT.
[[nodiscard]] bool is_dnat(const identity::PublishedPort& port);

// A root process of docker-proxy's program whose parent is root's dockerd.
[[nodiscard]] bool is_docker_proxy(const Holder& holder);
// dockerd itself keeps the host port where the userland proxy is off.
[[nodiscard]] bool is_docker_daemon(const Holder& holder);
// One of these two, or podman's conmon, which keeps the host ports of the one container that it
// watches. Of root, and not in a container: one that calls itself so there proves nothing.
[[nodiscard]] bool keeps_ports_for_others(const Holder& holder);
// Such a holder, of a port that the engine publishes for `container`; conmon says itself for which.
[[nodiscard]] bool speaks_for(const Holder& holder, const identity::Container& container);
// What a proven docker-proxy forwards to, by its own arguments: for when no engine answers. None
// unless they name this very protocol and host port.
[[nodiscard]] std::optional<Published> published_by_arguments(const identity::Process& proxy,
                                                              std::uint8_t protocol,
                                                              const IpAddress& address,
                                                              HostPort port);

}  // namespace portlid::inventory
