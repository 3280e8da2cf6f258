// SPDX-License-Identifier: Apache-2.0
// Sets of addresses of one family that can be cut, and written as prefixes again.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"

namespace portlid::policy {

class AddressRanges {
public:
    explicit AddressRanges(const Cidr& prefix);
    [[nodiscard]] static AddressRanges all(Family family);

    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    [[nodiscard]] bool overlaps(const AddressRanges& other) const;
    void subtract(const AddressRanges& other);
    // The fewest prefixes that hold exactly these addresses, in order.
    [[nodiscard]] std::vector<Cidr> prefixes() const;
    auto operator<=>(const AddressRanges&) const = default;

private:
    using Number = unsigned __int128;  // IPv4 uses the lowest 32 bits
    struct Range {
        Number first = 0;
        Number last = 0;  // inclusive
        auto operator<=>(const Range&) const = default;
    };
    Family family_;
    std::vector<Range> ranges_;  // sorted, apart
};

}  // namespace portlid::policy
