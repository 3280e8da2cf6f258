// SPDX-License-Identifier: Apache-2.0
// firewalld's files besides the zones: what a service's or an ipset's name stands for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "policy/import/xml.hpp"
#include "policy/model.hpp"

namespace portlid::policy {

struct FirewalldService {
    std::vector<PortRange> ports;
    std::string partly;  // what of it cannot be said; empty = nothing
};

// "80", "8000-8010" with "tcp" or "udp".
[[nodiscard]] std::optional<PortRange> firewalld_port(const std::string& port,
                                                      const std::string& protocol);
// From DIRECTORY/services, then /usr/lib/firewalld/services, then the commonest by heart.
[[nodiscard]] std::optional<FirewalldService> firewalld_service(
    const std::filesystem::path& directory, const std::string& name);
// The addresses of DIRECTORY/ipsets/NAME.xml; none when it holds anything else.
[[nodiscard]] std::optional<std::vector<Cidr>> firewalld_ipset(
    const std::filesystem::path& directory, const std::string& name);

}  // namespace portlid::policy
