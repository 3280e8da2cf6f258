// SPDX-License-Identifier: Apache-2.0
#include "bench/verdicts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/cases.hpp"

namespace portlid::bench {

namespace {

constexpr std::uint32_t kReasonSize = 10000;
constexpr std::uint32_t kXdpFilterSources = 9000;  // its map holds 10,000

// Everything that a set of cases refers to; outlives them.
struct Subjects {
    std::vector<std::unique_ptr<Portlid>> portlids;
    std::vector<Object> filters;
    std::vector<Case> cases;

    void add(std::vector<Case> more) {
        std::move(more.begin(), more.end(), std::back_inserter(cases));
    }
};

Result<Portlid*> start(const Machine& machine, Subjects& subjects, const PolicyShape& shape) {
    auto file = write_policy(machine.directory(), shape);
    if (!file) return pass_on(std::move(file.error()));
    auto policy = make_policy(*file);
    if (!policy) return pass_on(std::move(policy.error()));
    auto portlid = Portlid::start(machine, static_cast<unsigned>(subjects.portlids.size()),
                                  kernel::AttachKind::Native, *policy);
    if (!portlid) return pass_on(std::move(portlid.error()));
    subjects.portlids.push_back(std::move(*portlid));
    return subjects.portlids.back().get();
}

Result<> add_rivals(const Runner& runner, Subjects& subjects) {
    subjects.add(yardstick_cases(runner));
    for (const auto& [name, sentence] :
         {std::pair{"dny_all", "xdp-filter, all features, default drop"},
          std::pair{"dny_tcp", "xdp-filter, TCP ports only"}}) {
        const bool all = std::string_view(name) == "dny_all";
        auto filter = load_xdp_filter(name, all ? kXdpFilterSources : 0);
        if (!filter) return pass_on(std::move(filter.error()));
        const auto program = fmt::format("xdpfilt_{}", name);
        const auto id = fmt::format("xdp_filter_{}", name);
        subjects.cases.push_back(xdp_filter_case(id, sentence, *filter, program, false));
        if (all)
            subjects.cases.push_back(xdp_filter_case(id + "_v6", std::string(sentence) + ", IPv6",
                                                     *filter, program, true));
        subjects.filters.push_back(std::move(*filter));
    }
    return {};
}

Result<> add_sizes(const Machine& machine, const VerdictOptions& options, Subjects& subjects) {
    for (const auto size : options.sizes) {
        const auto portlid = start(machine, subjects, {size, false, true});
        if (!portlid) return pass_on(portlid.error());
        subjects.add(size_cases(**portlid, size_text(size), size));
        if (size == kReasonSize) subjects.add(reason_cases(**portlid));
    }
    for (const auto size : options.sizes) {
        if (size < kReasonSize || size > 100000) continue;
        const auto portlid = start(machine, subjects, {size, true, false});
        if (!portlid) return pass_on(portlid.error());
        subjects.add(deny_cases(**portlid, size_text(size), size));
    }
    return {};
}

// A sensor of its own a table size, so that nothing but these flows is in the table.
Result<> add_flows(const Machine& machine, Subjects& subjects) {
    const std::pair<std::uint32_t, Family> wanted[] = {
        {1024, Family::IPv4}, {8192, Family::IPv4}, {65536, Family::IPv4}, {8192, Family::IPv6}};
    for (const auto& [flows, family] : wanted) {
        const auto portlid = start(machine, subjects, {10, false, true});
        if (!portlid) return pass_on(portlid.error());
        if (auto open = (*portlid)->open_flows(flows, family); !open) return open;
        subjects.add(flow_cases(**portlid,
                                flows == 65536  ? "64k"
                                : flows == 8192 ? "8k"
                                                : "1k",
                                flows, family));
    }
    return {};
}

}  // namespace

std::string size_text(std::uint32_t count) {
    if (count % 1000000 == 0) return fmt::format("{}M", count / 1000000);
    return count % 1000 == 0 ? fmt::format("{}k", count / 1000) : fmt::format("{}", count);
}

Result<> measure_verdicts(const Machine& machine, const VerdictOptions& options, Results& results) {
    auto runner = Runner::open();
    if (!runner) return pass_on(std::move(runner.error()));
    Subjects subjects;
    if (auto done = add_rivals(*runner, subjects); !done) return done;
    if (auto done = add_sizes(machine, options, subjects); !done) return done;
    if (auto done = add_flows(machine, subjects); !done) return done;
    auto& section = results.section("Verdict, ns of CPU a packet (BPF_PROG_TEST_RUN)");
    section.yardstick = "empty";
    section.rival = "xdp_filter_dny_all";
    return runner->measure(subjects.cases, options.run, section);
}

}  // namespace portlid::bench
