// SPDX-License-Identifier: Apache-2.0
#include "policy/import/address_ranges.hpp"

#include <algorithm>

namespace portlid::policy {

namespace {

using Number = unsigned __int128;

unsigned bits_of(Family family) {
    return family == Family::IPv4 ? 32 : 128;
}

// The number of addresses of a prefix with so many host bits, less one.
Number mask_of(unsigned host_bits) {
    return host_bits >= 128 ? ~Number{0} : (Number{1} << host_bits) - 1;
}

Number to_number(const IpAddress& address) {
    Number value = 0;
    const std::size_t first = address.family() == Family::IPv4 ? 12 : 0;
    for (std::size_t i = first; i < 16; ++i) value = value << 8U | address.bytes().at(i);
    return value;
}

IpAddress to_address(Family family, Number value) {
    std::array<std::uint8_t, 16> bytes{};
    const std::size_t length = bits_of(family) / 8;
    for (std::size_t i = 0; i < length; ++i)
        bytes.at(length - 1 - i) = static_cast<std::uint8_t>(value >> (8 * i));
    return family == Family::IPv4 ? IpAddress::from_v4(bytes.data())
                                  : IpAddress::from_v6(bytes.data());
}

}  // namespace

AddressRanges::AddressRanges(const Cidr& prefix) : family_(prefix.address.family()) {
    const Number first = to_number(prefix.address);
    ranges_.push_back({first, first + mask_of(bits_of(family_) - prefix.bits)});
}

AddressRanges AddressRanges::all(Family family) {
    return AddressRanges(Cidr{IpAddress::any(family), 0});
}

bool AddressRanges::overlaps(const AddressRanges& other) const {
    if (family_ != other.family_) return false;
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& a) {
        return std::any_of(other.ranges_.begin(), other.ranges_.end(),
                           [&](const Range& b) { return a.first <= b.last && b.first <= a.last; });
    });
}

void AddressRanges::subtract(const AddressRanges& other) {
    if (family_ != other.family_) return;
    for (const auto& cut : other.ranges_) {
        std::vector<Range> left;
        for (const auto& range : ranges_) {
            if (range.last < cut.first || cut.last < range.first) {
                left.push_back(range);
                continue;
            }
            if (range.first < cut.first) left.push_back({range.first, cut.first - 1});
            if (cut.last < range.last) left.push_back({cut.last + 1, range.last});
        }
        ranges_ = std::move(left);
    }
}

std::vector<Cidr> AddressRanges::prefixes() const {
    std::vector<Cidr> out;
    const auto width = bits_of(family_);
    for (auto [first, last] : ranges_) {
        for (;;) {
            unsigned bits = 0;
            while (bits < width && (first & mask_of(bits + 1)) == 0 &&
                   last - first >= mask_of(bits + 1))
                ++bits;
            out.push_back({to_address(family_, first), static_cast<std::uint8_t>(width - bits)});
            if (last - first <= mask_of(bits)) break;
            first += mask_of(bits) + 1;
        }
    }
    return out;
}

}  // namespace portlid::policy
