// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <algorithm>

#include "abi/reasons.h"
#include "bench/machine.hpp"

namespace portlid::bench {

namespace {

constexpr std::uint32_t kCheckPackets = 32;
constexpr std::uint32_t kBurst = 20000;
constexpr std::uint32_t kYardstickPackets = 200'000;  // 3 to 6 ms

const char* reason_name(unsigned reason) {
#define NAME(number, name, row, sentence) #name,
    static constexpr const char* kNames[] = { PORTLID_REASONS(NAME) };
#undef NAME
    return reason < std::size(kNames) ? kNames[reason] : "?";
}

std::string expected_text(const Case& wanted) {
    const char* verdict = wanted.returns == XDP_DROP ? "drop" : "pass";
    if (!wanted.expected) return verdict;
    auto text = fmt::format("{} {}", reason_name(wanted.expected->reason), verdict);
    if (wanted.expected->share < 1) text += fmt::format(" >{:.0f}%", wanted.expected->share * 100);
    return text;
}

}  // namespace

Result<Runner> Runner::open() {
    auto object = load_bench_object();
    if (!object) return pass_on(std::move(object.error()));
    return Runner(std::move(*object));
}

Result<> Runner::prepare(const Case& wanted) const {
    const std::uint32_t zero = 0;
    const char* next = wanted.frags ? "bench_next_frags" : "bench_next";
    int error =
        bpf_map_update_elem(map_of(object_, "bench_config"), &zero, &wanted.config, BPF_ANY);
    if (error == 0)
        error = bpf_map_update_elem(map_of(object_, next), &zero, &wanted.program, BPF_ANY);
    if (error != 0) return fail_errno("cannot chain the case " + wanted.id, -error);
    return {};
}

Result<Runner::Sample> Runner::run(const Case& wanted, std::uint32_t packets) const {
    auto frame = wanted.frame;
    xdp_md context{};
    context.data_end = static_cast<__u32>(frame.size());
    context.ingress_ifindex = wanted.ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = static_cast<int>(packets);
    const int program = program_of(object_, wanted.frags ? "bench_wrap_frags" : "bench_wrap");
    const double start = thread_cpu_ns();
    const int error = bpf_prog_test_run_opts(program, &options);
    const double end = thread_cpu_ns();
    if (error != 0) return fail_errno("test_run refuses the case " + wanted.id, -error);
    return Sample{(end - start) / packets, options.retval};
}

// A burst whose every packet is accounted for.
Result<double> Runner::timed(const Case& wanted, std::uint32_t packets) const {
    const auto count = [&](unsigned reason, unsigned verdict) {
        return wanted.portlid->packets(reason, verdict);
    };
    std::uint64_t hits = 0;
    std::uint64_t allowed = 0;
    if (wanted.expected) {
        hits = count(wanted.expected->reason, wanted.expected->verdict);
        allowed = count(REASON_allowed, VERDICT_allow);
    }
    auto sample = run(wanted, packets);
    if (!sample) return pass_on(std::move(sample.error()));
    if (!wanted.expected) return sample->ns;
    hits = count(wanted.expected->reason, wanted.expected->verdict) - hits;
    allowed = wanted.expected->reason == REASON_allowed
                  ? 0
                  : count(REASON_allowed, VERDICT_allow) - allowed;
    const auto needed = wanted.expected->share * packets;
    const bool complete = wanted.expected->share < 1 || hits == packets;
    if (static_cast<double>(hits) < needed || !complete)
        return fail(fmt::format("{}: {} of {} packets got {}, {} were allowed", wanted.id, hits,
                                packets, expected_text(wanted), allowed));
    return sample->ns;
}

Result<> Runner::check(const Case& wanted) const {
    if (auto done = prepare(wanted); !done) return done;
    for (std::uint32_t i = 0; i < kCheckPackets; ++i) {
        const auto one = run(wanted, 1);
        if (!one) return pass_on(one.error());
        if (one->returned != wanted.returns && (!wanted.expected || wanted.expected->share == 1))
            return fail(fmt::format("{}: a packet got XDP code {}, not {}", wanted.id,
                                    one->returned, wanted.returns));
    }
    const auto burst = timed(wanted, kBurst);
    if (!burst) return pass_on(burst.error());
    return {};
}

Result<double> Runner::prepared_and_timed(const Case& wanted, std::uint32_t packets) const {
    if (auto ready = prepare(wanted); !ready) return pass_on(ready.error());
    return timed(wanted, packets);
}

Result<std::vector<std::uint32_t>> Runner::packets_of(const std::vector<Case>& cases,
                                                      double sample_ms) const {
    std::vector<std::uint32_t> packets;
    for (const auto& one : cases) {
        if (auto fine = check(one); !fine) return pass_on(fine.error());
        const auto guess = timed(one, kBurst);
        if (!guess) return pass_on(guess.error());
        packets.push_back(static_cast<std::uint32_t>(
            std::clamp(sample_ms * 1e6 / std::max(*guess, 10.0), 1000.0, 5e6)));
    }
    return packets;
}

Result<> Runner::round(const std::vector<Case>& cases, const std::vector<std::uint32_t>& packets,
                       const Case* yardstick, std::vector<Samples>& samples) const {
    const auto look = [&]() -> Result<double> {
        return yardstick != nullptr ? prepared_and_timed(*yardstick, kYardstickPackets) : 1.0;
    };
    auto before = look();
    if (!before) return pass_on(before.error());
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto sample = prepared_and_timed(cases[i], packets[i]);
        if (!sample) return pass_on(sample.error());
        auto behind = look();
        if (!behind) return pass_on(behind.error());
        samples[i].ns.push_back(*sample);
        samples[i].relative.push_back(*sample / ((*before + *behind) / 2));
        before = std::move(behind);
    }
    return {};
}

Result<> Runner::measure(const std::vector<Case>& cases, const RunOptions& options,
                         Section& section) const {
    const auto packets = packets_of(cases, options.sample_ms);
    if (!packets) return pass_on(packets.error());
    const auto found = std::find_if(cases.begin(), cases.end(),
                                    [&](const Case& one) { return one.id == section.yardstick; });
    const auto* yardstick = found == cases.end() ? nullptr : &*found;
    std::vector<Samples> samples(cases.size());
    for (unsigned count = 0; count < options.rounds; ++count)
        if (auto done = round(cases, *packets, yardstick, samples); !done) return done;
    const auto relative_of = [&](std::size_t i) {
        if (yardstick == nullptr) return 0.0;
        return &cases[i] == yardstick ? 1.0 : spread_of(samples[i].relative).median;
    };
    for (std::size_t i = 0; i < cases.size(); ++i)
        section.rows.push_back({cases[i].id, cases[i].sentence, "ns", spread_of(samples[i].ns),
                                expected_text(cases[i]), relative_of(i)});
    return {};
}

}  // namespace portlid::bench
