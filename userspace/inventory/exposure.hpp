// SPDX-License-Identifier: Apache-2.0
// The join that is the product: listener x publish table x policy x UFW -> who holds the port and
// whether a packet can reach it. Pure: everything it knows comes in through JoinInput.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/engine.hpp"
#include "inventory/firewall.hpp"
#include "inventory/listener.hpp"
#include "nat/rules.hpp"
#include "policy/simulate.hpp"

namespace portlid::inventory {

enum class ExposureVerdict : std::uint8_t { Ok, Exposed, Closed, Unused };
[[nodiscard]] const char* to_string(ExposureVerdict verdict);

struct Published {
    IpAddress host_address;
    HostPort container_port;
    bool proxy = false;  // a docker-proxy process holds the host port
    bool dnat = true;    // packets go round INPUT (and UFW); false: only the proxy serves them
};

struct ContainerName {
    std::string id;
    std::string name;  // empty when no engine told it
    std::string image;
    std::string compose_project;
    std::string compose_service;
};

struct HolderView {
    std::uint32_t pid = 0;  // 0 = not known
    std::string exe, comm, user, unit;
    std::optional<ContainerName> container;
};

// Shared between the ports of one process.
using HolderViewPtr = std::shared_ptr<const HolderView>;

struct ZoneReach {
    std::string zone;
    policy::Reach now = policy::Reach::Closed;
    policy::Reach enforced = policy::Reach::Closed;
};

struct Exposure {
    std::uint8_t protocol = 6;
    Family family = Family::IPv4;
    std::optional<IpAddress> address;  // none only for `unused`
    HostPort port;
    std::uint32_t netns = 0;
    bool host_netns = false;
    std::optional<BootTime> since;
    bool preexisting = false;
    std::optional<Published> published;
    HolderViewPtr holder;  // null = not known
    HolderViewPtr binder;
    UfwAnswer ufw = UfwAnswer::Absent;  // absent too where UFW has no part: other namespaces
    std::string service;                // empty = none names it
    std::vector<ZoneReach> reach;
    ExposureVerdict verdict = ExposureVerdict::Ok;
};

// A zone that some attached (or would-be attached) interface is in.
struct ActiveZone {
    unsigned index = 0;
    std::string name;
    bool filtered = false;       // a packet program is attached on every interface of it
    bool force_monitor = false;  // nothing drops there
};

struct JoinInput {
    std::vector<Listener> listeners;
    std::vector<std::shared_ptr<const identity::EngineSnapshot>> engines;
    std::shared_ptr<const nat::Rules> nat;   // of host_netns; may be null
    const policy::Policy* policy = nullptr;  // may be null: no policy loaded
    const policy::CompiledPolicy* compiled = nullptr;
    std::vector<ActiveZone> zones;
    Ufw ufw;
    std::uint32_t host_netns = 0;
    bool monitor_only = false;  // --mode monitor
    policy::HeldPorts held;     // who sits on owned ports, as the kernel has it
};

// One item per (transport, family, address, port, netns), sorted by port, protocol, address. A
// `::` listener without V6ONLY gives an IPv4 and an IPv6 item. A published port without a socket of
// its own (userland proxy off) gives an item too; a docker-proxy socket is named after its
// container only when its parent is dockerd and the engine publishes that very port. Service ports
// that nobody listens on come as `unused`; of a range of more than 16 ports only the first, and
// only when nobody listens on any of them.
[[nodiscard]] std::vector<Exposure> join(const JoinInput& input);

}  // namespace portlid::inventory
