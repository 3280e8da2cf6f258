// SPDX-License-Identifier: Apache-2.0
#include "policy/import/firewalld_files.hpp"

#include <algorithm>
#include <array>

#include "policy/import/importers.hpp"
#include "policy/import/port.hpp"

namespace portlid::policy {

namespace {

namespace fs = std::filesystem;

struct Known {
    const char* name;
    std::uint16_t port;
    bool tcp;
    bool udp;
};
// Their files come with firewalld, which need not be installed where the import runs.
constexpr auto kKnown = std::to_array<Known>({
    {"ssh", 22, true, false},
    {"http", 80, true, false},
    {"https", 443, true, false},
    {"dns", 53, true, true},
    {"smtp", 25, true, false},
    {"smtps", 465, true, false},
    {"imap", 143, true, false},
    {"imaps", 993, true, false},
    {"cockpit", 9090, true, false},
    {"mysql", 3306, true, false},
    {"postgresql", 5432, true, false},
    {"ntp", 123, false, true},
    {"wireguard", 51820, false, true},
});

// A name that is one file in one directory.
bool plain(const std::string& name) {
    return !name.empty() && name.find_first_of("/\\") == std::string::npos && name[0] != '.';
}

std::optional<XmlElement> read(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return std::nullopt;
    const auto text = read_import(path);
    if (!text) return std::nullopt;
    auto root = parse_xml(*text, path.string());
    if (!root) return std::nullopt;
    return std::move(*root);
}

FirewalldService service_of(const XmlElement& root) {
    FirewalldService service;
    for (const auto& child : root.children) {
        if (child.name == "port") {
            const auto range = firewalld_port(child.attribute("port"), child.attribute("protocol"));
            if (range)
                service.ports.push_back(*range);
            else
                service.partly = "its port " + child.attribute("port") + " is not tcp or udp";
        } else if (child.name == "destination") {
            service.partly = "it is for a multicast or other destination";
            service.ports.clear();
            return service;
        } else if (child.name != "short" && child.name != "description" && child.name != "module" &&
                   child.name != "helper") {
            service.partly = "its <" + child.name + "> cannot be said";
        }
    }
    return service;
}

}  // namespace

std::optional<PortRange> firewalld_port(const std::string& port, const std::string& protocol) {
    if (protocol != "tcp" && protocol != "udp") return std::nullopt;
    const auto dash = port.find('-');
    const auto first = port_of(std::string_view(port).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : port_of(std::string_view(port).substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return PortRange{protocol == "tcp" ? PortProtocol::Tcp : PortProtocol::Udp, *first, *last};
}

std::optional<FirewalldService> firewalld_service(const fs::path& directory,
                                                  const std::string& name) {
    if (!plain(name)) return std::nullopt;
    for (const auto& folder : {directory / "services", fs::path("/usr/lib/firewalld/services")})
        if (const auto root = read(folder / (name + ".xml"))) return service_of(*root);
    const auto* const known = std::find_if(kKnown.begin(), kKnown.end(),
                                           [&](const Known& one) { return one.name == name; });
    if (known == kKnown.end()) return std::nullopt;
    FirewalldService service;
    if (known->tcp) service.ports.push_back({PortProtocol::Tcp, known->port, known->port});
    if (known->udp) service.ports.push_back({PortProtocol::Udp, known->port, known->port});
    return service;
}

std::optional<std::vector<Cidr>> firewalld_ipset(const fs::path& directory,
                                                 const std::string& name) {
    if (!plain(name)) return std::nullopt;
    const auto root = read(directory / "ipsets" / (name + ".xml"));
    if (!root) return std::nullopt;
    std::vector<Cidr> members;
    for (const auto& child : root->children) {
        if (child.name != "entry") continue;
        const auto member = Cidr::parse(child.text, true);
        if (!member) return std::nullopt;
        members.push_back(*member);
    }
    return members;
}

}  // namespace portlid::policy
