// SPDX-License-Identifier: Apache-2.0
#include "bench/verdicts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/cases.hpp"
#include "bench/footprint.hpp"

namespace portlid::bench {

namespace {

constexpr std::uint32_t kReasonSize = 10000;

// Everything that a set of cases refers to; outlives them.
struct Subjects {
    std::vector<std::unique_ptr<Portlid>> portlids;
    std::vector<Object> filters;
    std::vector<Case> cases;
    unsigned next_pair = 0;
    Results* results = nullptr;  // where costs are noted

    void add(std::vector<Case> more) {
        std::move(more.begin(), more.end(), std::back_inserter(cases));
    }
};

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

void add_row(Section& section, const std::string& id, const std::string& sentence, const char* unit,
             double value) {
    section.rows.push_back({id, sentence, unit, {value, value, value}, ""});
}

// What it took to put a policy in force, and what its maps take.
void note_cost(Results& results, const std::string& size, const MadePolicy& policy,
               const Portlid& portlid) {
    auto& times =
        results.section("Policy with that many IPv4 prefixes: file to generation in force");
    const double load = seconds(policy.load);
    const double compile = seconds(policy.compile);
    const double publish = seconds(portlid.publish_time());
    add_row(times, "load/" + size, "load and check the text, " + size, "ms", load * 1e3);
    add_row(times, "compile/" + size, "compile, " + size, "ms", compile * 1e3);
    add_row(times, "publish/" + size, "write, read back, switch, " + size, "ms", publish * 1e3);
    add_row(times, "in_force/" + size, "all of it, " + size, "ms",
            (load + compile + publish) * 1e3);
    auto& memory = results.section("Kernel memory of all maps with that policy");
    double sum = 0;
    for (const auto& [name, bytes] : map_bytes(portlid.pins())) sum += static_cast<double>(bytes);
    add_row(memory, "maps/" + size, "all maps, " + size + " IPv4 prefixes", "MB", sum / 1048576);
}

void note_maps(Results& results, const Portlid& portlid) {
    constexpr double kWorthALine = 0.05;
    auto& section = results.section("Kernel memory map by map, smallest policy");
    for (const auto& [name, bytes] : map_bytes(portlid.pins())) {
        const double megabytes = static_cast<double>(bytes) / 1048576;
        if (megabytes >= kWorthALine) add_row(section, "map/" + name, name, "MB", megabytes);
    }
}

Result<Portlid*> start(const Machine& machine, Subjects& subjects, const PolicyShape& shape) {
    auto file = write_policy(machine.directory(), shape);
    if (!file) return pass_on(std::move(file.error()));
    auto policy = make_policy(*file);
    if (!policy) return pass_on(std::move(policy.error()));
    auto portlid =
        Portlid::start(machine, subjects.next_pair++, kernel::AttachKind::Native, *policy);
    if (!portlid) return pass_on(std::move(portlid.error()));
    if (subjects.results != nullptr && !shape.deny && !shape.ipv6)
        note_cost(*subjects.results, size_text(shape.prefixes), *policy, **portlid);
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

// With IPv4 prefixes alone, so that time and memory are those of one list.
Result<> add_costs(const Machine& machine, const VerdictOptions& options, Subjects& subjects) {
    for (const auto size : options.sizes) {
        const auto portlid = start(machine, subjects, {size, false, false});
        if (!portlid) return pass_on(portlid.error());
        if (size == options.sizes.front()) note_maps(*subjects.results, **portlid);
        subjects.portlids.pop_back();
    }
    return {};
}

Result<> add_state(const Machine& machine, Subjects& subjects) {
    const auto portlid = start(machine, subjects, {10, false, true});
    if (!portlid) return pass_on(portlid.error());
    const auto banned = Cidr::parse(kBannedPrefix);
    if (auto done = (*portlid)->sensor().bans().add(*banned, std::nullopt); !done) return done;
    subjects.add(state_cases(**portlid));
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
    subjects.results = &results;
    if (auto done = add_costs(machine, options, subjects); !done) return done;
    if (auto done = add_rivals(*runner, subjects); !done) return done;
    if (auto done = add_sizes(machine, options, subjects); !done) return done;
    if (auto done = add_state(machine, subjects); !done) return done;
    if (auto done = add_flows(machine, subjects); !done) return done;
    auto& section = results.section("Verdict, ns of CPU a packet (BPF_PROG_TEST_RUN)");
    section.yardstick = "empty";
    section.rival = "xdp_filter_dny_all";
    return runner->measure(subjects.cases, options.run, section);
}

}  // namespace portlid::bench
