// SPDX-License-Identifier: Apache-2.0
// Faults to sentences and commands. A name that somebody else chose becomes part of a command only
// when it is a plain word.
#include <fmt/format.h>
#include <netinet/in.h>

#include "base/text.hpp"
#include "inventory/audit_ports.hpp"

namespace portlid::inventory {

namespace {

constexpr std::size_t kShownBytes = 128;
constexpr std::size_t kShortId = 12;

const char* transport(std::uint8_t protocol) {
    return protocol == IPPROTO_UDP ? "udp" : "tcp";
}

std::string numbers(HostPort first, HostPort last, char dash = '-') {
    if (first == last) return std::to_string(first.value);
    return fmt::format("{}{}{}", first.value, dash, last.value);
}

std::string ports_of(const PortFault& fault) {
    return numbers(fault.item->port, fault.last_port) + "/" + transport(fault.item->protocol);
}

std::string endpoints_of(const PortFault& fault) {
    const auto address = fault.item->address ? fault.item->address->to_string() : "*";
    const bool bracket = address.find(':') != std::string::npos;
    return (bracket ? "[" + address + "]" : address) + ":" +
           numbers(fault.item->port, fault.last_port);
}

std::string container_of(const Exposure& item) {
    if (!item.holder || !item.holder->container) return {};
    const auto& container = *item.holder->container;
    return container.name.empty() ? container.id.substr(0, kShortId) : container.name;
}

std::string container_word(const Exposure& item) {
    if (!item.holder || !item.holder->container) return {};
    const auto name = shell_word(item.holder->container->name);
    return name.empty() ? shell_word(item.holder->container->id.substr(0, kShortId)) : name;
}

// How to make whoever holds the port let go of it.
std::string stop_command(const Exposure& item) {
    if (const auto container = container_word(item); !container.empty())
        return "docker stop " + container;
    if (!item.holder) return "ss -Hltunp  # finds who holds it";
    if (const auto unit = shell_word(item.holder->unit); !unit.empty())
        return "systemctl disable --now " + unit;
    return item.holder->pid == 0 ? "ss -Hltunp  # finds who holds it"
                                 : fmt::format("kill {}", item.holder->pid);
}

// How to make him listen on one address only.
std::string bind_advice(const PortFault& fault, const std::string& address) {
    const auto& item = *fault.item;
    if (item.published)
        return fmt::format("docker run -p {}:{}:{}/{} ...  # instead of every address", address,
                           numbers(item.port, fault.last_port),
                           item.published->container_port.value, transport(item.protocol));
    const auto unit = item.holder ? shell_word(item.holder->unit) : std::string();
    if (!unit.empty())
        return fmt::format("systemctl edit {}  # make it listen on {}", unit, address);
    return fmt::format("make {} listen on {}", holder_words(item), address);
}

std::string service_line(const PortFault& fault, const char* more) {
    auto name = container_word(*fault.item);
    if (name.empty() && fault.item->holder)
        name = shell_word(std::string(identity::exe_name(fault.item->holder->exe)));
    if (name.empty()) name = fmt::format("port-{}", fault.item->port.value);
    return fmt::format("- {{ name: {}, ports: [{}]{} }}", name, ports_of(fault), more);
}

std::string no_service_fix(const PortFault& fault) {
    const auto line = service_line(fault, "");
    if (fault.item->verdict == ExposureVerdict::Exposed)
        return "portlid mode enforce  # drops it; to keep it, add to services: " + line;
    return fmt::format("{}  # or add to services: {}", stop_command(*fault.item), line);
}

std::string fix_of(const PortFault& fault) {
    const auto& item = *fault.item;
    const std::string loopback = item.family == Family::IPv6 ? "[::1]" : "127.0.0.1";
    switch (fault.kind) {
        case FindingKind::WildcardBind:
            return bind_advice(fault, fault.advice);
        case FindingKind::NoListener:
            return fmt::format("remove {} from service {}", ports_of(fault),
                               printable(item.service, kShownBytes));
        case FindingKind::UfwBypassed:
            if (!item.service.empty())
                return fmt::format("ufw allow {}/{}  # if it is meant to be open",
                                   numbers(item.port, fault.last_port, ':'),
                                   transport(item.protocol));
            return "portlid mode enforce  # drops it before the DNAT; or " +
                   bind_advice(fault, loopback);
        case FindingKind::Ipv6Open:
            return fmt::format(
                "portlid explain any to [2001:db8::1]:{}/{}  # then close it for "
                "IPv6 too",
                item.port.value, transport(item.protocol));
        case FindingKind::SensitivePort:
            return bind_advice(fault, loopback) +
                   "; or narrow it: " + service_line(fault, ", from: [ADDRESS]");
        case FindingKind::EngineApi:
            return "remove -H tcp://... (\"hosts\" in /etc/docker/daemon.json), then: systemctl "
                   "restart docker  # clients: DOCKER_HOST=ssh://HOST";
        case FindingKind::SwarmControl:
            return "add to services: " + service_line(fault, ", from: [NODES]");
        default:
            return no_service_fix(fault);
    }
}

std::vector<std::string> reachable_zones(const Exposure& item) {
    std::vector<std::string> zones;
    for (const auto& zone : item.reach)
        if (zone.now != policy::Reach::Closed) zones.push_back(printable(zone.zone, kShownBytes));
    return zones;
}

}  // namespace

std::string shell_word(const std::string& name) {
    const bool plain = !name.empty() && name.size() <= kShownBytes && name.front() != '-' &&
                       name.find_first_not_of(
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                           "0123456789_.@:-") == std::string::npos;
    return plain ? name : std::string();
}

std::string holder_words(const Exposure& item) {
    if (const auto container = container_of(item); !container.empty())
        return "container " + printable(container, kShownBytes);
    if (!item.holder) return item.published ? "an unknown container" : "an unknown process";
    const auto& exe = item.holder->exe;
    return printable(exe.empty() ? std::string_view(item.holder->comm) : identity::exe_name(exe),
                     kShownBytes);
}

Finding to_finding(const PortFault& fault) {
    const auto& item = *fault.item;
    const bool unused = item.verdict == ExposureVerdict::Unused;
    Finding finding{fault.kind, fault.severity, {}, {}, fault.why, fix_of(fault)};
    finding.key = fmt::format("{} {} {}", finding_id(fault.kind), transport(item.protocol),
                              endpoints_of(fault));
    finding.what = unused ? fmt::format("{} {}", ports_of(fault), fault.what)
                          : fmt::format("{} on {} ({}) {}", ports_of(fault),
                                        item.address->to_string(), holder_words(item), fault.what);
    finding.protocol = item.protocol;
    finding.address = item.address;
    finding.port = item.port;
    finding.last_port = fault.last_port;
    finding.holder = unused ? std::string() : holder_words(item);
    finding.container = printable(container_of(item), kShownBytes);
    finding.service = printable(item.service, kShownBytes);
    if (!unused) finding.zones = reachable_zones(item);
    return finding;
}

}  // namespace portlid::inventory
