// SPDX-License-Identifier: Apache-2.0
// The small languages inside a policy's text: ports, prefixes, durations, protocols, limits.
// Like reader.hpp: what cannot be read is reported once and left out.
#pragma once

#include "policy/reader.hpp"

namespace portlid::policy {

// "80/tcp", "9400-9410/udp", "http/tcp" (names of /etc/services).
[[nodiscard]] std::optional<PortRange> read_port(const YamlNode& node, Report& report);
// A list of them; two that overlap are refused.
[[nodiscard]] std::vector<PortRange> read_ports(const YamlNode& node, std::string_view what,
                                                Report& report);
// An address or a prefix without host bits; the text may come from a set file, hence the place.
[[nodiscard]] std::optional<Cidr> parse_prefix(std::string_view text, const Place& place,
                                               Report& report);
[[nodiscard]] std::optional<IpAddress> read_address(const YamlNode& node, std::string_view what,
                                                    Report& report);
// One that a packet from outside can be for: unicast and not of loopback.
[[nodiscard]] bool can_be_own(const IpAddress& address);
[[nodiscard]] std::optional<std::chrono::nanoseconds> read_duration(const YamlNode& node,
                                                                    std::string_view what,
                                                                    Report& report);
// Number of an IP protocol other than the ones with keys of their own (tcp, udp, icmp).
[[nodiscard]] std::optional<std::uint8_t> read_protocol(const YamlNode& node, Report& report);
// The name by which read_protocol knows the number, else the number.
[[nodiscard]] std::string protocol_text(std::uint8_t number);
// "6/30s".
[[nodiscard]] bool read_rate(const YamlNode& node, Limit& limit, Report& report);
// A name that other places refer to: a letter, then letters, digits, dot, dash, underscore.
[[nodiscard]] bool check_name(std::string_view name, std::string_view what, const Place& place,
                              Report& report);
[[nodiscard]] std::string duration_text(std::chrono::nanoseconds duration);

}  // namespace portlid::policy
