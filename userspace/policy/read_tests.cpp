// SPDX-License-Identifier: Apache-2.0
// `tests:`: packets that the policy's author knows the answer for.
#include <fmt/format.h>

#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxTests = 10'000;

// "10.8.0.1" of "10.8.0.1:443/tcp", "2001:db8::1" of "[2001:db8::1]:443/tcp".
std::string_view without_brackets(std::string_view host) {
    const bool bracketed = host.size() > 1 && host.front() == '[' && host.back() == ']';
    return bracketed ? host.substr(1, host.size() - 2) : host;
}

// "1-1/tcp" too; names of services have dashes of their own.
bool is_port_range(std::string_view port) {
    const auto numbers = port.substr(0, port.find('/'));
    return numbers.find('-') != std::string_view::npos &&
           numbers.find_first_not_of("0123456789-") == std::string_view::npos;
}

// Takes the address off the front of `to`, if there is one, and leaves the port.
bool read_target_address(LoadState& state, YamlNode& to, PolicyTest& test) {
    const auto colon = to.text.rfind(':');
    if (colon == std::string::npos) return true;
    const auto host = without_brackets(std::string_view(to.text).substr(0, colon));
    test.address = IpAddress::parse(host);
    if (!test.address) {
        state.report.error(to.place,
                           fmt::format("{} in `to` is not an address of this host", quote(host)),
                           "write 5432/tcp, 192.0.2.1:5432/tcp or [2001:db8::1]:5432/tcp");
        return false;
    }
    to.text.erase(0, colon + 1);
    return true;
}

void read_test_target(LoadState& state, const MapReader& map, PolicyTest& test) {
    const auto* written = map.need("to");
    if (written == nullptr) return;
    auto to = *written;
    if (to.kind == YamlNode::Kind::Scalar && !read_target_address(state, to, test)) return;
    const auto range = read_port(to, state.report);
    if (!range) return;
    if (is_port_range(to.text)) state.report.error(to.place, "`to` must be one port, not a range");
    test.to = *range;
    if (test.address && test.address->family() != test.from.family())
        state.report.error(to.place, "`from` and `to` are of different address families");
}

// A policy with one zone need not repeat its name in every test.
void read_test_zone(LoadState& state, const YamlNode& node, const MapReader& map,
                    PolicyTest& test) {
    if (const auto* zone = map.find("zone")) {
        const auto name = read_text(*zone, "`zone`", state.report);
        if (name && find_zone(state, *zone, *name) != nullptr) test.zone = *name;
    } else if (state.policy.zones.size() == 1) {
        test.zone = state.policy.zones.front().name;
    } else {
        state.report.error(node.place, "a test has no `zone`",
                           "say through which zone the packet comes in: zone: public");
    }
}

void read_test(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "a test", {"from", "to", "zone", "expect"}, state.report);
    if (!map.ok()) return;
    PolicyTest test;
    test.place = node.place;
    const auto* from = map.need("from");
    const auto source =
        from != nullptr ? read_address(*from, "`from`", state.report) : std::nullopt;
    test.from = source.value_or(IpAddress());
    if (source) read_test_target(state, map, test);
    read_test_zone(state, node, map, test);
    if (const auto* expect = map.need("expect"))
        test.expect = read_action(*expect, "`expect`", state.report).value_or(Action::Drop);
    state.policy.tests.push_back(std::move(test));
    if (state.policy.tests.size() == kMaxTests + 1)
        state.report.error(node.place, fmt::format("more than {} tests", kMaxTests),
                           "ask further ones with: portlid policy test --packet");
}

}  // namespace

void read_tests(LoadState& state, const YamlNode& node) {
    read_list(node, "`tests`", true, state.report, [&](const YamlNode& item) {
        if (state.policy.tests.size() <= kMaxTests) read_test(state, item);
    });
}

}  // namespace portlid::policy
