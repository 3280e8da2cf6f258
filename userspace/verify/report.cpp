// SPDX-License-Identifier: Apache-2.0
#include "verify/report.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "event/decode.hpp"

namespace portlid::verify {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "portlid.verify/v1";
// Of a report; the total says how many there are.
constexpr std::size_t kDifferencesShown = 1000;

const char* word(policy::PortProtocol protocol) {
    return protocol == policy::PortProtocol::Udp ? "udp" : "tcp";
}

const std::string& zone_of(const MatrixInput& input, const Row& row) {
    return input.policy->zones[input.entrances[row.entrance].zone].name;
}

Json place(const MatrixInput& input, const Matrix& matrix, const Row& row) {
    return {{"zone", zone_of(input, row)},
            {"interface", printable(input.entrances[row.entrance].interface_name)},
            {"protocol", word(row.protocol)},
            {"family", to_string(row.source.family())},
            {"source", printable(matrix.samples[row.sample].name)},
            {"from", row.source.to_string()},
            {"to", row.destination.to_string()}};
}

Json ranges(const std::vector<Ports>& list) {
    Json out = Json::array();
    for (const auto& ports : list) out.push_back(to_string(ports));
    return out;
}

Json row_json(const MatrixInput& input, const Matrix& matrix, const Row& row) {
    auto json = place(input, matrix, row);
    json["source_index"] = row.sample;
    json["named"] = row.named_destination;
    for (const auto verdict : {VERDICT_allow, VERDICT_would_drop, VERDICT_drop})
        json[event::verdict_name(verdict)] = ranges(row.ports[verdict]);
    return json;
}

Json answer_json(const Answer& answer) {
    return {{"verdict", event::verdict_name(answer.verdict)},
            {"reason", event::reason_word(answer.why)}};
}

Json difference_json(const MatrixInput& input, const Matrix& matrix, const Difference& found) {
    auto json = place(input, matrix, matrix.rows[found.row]);
    json["ports"] = to_string(found.ports);
    json["kernel"] = answer_json(found.kernel);
    json["policy"] = answer_json(found.policy);
    return json;
}

Json differences_json(const MatrixInput& input, const Matrix& matrix) {
    Json out = Json::array();
    for (const auto& found : matrix.differences) {
        if (out.size() >= kDifferencesShown) break;
        out.push_back(difference_json(input, matrix, found));
    }
    return out;
}

std::uint64_t ports_that_differ(const Matrix& matrix) {
    std::uint64_t total = 0;
    for (const auto& found : matrix.differences)
        total += found.ports.last_host - found.ports.first_host + 1U;
    return total;
}

Json code_json(const std::vector<CodeCheck>& checks) {
    Json out = Json::array();
    for (const auto& check : checks)
        out.push_back({{"interface", printable(check.interface_name)},
                       {"hook", check.hook},
                       {"twin", check.twin_tag},
                       {"attached", check.attached_tag},
                       {"same", check.same()}});
    return out;
}

Json entrances_json(const MatrixInput& input) {
    Json out = Json::array();
    for (const auto& entrance : input.entrances) {
        Json alike = Json::array();
        for (const auto& name : entrance.alike) alike.push_back(printable(name));
        out.push_back({{"interface", printable(entrance.interface_name)},
                       {"zone", input.policy->zones[entrance.zone].name},
                       {"hook", entrance.hook},
                       {"uncovered", entrance.force_monitor},
                       {"alike", std::move(alike)}});
    }
    return out;
}

Json sources_json(const Matrix& matrix) {
    const auto text = [](const std::optional<IpAddress>& address) {
        return address ? Json(address->to_string()) : Json(nullptr);
    };
    Json out = Json::array();
    for (const auto& sample : matrix.samples)
        out.push_back({{"name", printable(sample.name)},
                       {"stranger", sample.stranger},
                       {"ipv4", text(sample.v4)},
                       {"ipv6", text(sample.v6)}});
    return out;
}

Json addresses_json(const MatrixInput& input) {
    Json out = Json::array();
    for (const auto& address : input.own)
        if (!address.is_loopback()) out.push_back(address.to_string());
    return out;
}

bool all_same(const std::vector<CodeCheck>& checks) {
    return std::all_of(checks.begin(), checks.end(),
                       [](const auto& check) { return check.same(); });
}

}  // namespace

Json report(const RunFacts& facts, const MatrixInput& input, const Matrix& matrix) {
    Json rows = Json::array();
    for (const auto& row : matrix.rows) rows.push_back(row_json(input, matrix, row));
    Json counts = Json::object();
    for (const auto verdict : {VERDICT_allow, VERDICT_would_drop, VERDICT_drop})
        counts[event::verdict_name(verdict)] = matrix.counts[verdict];
    return {{"schema", kSchema},
            {"state", "done"},
            {"run", facts.run},
            {"ok", matrix.differences.empty() && all_same(facts.code)},
            {"generation", facts.generation},
            {"policy", facts.policy_hash},
            {"took_ms", facts.took.count()},
            {"asked", std::uint64_t{matrix.rows.size()} * 65536U},
            {"counts", std::move(counts)},
            {"code", code_json(facts.code)},
            {"entrances", entrances_json(input)},
            {"sources", sources_json(matrix)},
            {"addresses", addresses_json(input)},
            {"not_asked", matrix.not_asked},
            {"differing_ports", ports_that_differ(matrix)},
            {"differences", differences_json(input, matrix)},
            {"matrix", std::move(rows)}};
}

Json progress_report(std::uint64_t run, const Progress& progress) {
    return {{"schema", kSchema},
            {"state", "running"},
            {"run", run},
            {"asked", progress.asked.load()},
            {"of", progress.of.load()}};
}

}  // namespace portlid::verify
