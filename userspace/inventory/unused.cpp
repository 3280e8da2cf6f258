// SPDX-License-Identifier: Apache-2.0
#include "inventory/unused.hpp"

#include <algorithm>
#include <array>
#include <bitset>

#include "inventory/reach.hpp"

namespace portlid::inventory {

namespace {

constexpr unsigned kListedOneByOne = 16;

// A set of (protocol, port).
class PortSet {
public:
    void add(std::uint8_t protocol, unsigned port) { of(protocol).set(port); }
    [[nodiscard]] bool has(std::uint8_t protocol, unsigned port) const {
        return bits_[protocol == 17 ? 1 : 0].test(port);
    }
    [[nodiscard]] bool has_any(std::uint8_t protocol, unsigned first, unsigned last) const {
        for (unsigned port = first; port <= last; ++port) {
            if (has(protocol, port)) return true;
        }
        return false;
    }

private:
    std::bitset<65536>& of(std::uint8_t protocol) { return bits_[protocol == 17 ? 1 : 0]; }
    std::array<std::bitset<65536>, 2> bits_{};
};

Exposure unused_item(const JoinInput& input, std::uint8_t protocol, HostPort port) {
    const auto any = IpAddress::any(Family::IPv4);
    Exposure item;
    item.protocol = protocol;
    item.port = port;
    item.host_netns = true;
    item.ufw = input.ufw.answer(protocol, any, port);
    item.service = policy::service_on(*input.policy, protocol, port);
    item.reach = judge_reach(input, protocol, any, port, Path::Input, item.ufw).reach;
    item.verdict = ExposureVerdict::Unused;
    return item;
}

}  // namespace

std::vector<Exposure> unused_ports(const JoinInput& input, const std::vector<Exposure>& items) {
    std::vector<Exposure> unused;
    if (input.policy == nullptr) return unused;
    PortSet taken;
    for (const auto& item : items) {
        if (item.host_netns) taken.add(item.protocol, item.port.value);
    }
    for (const auto& service : input.policy->services) {
        for (const auto& range : service.ports) {
            const auto protocol = static_cast<std::uint8_t>(range.protocol);
            const unsigned first = range.first_host;
            unsigned last = range.last_host;
            if (last - first >= kListedOneByOne) {
                if (taken.has_any(protocol, first, last)) continue;
                last = first;
            }
            for (unsigned port = first; port <= last; ++port) {
                if (taken.has(protocol, port)) continue;
                taken.add(protocol, port);  // services may share a port
                unused.push_back(unused_item(input, protocol, {static_cast<std::uint16_t>(port)}));
            }
        }
    }
    return unused;
}

}  // namespace portlid::inventory
