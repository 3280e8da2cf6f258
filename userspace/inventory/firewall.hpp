// SPDX-License-Identifier: Apache-2.0
// What UFW would say of a port, from its own files as this process sees them (mount namespace
// included). Reads only; knows the difference between what UFW says and what a DNATed packet does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"

namespace portlid::inventory {

enum class UfwAnswer : std::uint8_t { Allow, Deny, Reject, Limit, Restricted, Inactive, Absent };
[[nodiscard]] const char* to_string(UfwAnswer answer);  // contract §5 words, lower case

// One `### tuple ###` line of user.rules / user6.rules; a port list gives one rule per range.
struct UfwRule {
    UfwAnswer action = UfwAnswer::Deny;    // allow, deny, reject, limit
    std::optional<std::uint8_t> protocol;  // none = any
    std::uint16_t first_port = 0;          // 0..65535 = any port
    std::uint16_t last_port = 65535;
    Cidr source;
    Cidr destination;
    bool any_source_port = true;
    std::string interface_in;  // empty = any
    bool routed = false;       // `ufw route`: FORWARD, not INPUT
    bool outgoing = false;     // OUTPUT, not INPUT
};

// The rules of one tuple line (without its "### tuple ###"); none when UFW would skip it too.
[[nodiscard]] std::optional<std::vector<UfwRule>> parse_ufw_tuple(std::string_view tuple,
                                                                  Family family);

class Ufw {
public:
    // `etc` is normally "/etc". Never fails: no UFW is an answer, garbage lines are counted.
    [[nodiscard]] static Ufw read(const std::filesystem::path& etc = "/etc");
    // For a new flow from anywhere to this host's own port; `address` any() = to every address of
    // that family. The first matching rule wins. Restricted: some sources, interfaces or own
    // addresses get another answer than the rest.
    [[nodiscard]] UfwAnswer answer(std::uint8_t protocol, const IpAddress& address,
                                   HostPort port) const;
    [[nodiscard]] bool active() const { return active_; }
    [[nodiscard]] bool installed() const { return installed_; }
    [[nodiscard]] unsigned unreadable_lines() const { return unreadable_lines_; }

private:
    void read_rules(const std::filesystem::path& file, Family family);

    bool installed_ = false;
    bool active_ = false;
    bool ipv6_ = true;  // false: UFW drops all IPv6 that is not loopback
    UfwAnswer default_input_ = UfwAnswer::Deny;
    std::vector<UfwRule> rules_;  // both families', each in file order
    unsigned unreadable_lines_ = 0;
};

}  // namespace portlid::inventory
