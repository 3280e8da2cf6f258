// SPDX-License-Identifier: Apache-2.0
// portlid_bench: what a verdict costs, here and now, beside what others cost. Root needed.
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "bench/budgets.hpp"
#include "bench/machine.hpp"
#include "bench/sockets.hpp"
#include "bench/verdicts.hpp"
#include "bench/wire.hpp"

namespace portlid::bench {
namespace {

constexpr const char* kUsage =
    "usage: portlid_bench [--quick] [--check] [--json FILE] [--only PART]...\n"
    "  --quick   up to 100k prefixes, fewer rounds\n"
    "  --check   exit 1 when a budget is broken\n"
    "  --only    verdicts, sockets, wire (all parts by default)\n";

struct Options {
    bool quick = false;
    bool check = false;
    std::string json;
    std::vector<std::string> only;

    [[nodiscard]] bool wants(std::string_view part) const {
        return only.empty() || std::find(only.begin(), only.end(), part) != only.end();
    }
};

bool parse(const std::vector<std::string>& words, Options& options) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool more = i + 1 < words.size();
        if (words[i] == "--quick")
            options.quick = true;
        else if (words[i] == "--check")
            options.check = true;
        else if (words[i] == "--json" && more)
            options.json = words[++i];
        else if (words[i] == "--only" && more)
            options.only.push_back(words[++i]);
        else
            return false;
    }
    return true;
}

int complain(const Error& error) {
    fmt::print(stderr, "portlid_bench: {}\n", error.message);
    if (!error.hint.empty()) fmt::print(stderr, "  next: {}\n", error.hint);
    return static_cast<int>(error.code);
}

Result<> measure(const Machine& machine, const Options& options, Results& results) {
    VerdictOptions verdicts;
    if (options.quick) {
        verdicts.run = {5, 10};
        verdicts.sizes = {10, 10000, 100000};
    }
    if (options.wants("verdicts"))
        if (auto done = measure_verdicts(machine, verdicts, results); !done) return done;
    if (options.wants("sockets"))
        if (auto done = measure_sockets(machine, {options.quick ? 3U : 7U}, results); !done)
            return done;
    if (options.wants("wire"))
        if (auto done = measure_wire(machine, {options.quick ? 3U : 5U}, results); !done)
            return done;
    return {};
}

nlohmann::ordered_json document(const Results& results, const std::vector<Judged>& judged) {
    utsname names{};
    (void)::uname(&names);
    return {{"schema", "portlid.bench/v1"},
            {"kernel", names.release},
            {"cpus", std::thread::hardware_concurrency()},
            {"sections", results.json()},
            {"bounds", to_json(judged)}};
}

// libbpf speaks of sections that only libxdp knows; what fails comes back as an error.
int say_nothing(enum libbpf_print_level, const char*, va_list) {
    return 0;
}

int run(const Options& options) {
    libbpf_set_print(say_nothing);
    auto machine = Machine::enter();
    if (!machine) return complain(machine.error());
    pin_to_cpu(std::max(std::thread::hardware_concurrency(), 1U) - 1);
    Results results;
    if (auto done = measure(*machine, options, results); !done) return complain(done.error());
    const auto judged = judge(results);
    fmt::print("{}{}", results.table(), to_table(judged));
    if (!options.json.empty()) std::ofstream(options.json) << document(results, judged).dump(1);
    const auto broken = broken_budgets(judged);
    for (const auto& line : broken) fmt::print(stderr, "portlid_bench: over budget: {}\n", line);
    return options.check && !broken.empty() ? 1 : 0;
}

}  // namespace
}  // namespace portlid::bench

int main(int count, char** words) {
    portlid::bench::Options options;
    if (!portlid::bench::parse({words + 1, words + count}, options)) {
        std::fputs(portlid::bench::kUsage, stderr);
        return 2;
    }
    return portlid::bench::run(options);
}
