// SPDX-License-Identifier: Apache-2.0
#include "bench/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace portlid::bench {

namespace {

const Row* find_row(const std::vector<Section>& sections, const std::string& id) {
    for (const auto& section : sections)
        for (const auto& row : section.rows)
            if (row.id == id) return &row;
    return nullptr;
}

double weight_of(const Row& row) {
    return row.relative > 0 ? row.relative : row.value.median;
}

std::string ratio_text(double value, double base) {
    return base > 0 ? fmt::format("{:.2f}", value / base) : "-";
}

}  // namespace

Spread spread_of(std::vector<double> samples) {
    if (samples.empty()) return {};
    std::sort(samples.begin(), samples.end());
    const auto middle = samples.size() / 2;
    const double median =
        samples.size() % 2 != 0 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
    return {median, samples.front(), samples.back()};
}

Section& Results::section(const std::string& title) {
    for (auto& section : sections_)
        if (section.title == title) return section;
    sections_.push_back({title, {}, {}, {}});
    return sections_.back();
}

bool Results::has(const std::string& id) const {
    return find_row(sections_, id) != nullptr;
}

double Results::median(const std::string& id) const {
    const auto* row = find_row(sections_, id);
    return row != nullptr ? row->value.median : std::numeric_limits<double>::quiet_NaN();
}

double Results::weight(const std::string& id) const {
    const auto* row = find_row(sections_, id);
    if (row == nullptr) return std::numeric_limits<double>::quiet_NaN();
    return weight_of(*row);
}

std::string Results::table() const {
    std::string out;
    for (const auto& section : sections_) {
        const double base = section.yardstick.empty() ? 0 : weight(section.yardstick);
        const double rival = section.rival.empty() ? 0 : weight(section.rival);
        out += fmt::format("\n{}\n{:<46} {:>4} {:>9} {:>9} {:>9} {:>7} {:>7}  {}\n", section.title,
                           "case", "", "median", "min", "max", base > 0 ? "x empty" : "",
                           rival > 0 ? "x xdpf" : "", "checked");
        for (const auto& row : section.rows)
            out += fmt::format("{:<46} {:>4} {:>9.1f} {:>9.1f} {:>9.1f} {:>7} {:>7}  {}\n",
                               row.sentence, row.unit, row.value.median, row.value.min,
                               row.value.max, base > 0 ? ratio_text(weight_of(row), base) : "",
                               rival > 0 ? ratio_text(weight_of(row), rival) : "", row.checked);
    }
    return out;
}

nlohmann::ordered_json Results::json() const {
    auto sections = nlohmann::ordered_json::array();
    for (const auto& section : sections_) {
        auto rows = nlohmann::ordered_json::array();
        const double base = section.yardstick.empty() ? 0 : weight(section.yardstick);
        const double rival = section.rival.empty() ? 0 : weight(section.rival);
        for (const auto& row : section.rows) {
            nlohmann::ordered_json item{{"id", row.id},          {"case", row.sentence},
                                        {"unit", row.unit},      {"median", row.value.median},
                                        {"min", row.value.min},  {"max", row.value.max},
                                        {"checked", row.checked}};
            if (base > 0) item["ratio_to_empty"] = weight_of(row) / base;
            if (rival > 0) item["ratio_to_xdp_filter"] = weight_of(row) / rival;
            rows.push_back(std::move(item));
        }
        sections.push_back({{"title", section.title}, {"rows", std::move(rows)}});
    }
    return sections;
}

}  // namespace portlid::bench
