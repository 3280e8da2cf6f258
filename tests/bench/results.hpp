// SPDX-License-Identifier: Apache-2.0
// What one run measured: samples by case, rows for the table, one JSON document.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace portlid::bench {

struct Spread {
    double median = 0;
    double min = 0;
    double max = 0;
};
[[nodiscard]] Spread spread_of(std::vector<double> samples);

struct Row {
    std::string id;        // stable key: "closed_v4/10k"
    std::string sentence;  // for people
    std::string unit;      // "ns", "us", "MB", "s"
    Spread value;
    std::string checked;  // what every packet of the case got: "no_service drop"
    // Times the yardstick, median of the samples' own ratios; 0 = not measured beside one.
    double relative = 0;
};

struct Section {
    std::string title;
    std::string yardstick;  // id of the row that ratios are taken to; may be empty
    std::string rival;      // a second one (xdp-filter); may be empty
    std::vector<Row> rows;
};

class Results {
public:
    Section& section(const std::string& title);
    [[nodiscard]] const std::vector<Section>& sections() const { return sections_; }
    [[nodiscard]] bool has(const std::string& id) const;
    // Median of a case; NaN when it was not measured, and every comparison with it is false.
    [[nodiscard]] double median(const std::string& id) const;
    // What ratios are made of: `relative` where the case has one, else the median.
    [[nodiscard]] double weight(const std::string& id) const;
    [[nodiscard]] std::string table() const;
    [[nodiscard]] nlohmann::ordered_json json() const;

private:
    std::vector<Section> sections_;
};

}  // namespace portlid::bench
