// SPDX-License-Identifier: Apache-2.0
#include "policy/import/draft.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "policy/check.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxCommentBytes = 300;
constexpr std::size_t kMaxListed = 1000;  // in the policy, which may have 1 MiB

// One line of somebody else's text inside a comment: printable() leaves no line break.
std::string comment(std::string_view text, std::string_view indent = "") {
    return fmt::format("{}# {}\n", indent, printable(text, kMaxCommentBytes));
}

// Letters, digits, dash; beginning with a letter; at most 40, so that a number fits behind.
std::string plain_name(std::string_view text, std::string_view fallback) {
    std::string name;
    for (const char c : text) {
        const bool upper = c >= 'A' && c <= 'Z';
        const bool good = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (good)
            name += upper ? static_cast<char>(c - 'A' + 'a') : c;
        else if (!name.empty() && name.back() != '-')
            name += '-';
    }
    name.resize(std::min<std::size_t>(name.size(), 40));
    while (!name.empty() && name.back() == '-') name.pop_back();
    if (name.empty()) return std::string(fallback);
    const bool letter = name.front() >= 'a' && name.front() <= 'z';
    return letter ? name : fmt::format("{}-{}", fallback, name);
}

std::string unique(std::string name, std::set<std::string>& taken) {
    const auto base = name;
    for (unsigned i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}-{}", base, i);
    return name;
}

bool everybody(const std::vector<Cidr>& from) {
    const auto whole = [&](Family family) {
        return std::find(from.begin(), from.end(), Cidr{IpAddress::any(family), 0}) != from.end();
    };
    return whole(Family::IPv4) && whole(Family::IPv6);
}

template <class List, class Print>
std::string flow_list(const List& items, Print print) {
    std::vector<std::string> words;
    for (const auto& item : items) words.push_back(print(item));
    return fmt::format("[{}]", fmt::join(words, ", "));
}

std::string quoted(const std::string& text) {
    return "\"" + text + "\"";
}

std::string quoted_cidr(const Cidr& prefix) {
    return quoted(prefix.to_string());
}

std::string zone_text(const DraftZone& zone) {
    auto out = fmt::format("  {}:\n    interfaces: {}\n    default: drop\n", zone.name,
                           flow_list(zone.interfaces, quoted));
    return out + (zone.catch_all ? "    catch_all: true\n" : "");
}

std::string service_text(const DraftService& service, std::set<std::string>& taken) {
    std::string out;
    for (const auto& origin : service.origin) out += comment(origin, "  ");
    const auto fallback = "port-" + std::to_string(service.ports.front().first_host);
    out += fmt::format(
        "  - name: {}\n    ports: {}\n", unique(plain_name(service.name, fallback), taken),
        flow_list(service.ports, [](const PortRange& range) { return to_string(range); }));
    if (!everybody(service.from)) out += "    from: " + flow_list(service.from, quoted_cidr) + "\n";
    if (!service.zones.empty())
        out += fmt::format("    zones: [{}]\n", fmt::join(service.zones, ", "));
    if (!service.addresses.empty())
        out +=
            "    addresses: " +
            flow_list(service.addresses, [](const auto& one) { return quoted(one.to_string()); }) +
            "\n";
    if (service.limit) out += "    limit: { new: 6/30s }\n";
    if (!service.compose.empty())
        out += "    owner: { compose: " + quoted(service.compose) + " }\n";
    return out;
}

std::string and_more(std::size_t count) {
    return count <= kMaxListed ? "" : comment(fmt::format("... and {} more", count - kMaxListed));
}

std::string unmapped_comments(const std::vector<Unmapped>& unmapped, bool stay_open,
                              const char* heading) {
    std::string out;
    std::size_t count = 0;
    for (const auto& one : unmapped) {
        if (one.stays_open != stay_open || ++count > kMaxListed) continue;
        if (out.empty()) out = fmt::format("\n# {}:\n", heading);
        out += comment(fmt::format("{}: {}", one.where, one.text));
        out += comment("    " + one.why);
    }
    return out + and_more(count);
}

std::string implied_comments(const std::vector<std::string>& implied) {
    if (implied.empty()) return "";
    std::string out =
        "\n# Said by what is not opened above, by `deny`, or decided by rules before:\n";
    for (std::size_t i = 0; i < std::min(implied.size(), kMaxListed); ++i)
        out += comment(implied[i]);
    return out + and_more(implied.size());
}

std::string yaml_of(const Draft& draft) {
    auto out = comment(draft.title);
    out +=
        "# It only watches: read it, try it, then set mode: enforce.\nversion: 1\n"
        "mode: monitor\n";
    for (const auto& note : draft.notes) out += comment(note);
    out += "\nzones:\n";
    for (const auto& zone : draft.zones) out += zone_text(zone);
    if (!draft.deny.empty()) out += "\ndeny: " + flow_list(draft.deny, quoted_cidr) + "\n";
    std::set<std::string> taken;
    out += draft.services.empty() ? "\nservices: []\n" : "\nservices:\n";
    for (const auto& service : draft.services) out += service_text(service, taken);
    out += fmt::format("\nicmp: {{ ping: {} }}\n", draft.ping ? "allow" : "drop");
    if (!draft.protocols.empty())
        out += "protocols: " + flow_list(draft.protocols, protocol_text) + "\n";
    return out + implied_comments(draft.implied) +
           unmapped_comments(draft.unmapped, true, "Not imported, and NOT closed by this policy") +
           unmapped_comments(draft.unmapped, false, "Not imported, and therefore closed");
}

}  // namespace

Result<Imported> render(const Draft& draft) {
    Imported out{yaml_of(draft), draft.unmapped};
    const auto loaded = load_text(out.yaml, "imported.yaml", ".");
    if (loaded.ok()) return out;
    return fail("what was read does not make a policy:\n" + check_text(loaded),
                "leave out what it names and import the rest", ExitCode::Failed);
}

std::string unmapped_text(const std::vector<Unmapped>& unmapped) {
    std::string out;
    for (const auto& one : unmapped)
        out += fmt::format("  {}: {}\n    {}\n", printable(one.where, 256),
                           printable(one.text, kMaxCommentBytes), printable(one.why, 256));
    return out;
}

}  // namespace portlid::policy
