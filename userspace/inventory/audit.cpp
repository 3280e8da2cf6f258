// SPDX-License-Identifier: Apache-2.0
#include "inventory/audit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "inventory/audit_ports.hpp"

namespace portlid::inventory {

namespace {

constexpr std::size_t kNameBytes = 128;

void add_mounted_sockets(const AuditInput& input, std::vector<Finding>& findings) {
    for (const auto& engine : input.engines) {
        if (!engine) continue;
        for (const auto& [id, container] : engine->containers) {
            if (!container.running || container.engine_socket.empty()) continue;
            const auto name = container.name.empty() ? id.substr(0, 12) : container.name;
            Finding finding{
                FindingKind::EngineSocketMounted, event::Severity::High, {}, {}, {}, {}};
            finding.container = printable(name, kNameBytes);
            finding.key = finding_id(finding.kind) + " container " + finding.container;
            finding.what = fmt::format("container {} has {} mounted", finding.container,
                                       printable(container.engine_socket, kNameBytes));
            finding.why =
                "whoever is inside is root on this host; mounting it read-only changes "
                "nothing";
            finding.fix = "give it a proxy that answers GET only, and: docker rm -f " +
                          (shell_word(name).empty() ? id.substr(0, 12) : name);
            findings.push_back(std::move(finding));
        }
    }
}

const IpAddress* routable(const UnfilteredDevice& device) {
    const auto found =
        std::find_if(device.addresses.begin(), device.addresses.end(),
                     [](const auto& own) { return !own.is_link_local() && !own.is_loopback(); });
    return found == device.addresses.end() ? nullptr : &*found;
}

void add_tunnels(const AuditInput& input, std::vector<Finding>& findings) {
    for (const auto& device : input.unfiltered) {
        const auto* address = routable(device);
        if (!device.up || address == nullptr || !is_tunnel(device.kind)) continue;
        Finding finding{FindingKind::UnfilteredTunnel, event::Severity::Medium, {}, {}, {}, {}};
        finding.interface_name = printable(device.name, kNameBytes);
        finding.address = *address;
        finding.key = finding_id(finding.kind) + " interface " + finding.interface_name;
        finding.what =
            fmt::format("{} ({}) has {} and is in no zone that filters", finding.interface_name,
                        printable(device.kind, kNameBytes), address->to_string());
        finding.why =
            "what comes out of the tunnel reaches every listener: only the packets around "
            "it are judged";
        finding.fix = fmt::format("add it to a zone: interfaces: [\"{}\"]", finding.interface_name);
        findings.push_back(std::move(finding));
    }
}

std::string name_of(const AuditInput& input, const std::string& id) {
    for (const auto& engine : input.engines) {
        const auto* known = engine ? engine->find(id) : nullptr;
        if (known != nullptr && !known->name.empty()) return known->name;
    }
    return id.substr(0, 12);
}

void add_raw_uses(const AuditInput& input, std::vector<Finding>& findings) {
    for (const auto& use : input.raw) {
        Finding finding{FindingKind::RawSocket, event::Severity::Medium, {}, {}, {}, {}};
        const auto name = name_of(input, use.container_id);
        finding.container = printable(name, kNameBytes);
        finding.holder = printable(use.exe, kNameBytes);
        finding.key = fmt::format("{} container {} {} {}", finding_id(finding.kind),
                                  finding.container, use.kind, finding.holder);
        finding.what = fmt::format("container {} holds a {} socket ({})", finding.container,
                                   use.kind, finding.holder);
        finding.why = use.kind == "packet"
                          ? "it hears every frame of its network, and can forge them"
                          : "it hears and forges packets without opening a port";
        const auto word = shell_word(name);
        finding.fix = "docker run --cap-drop NET_RAW ...  # instead of container " +
                      (word.empty() ? use.container_id.substr(0, 12) : word);
        findings.push_back(std::move(finding));
    }
}

}  // namespace

const char* to_string(FindingKind kind) {
    switch (kind) {
        case FindingKind::WildcardBind:
            return "wildcard_bind";
        case FindingKind::NoService:
            return "no_service";
        case FindingKind::NoListener:
            return "no_listener";
        case FindingKind::UfwBypassed:
            return "ufw_bypassed";
        case FindingKind::Ipv6Open:
            return "ipv6_open";
        case FindingKind::SensitivePort:
            return "sensitive_port";
        case FindingKind::EngineApi:
            return "engine_api";
        case FindingKind::EngineSocketMounted:
            return "engine_socket_mounted";
        case FindingKind::UnfilteredTunnel:
            return "unfiltered_tunnel";
        case FindingKind::SwarmControl:
            return "swarm_control";
        case FindingKind::RawSocket:
            return "raw_socket";
    }
    return "unknown";
}

std::string finding_id(FindingKind kind) {
    return fmt::format("PL{:03}", static_cast<unsigned>(kind));
}

std::vector<Finding> audit(const AuditInput& input) {
    std::vector<Finding> findings;
    for (const auto& fault : PortRules(input).faults()) findings.push_back(to_finding(fault));
    add_mounted_sockets(input, findings);
    add_tunnels(input, findings);
    add_raw_uses(input, findings);
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
    return findings;
}

}  // namespace portlid::inventory
