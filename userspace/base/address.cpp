// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace portlid {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool bit_at(const std::array<std::uint8_t, 16>& bytes, unsigned index) {
    return (bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

}  // namespace

const char* to_string(Family family) {
    return family == Family::IPv4 ? "ipv4" : "ipv6";
}

IpAddress IpAddress::from_v4(const void* four_bytes) {
    IpAddress address;
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin());
    std::memcpy(address.bytes_.data() + 12, four_bytes, 4);
    return address;
}

IpAddress IpAddress::from_v6(const void* sixteen_bytes) {
    IpAddress address;
    std::memcpy(address.bytes_.data(), sixteen_bytes, 16);
    return address;
}

IpAddress IpAddress::from_bytes(const ip_bytes& bytes) {
    return from_v6(bytes.bytes);
}

IpAddress IpAddress::any(Family family) {
    const std::array<std::uint8_t, 4> zero{};
    return family == Family::IPv4 ? from_v4(zero.data()) : IpAddress{};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);
    std::array<std::uint8_t, 16> raw{};
    if (copy.size() != text.size() || copy.find('\0') != std::string::npos) return std::nullopt;
    if (inet_pton(AF_INET, copy.c_str(), raw.data()) == 1) return from_v4(raw.data());
    if (inet_pton(AF_INET6, copy.c_str(), raw.data()) == 1) return from_v6(raw.data());
    return std::nullopt;
}

Family IpAddress::family() const {
    const bool mapped = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
    return mapped ? Family::IPv4 : Family::IPv6;
}

bool IpAddress::is_any() const {
    return *this == any(family());
}

bool IpAddress::is_link_local() const {
    if (family() == Family::IPv4) return bytes_[12] == 169 && bytes_[13] == 254;
    return bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80;
}

bool IpAddress::is_loopback() const {
    if (family() == Family::IPv4) return bytes_[12] == 127;
    IpAddress one;
    one.bytes_[15] = 1;
    return *this == one;
}

ip_bytes IpAddress::to_bytes() const {
    ip_bytes out{};
    std::memcpy(out.bytes, bytes_.data(), bytes_.size());
    return out;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const bool v4 = family() == Family::IPv4;
    inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? 12 : 0), buffer.data(), buffer.size());
    return buffer.data();
}

std::optional<Cidr> Cidr::parse(std::string_view text, bool clear_host_bits) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const unsigned longest = address->family() == Family::IPv4 ? 32 : 128;
    unsigned bits = longest;
    if (slash != std::string_view::npos) {
        const auto digits = text.substr(slash + 1);
        const auto* end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, bits);
        if (error != std::errc() || stop != end || bits > longest) return std::nullopt;
    }
    auto raw = address->bytes();
    for (unsigned bit = 128 - longest + bits; bit < 128; ++bit) {
        if (bit_at(raw, bit) && !clear_host_bits) return std::nullopt;
        raw[bit / 8] = static_cast<std::uint8_t>(raw[bit / 8] & ~(0x80U >> (bit % 8)));
    }
    return Cidr{IpAddress::from_v6(raw.data()), static_cast<std::uint8_t>(bits)};
}

unsigned Cidr::mapped_bits() const {
    return address.family() == Family::IPv4 ? 96U + bits : bits;
}

bool Cidr::contains(const IpAddress& candidate) const {
    if (candidate.family() != address.family()) return false;
    for (unsigned bit = 0; bit < mapped_bits(); ++bit)
        if (bit_at(candidate.bytes(), bit) != bit_at(address.bytes(), bit)) return false;
    return true;
}

std::string Cidr::to_string() const {
    const bool host = bits == (address.family() == Family::IPv4 ? 32 : 128);
    return host ? address.to_string() : address.to_string() + "/" + std::to_string(bits);
}

std::string endpoint(const IpAddress& address, HostPort port) {
    const auto number = std::to_string(port.value);
    if (address.family() == Family::IPv4) return address.to_string() + ":" + number;
    return "[" + address.to_string() + "]:" + number;
}

}  // namespace portlid
