// SPDX-License-Identifier: Apache-2.0
#include "bench/budgets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace portlid::bench {

namespace {

constexpr const char* kEmpty = "empty";
constexpr const char* kXdpFilter = "xdp_filter_dny_all";

std::vector<Bound> verdict_bounds() {
    return {
        {"B1", "closed port, SYN, 10k prefixes", "closed_v4/10k", kEmpty, 1.7},
        {"B1", "the same against xdp-filter", "closed_v4/10k", kXdpFilter, 0.40},
        {"B2", "closed port: 10k prefixes over 10", "closed_v4/10k", "closed_v4/10", 1.15},
        {"B3", "restricted port, 10k IPv4 prefixes", "restricted_v4/10k", kEmpty, 3.0},
        {"B3", "the same against xdp-filter", "restricted_v4/10k", kXdpFilter, 0.65},
        {"B4", "restricted port, 100k IPv4 prefixes", "restricted_v4/100k", kEmpty, 9},
        {"B4", "the same against xdp-filter", "restricted_v4/100k", kXdpFilter, 1.9},
        {"B4", "restricted port, 1M IPv4 prefixes", "restricted_v4/1M", kEmpty, 10},
        {"B4", "the same against xdp-filter", "restricted_v4/1M", kXdpFilter, 2.2},
        {"B5", "restricted port, 10k IPv6 prefixes, random", "restricted_v6/10k", kEmpty, 4},
        {"B5", "the same against xdp-filter", "restricted_v6/10k", kXdpFilter, 0.9},
        {"B5", "10k IPv6 prefixes, listed source", "listed_v6/10k", kEmpty, 16},
        {"B5", "the same against xdp-filter", "listed_v6/10k", kXdpFilter, 3.5},
        {"B6", "closed port, UDP, not in use", "udp_v4", kEmpty, 1.8},
        {"B6", "closed port, ACK, not in use", "ack_v4", kEmpty, 1.8},
        {"B6", "closed port, UDP, against xdp-filter", "udp_v4", kXdpFilter, 0.40},
        {"B7", "no reply, port in use, 8k flows", "miss_v4/8k", kEmpty, 12},
        {"B7", "the same against xdp-filter", "miss_v4/8k", kXdpFilter, 3},
        {"B8", "open port, passed", "open_v4", kEmpty, 1.6},
        {"B8", "the same against xdp-filter", "open_v4", kXdpFilter, 0.40},
        {"B9", "reply, 8k flows", "reply_v4/8k", kEmpty, 5},
        {"B9", "the same against xdp-filter", "reply_v4/8k", kXdpFilter, 1.2},
        {"B10", "a limit on top: new sources", "limit_many", kEmpty, 3.5, false, "open_v4"},
        {"B10", "a limit on top: one source", "limit_one", kEmpty, 3.5, false, "open_again_v4"},
    };
}

std::vector<Bound> wire_bounds() {
    constexpr const char* kClosed = "wire_portlid_native";
    constexpr const char* kListed = "wire_portlid_native_10k";
    return {
        {"B12", "wire: closed port", kClosed, "wire_empty", 1.25},
        {"B12", "wire: restricted port, 10k prefixes", kListed, "wire_empty", 1.4},
        {"B12", "wire: closed port against xdp-filter", kClosed, "wire_xdp_filter", 1.0},
        {"B12", "wire: 10k prefixes against xdp-filter", kListed, "wire_xdp_filter", 1.0},
        {"B13", "wire: nft raw costs how often that", "wire_nft_raw", kListed, 4, true},
        {"B13", "wire: nft raw with the 10k set", "wire_nft_set", kListed, 7, true},
        {"B13", "wire: nft input with conntrack", "wire_nft_ct", kListed, 8, true},
        {"B13", "wire: ufw's chains", "wire_ufw", kListed, 14, true},
        {"B14", "bind and listen cycle", "cycle_with", "cycle_without", 1.10},
        {"B15", "maps at default sizes, MB", "maps/10", "", 32},
        {"G5", "bind and listen cycle", "cycle_with", "cycle_without", 1.05},
        {"G6", "wire: nft raw costs how often that", "wire_nft_raw", kListed, 5, true},
        {"G6", "wire: nft raw with the 10k set", "wire_nft_set", kListed, 10, true},
        {"G6", "wire: ufw's chains", "wire_ufw", kListed, 18, true},
        {"B16", "policy of 100k prefixes in force, ms", "in_force/100k", "", 1000},
        {"G7", "policy of 100k prefixes in force, ms", "in_force/100k", "", 500},
        {"G7", "policy of 1M prefixes in force, ms", "in_force/1M", "", 3000},
    };
}

std::vector<Bound> goal_bounds() {
    return {
        {"G1", "closed port, SYN, IPv4", "closed_v4/10k", kEmpty, 1.4},
        {"G1", "closed port, SYN, IPv6", "closed_v6/10k", "empty_v6", 1.4},
        {"G1", "closed port against xdp-filter", "closed_v4/10k", kXdpFilter, 0.30},
        {"G2", "restricted port, 10k IPv4 prefixes", "restricted_v4/10k", kEmpty, 2.2},
        {"G2", "restricted port, 100k IPv4 prefixes", "restricted_v4/100k", kEmpty, 3.5},
        {"G2", "restricted port, 1M IPv4 prefixes", "restricted_v4/1M", kEmpty, 5},
        {"G3", "restricted port, 10k IPv6 prefixes", "restricted_v6/10k", "empty_v6", 4},
        {"G3", "restricted port, 100k IPv6 prefixes", "restricted_v6/100k", "empty_v6", 8},
        {"G4", "reply, 64k flows", "reply_v4/64k", kEmpty, 6},
    };
}

}  // namespace

const std::vector<Bound>& bounds() {
    static const std::vector<Bound> all = [] {
        auto list = verdict_bounds();
        for (auto& bound : wire_bounds()) list.push_back(std::move(bound));
        for (auto& goal : goal_bounds()) list.push_back(std::move(goal));
        std::stable_sort(list.begin(), list.end(), [](const Bound& a, const Bound& b) {
            return std::pair(a.name[0], std::stoi(a.name.substr(1))) <
                   std::pair(b.name[0], std::stoi(b.name.substr(1)));
        });
        return list;
    }();
    return all;
}

std::vector<Judged> judge(const Results& results) {
    std::vector<Judged> out;
    for (const auto& bound : bounds()) {
        const double less = bound.minus.empty() ? 0 : results.weight(bound.minus);
        const double value = (results.weight(bound.measured) - less) /
                             (bound.base.empty() ? 1 : results.weight(bound.base));
        const bool known = std::isfinite(value);
        const bool met = known && (bound.at_least ? value >= bound.limit : value <= bound.limit);
        out.push_back({&bound, known, met, value});
    }
    return out;
}

std::string to_table(const std::vector<Judged>& judged) {
    std::string out = fmt::format("\nBudgets (B) and goals (G)\n{:<4} {:<48} {:>9} {:>10}\n", "",
                                  "what", "measured", "bound");
    for (const auto& [bound, measured, met, value] : judged) {
        const char* verdict = !measured                    ? "not measured"
                              : met                        ? "met"
                              : bound->name.front() == 'B' ? "BROKEN"
                                                           : "not met";
        out += fmt::format("{:<4} {:<48} {:>9} {:>2} {:>7}  {}\n", bound->name, bound->sentence,
                           measured ? fmt::format("{:.2f}", value) : "-",
                           bound->at_least ? ">=" : "<=", bound->limit, verdict);
    }
    return out;
}

nlohmann::ordered_json to_json(const std::vector<Judged>& judged) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& [bound, measured, met, value] : judged) {
        nlohmann::ordered_json item{{"name", bound->name},   {"what", bound->sentence},
                                    {"limit", bound->limit}, {"at_least", bound->at_least},
                                    {"measured", measured},  {"met", met}};
        if (measured) item["value"] = value;
        out.push_back(std::move(item));
    }
    return out;
}

std::vector<std::string> broken_budgets(const std::vector<Judged>& judged) {
    std::vector<std::string> out;
    for (const auto& one : judged)
        if (one.measured && !one.met && one.bound->name.front() == 'B')
            out.push_back(fmt::format("{} {}: {:.2f}, the limit is {}", one.bound->name,
                                      one.bound->sentence, one.value, one.bound->limit));
    return out;
}

}  // namespace portlid::bench
