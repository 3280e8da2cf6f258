// SPDX-License-Identifier: Apache-2.0
// The two notations of `ports:` in compose files (compose-spec, "ports").
#pragma once

#include <optional>
#include <string>

#include "policy/model.hpp"

namespace portlid::policy {

struct PublishedPorts {
    PortRange host;
    std::optional<IpAddress> address;  // none = all
};
struct ComposePort {
    std::optional<PublishedPorts> published;
    std::string why;  // when there is none
};

// "8080:80", "127.0.0.1:8080-8090:80-90/udp", "[::1]:53:53/udp", "80".
[[nodiscard]] ComposePort parse_compose_port(std::string_view text);
// host_ip, published, protocol of the long notation; "" = absent.
[[nodiscard]] ComposePort parse_compose_port(const std::string& host_ip,
                                             const std::string& published,
                                             const std::string& protocol);

}  // namespace portlid::policy
