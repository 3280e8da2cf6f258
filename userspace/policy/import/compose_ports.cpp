// SPDX-License-Identifier: Apache-2.0
#include "policy/import/compose_ports.hpp"

#include <tuple>

#include "policy/import/port.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

ComposePort refused(std::string why) {
    return {std::nullopt, std::move(why)};
}

// "80" or "80-90".
std::optional<std::pair<std::uint16_t, std::uint16_t>> port_span(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = port_of(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : port_of(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return std::pair(*first, *last);
}

}  // namespace

ComposePort parse_compose_port(const std::string& host_ip, const std::string& published,
                               const std::string& protocol) {
    if ((host_ip + published + protocol).find('$') != std::string::npos)
        return refused("a variable: import the output of `docker compose config`");
    if (published.empty()) return refused("no host port is named: Docker picks one at each start");
    PublishedPorts out;
    if (protocol == "udp")
        out.host.protocol = PortProtocol::Udp;
    else if (!protocol.empty() && protocol != "tcp")
        return refused("neither tcp nor udp");
    const auto span = port_span(published);
    if (!span) return refused("those are no ports");
    std::tie(out.host.first_host, out.host.last_host) = *span;
    if (!host_ip.empty()) {
        out.address = IpAddress::parse(host_ip);
        if (!out.address) return refused("the host address is none");
        if (out.address->is_loopback())
            return refused("published on loopback only: nobody outside reaches it");
        if (!out.address->is_any() && !can_be_own(*out.address))
            return refused("the host address cannot be one of a host");
    }
    return {out, ""};
}

ComposePort parse_compose_port(std::string_view text) {
    std::string protocol;
    if (const auto slash = text.rfind('/'); slash != std::string_view::npos) {
        protocol = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    std::string host_ip;
    if (text.starts_with('[')) {
        const auto close = text.find("]:");
        if (close == std::string_view::npos) return refused("not HOST:CONTAINER");
        host_ip = text.substr(1, close - 1);
        text = text.substr(close + 2);
    }
    const auto last = text.rfind(':');
    if (last == std::string_view::npos) return parse_compose_port(host_ip, "", protocol);
    const auto container = text.substr(last + 1);
    if (container.find('$') == std::string_view::npos && !port_span(container))
        return refused("not HOST:CONTAINER or HOST:CONTAINER/PROTOCOL");
    auto front = text.substr(0, last);
    if (const auto colon = front.rfind(':'); colon != std::string_view::npos) {
        if (!host_ip.empty()) return refused("not HOST:CONTAINER");
        host_ip = front.substr(0, colon);
        front = front.substr(colon + 1);
    }
    return parse_compose_port(host_ip, std::string(front), protocol);
}

}  // namespace portlid::policy
