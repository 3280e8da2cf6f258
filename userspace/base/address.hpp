// SPDX-License-Identifier: Apache-2.0
// IP addresses, prefixes and ports as values. Bytes are in network order inside, as everywhere on
// the kernel boundary; nothing here allocates except to_string.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "abi/types.h"

namespace portlid {

enum class Family : std::uint8_t { IPv4 = 4, IPv6 = 6 };
[[nodiscard]] const char* to_string(Family family);  // "ipv4", "ipv6"

// A port number in host order / in network order: different types, so that they cannot be mixed.
struct NetPort;
struct HostPort {
    std::uint16_t value = 0;
    [[nodiscard]] NetPort to_net() const;
    auto operator<=>(const HostPort&) const = default;
};
struct NetPort {
    std::uint16_t value_be = 0;
    [[nodiscard]] HostPort to_host() const { return {__builtin_bswap16(value_be)}; }
    auto operator<=>(const NetPort&) const = default;
};
inline NetPort HostPort::to_net() const {
    return {__builtin_bswap16(value)};
}
static_assert(std::endian::native == std::endian::little, "NetPort assumes a little-endian host");

// An address; IPv4 is kept v4-mapped in 16 bytes like struct ip_bytes.
class IpAddress {
public:
    IpAddress() = default;  // ::
    // Without "%zone"; "10.0.0.1" and "::1" alike. "::ffff:1.2.3.4" parses as IPv4.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] static IpAddress from_bytes(const ip_bytes& bytes);
    [[nodiscard]] static IpAddress from_v4(const void* four_bytes);
    [[nodiscard]] static IpAddress from_v6(const void* sixteen_bytes);
    // The address nobody has: 0.0.0.0 or ::.
    [[nodiscard]] static IpAddress any(Family family);

    [[nodiscard]] Family family() const;
    [[nodiscard]] bool is_any() const;         // 0.0.0.0 or ::
    [[nodiscard]] bool is_loopback() const;    // 127/8 or ::1
    [[nodiscard]] bool is_link_local() const;  // 169.254/16 or fe80::/10
    [[nodiscard]] ip_bytes to_bytes() const;
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const IpAddress&) const = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

// A prefix with its host bits cleared. `bits` is the family's own length (0..32 or 0..128).
struct Cidr {
    IpAddress address;
    std::uint8_t bits = 0;

    // "10.0.0.0/8", "::/0" or a bare address. Host bits that are set make it invalid unless
    // `clear_host_bits`.
    [[nodiscard]] static std::optional<Cidr> parse(std::string_view text,
                                                   bool clear_host_bits = false);
    [[nodiscard]] bool contains(const IpAddress& candidate) const;
    // Length in the v4-mapped space: IPv4 prefixes are 96 + bits.
    [[nodiscard]] unsigned mapped_bits() const;
    [[nodiscard]] std::string to_string() const;  // a host prefix prints without "/32"

    auto operator<=>(const Cidr&) const = default;
};

// "192.0.2.1:80" or "[2001:db8::1]:80".
[[nodiscard]] std::string endpoint(const IpAddress& address, HostPort port);

}  // namespace portlid
