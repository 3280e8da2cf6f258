// SPDX-License-Identifier: Apache-2.0
#include "cli/verify_scan.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "event/decode.hpp"
#include "verify/outside.hpp"

namespace portlid::cli {

namespace {

using verify::ScannedHost;

constexpr std::size_t kPortCount = 65536;

struct Target {
    const ScannedHost* host = nullptr;
    IpAddress address;  // as it was scanned
};

std::set<std::string> own_addresses(const Json& document) {
    std::set<std::string> own;
    for (const auto& address : list(at(document, "addresses"))) own.insert(text(address));
    return own;
}

// The host that has one of our addresses; behind NAT the only one that was scanned.
Result<Target> choose_target(const Json& document, const std::vector<ScannedHost>& hosts) {
    const auto own = own_addresses(document);
    for (const auto& host : hosts)
        for (const auto& address : host.addresses)
            if (own.contains(address.to_string())) return Target{&host, address};
    if (hosts.size() == 1 && !hosts.front().addresses.empty())
        return Target{&hosts.front(), hosts.front().addresses.front()};
    if (hosts.empty())
        return fail("the scan has no host that was up", "nmap -Pn -p- -oX FILE HOST");
    return fail(
        "none of the " + std::to_string(hosts.size()) + " scanned hosts has an address of this one",
        "scan this host alone: nmap -Pn -p- -oX FILE HOST");
}

Result<std::string> choose_zone(const Json& document, const std::string& wanted) {
    std::set<std::string> zones;
    for (const auto& entrance : list(at(document, "entrances")))
        zones.insert(text(at(entrance, "zone")));
    if (wanted.empty() && zones.size() == 1) return *zones.begin();
    if (zones.contains(wanted)) return wanted;
    std::string names;
    for (const auto& zone : zones) names += (names.empty() ? "" : ", ") + zone;
    if (wanted.empty())
        return fail("the scan may have come in by several zones: " + names,
                    "add --zone with one of them", ExitCode::Usage);
    return fail("no interface of a zone `" + printable(wanted, 64) + "` is attached",
                "--zone takes one of: " + names, ExitCode::Usage);
}

// Index into `sources` of the scanner, else of the stranger.
Result<std::uint64_t> choose_source(const Json& document, const std::string& from) {
    const auto& sources = list(at(document, "sources"));
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const auto& source = sources[i];
        if (from.empty() && flag(at(source, "stranger"))) return i;
        if (!from.empty() && text(at(source, "name")) == "scanner " + from) return i;
    }
    return fail("every address is in some list of the policy: there is no stranger",
                "say where the scan came from: --from ADDR", ExitCode::Usage);
}

std::optional<std::uint16_t> port_of(std::string_view digits) {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || stop != digits.data() + digits.size()) return std::nullopt;
    return value;
}

void mark(std::vector<verdict_word>& table, const Json& ranges, verdict_word verdict) {
    for (const auto& range : list(ranges)) {
        const auto words = text(range);
        const auto dash = words.find('-');
        const auto first = port_of(words.substr(0, dash));
        const auto last = dash == std::string::npos ? first : port_of(words.substr(dash + 1));
        if (first && last && *first <= *last)
            std::fill(table.begin() + *first, table.begin() + *last + 1, verdict);
    }
}

const Json* find_row(const Json& document, const Target& target, const std::string& zone,
                     std::uint64_t source, const char* protocol) {
    const Json* found = nullptr;
    for (const auto& row : list(at(document, "matrix"))) {
        if (text(at(row, "zone")) != zone || number(at(row, "source_index")) != source ||
            text(at(row, "protocol")) != protocol ||
            text(at(row, "family")) != to_string(target.address.family()))
            continue;
        if (text(at(row, "to")) == target.address.to_string()) return &row;
        if (!flag(at(row, "named"))) found = &row;
    }
    return found;
}

Result<verify::VerdictTable> verdicts_for(const Json& document, const Target& target,
                                          const std::string& zone, std::uint64_t source) {
    verify::VerdictTable tables;
    for (std::size_t protocol = 0; protocol < tables.size(); ++protocol) {
        const auto* row = find_row(document, target, zone, source, protocol == 0 ? "tcp" : "udp");
        if (row == nullptr)
            return fail(
                "the matrix has no row for " + target.address.to_string() + " from that source",
                "a scanner of the other address family? --from ADDR");
        tables[protocol].assign(kPortCount, VERDICT_drop);
        mark(tables[protocol], at(*row, "allow"), VERDICT_allow);
        mark(tables[protocol], at(*row, "would_drop"), VERDICT_would_drop);
    }
    return tables;
}

Json finding_json(const verify::ScanFinding& found) {
    return {{"misfit", to_string(found.misfit)},
            {"protocol", found.protocol == policy::PortProtocol::Udp ? "udp" : "tcp"},
            {"ports", to_string(found.ports)},
            {"scan", to_string(found.state)},
            {"verdict", event::verdict_name(found.verdict)},
            {"why", sentence(found.misfit)}};
}

}  // namespace

Result<std::vector<ScannedHost>> read_scan(const std::string& path) {
    const auto xml = read_file(path, verify::kMaxScanBytes);
    if (!xml) return pass_on(xml.error());
    auto hosts = verify::read_nmap(*xml);
    if (!hosts) return pass_on(hosts.error(), printable(path));
    return hosts;
}

Result<Json> compare_with_scan(const Json& document, const std::vector<ScannedHost>& hosts,
                               const ScanChoice& choice) {
    const auto target = choose_target(document, hosts);
    if (!target) return pass_on(target.error());
    const auto zone = choose_zone(document, choice.zone);
    if (!zone) return pass_on(zone.error());
    const auto source = choose_source(document, choice.from);
    if (!source) return pass_on(source.error());
    const auto verdicts = verdicts_for(document, *target, *zone, *source);
    if (!verdicts) return pass_on(verdicts.error());
    const auto comparison = verify::compare_scan(*target->host, *verdicts);
    Json findings = Json::array();
    for (const auto& found : comparison.findings) findings.push_back(finding_json(found));
    return Json{{"host", target->address.to_string()},
                {"zone", *zone},
                {"source", text(at(list(at(document, "sources"))[*source], "name"))},
                {"compared", comparison.compared},
                {"findings", std::move(findings)}};
}

bool scan_misfits(const Json& scan) {
    const auto& findings = list(at(scan, "findings"));
    return std::any_of(findings.begin(), findings.end(), [](const Json& found) {
        return text(at(found, "misfit")) != to_string(verify::Misfit::Unused);
    });
}

}  // namespace portlid::cli
