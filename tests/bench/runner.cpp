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

Result<> Runner::measure(const std::vector<Case>& cases, const RunOptions& options,
                         Section& section) const {
    std::vector<std::uint32_t> packets;
    std::vector<std::vector<double>> samples(cases.size());
    for (const auto& one : cases) {
        if (auto fine = check(one); !fine) return fine;
        const auto guess = timed(one, kBurst);
        if (!guess) return pass_on(guess.error());
        packets.push_back(static_cast<std::uint32_t>(
            std::clamp(options.sample_ms * 1e6 / std::max(*guess, 10.0), 1000.0, 5e6)));
    }
    for (unsigned round = 0; round < options.rounds; ++round)
        for (std::size_t i = 0; i < cases.size(); ++i) {
            if (auto ready = prepare(cases[i]); !ready) return ready;
            const auto sample = timed(cases[i], packets[i]);
            if (!sample) return pass_on(sample.error());
            samples[i].push_back(*sample);
        }
    for (std::size_t i = 0; i < cases.size(); ++i)
        section.rows.push_back(
            {cases[i].id, cases[i].sentence, "ns", spread_of(samples[i]), expected_text(cases[i])});
    return {};
}

}  // namespace portlid::bench
