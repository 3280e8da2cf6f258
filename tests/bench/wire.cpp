// SPDX-License-Identifier: Apache-2.0
#include "bench/wire.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <fstream>
#include <optional>

#include "bench/bench_abi.h"
#include "bench/policies.hpp"
#include "bench/subject.hpp"
#include "bench/wire_link.hpp"
#include "bench/wire_rivals.hpp"
#include "support/packet.hpp"

namespace portlid::bench {

namespace {

constexpr std::uint32_t kPrefixes = 10000;
constexpr unsigned kClosedPort = 5432;
constexpr unsigned kRestrictedPort = 22;
constexpr double kMayPass = 0.05;  // of random sources, that the 10k prefixes cover
constexpr int kBatch = 64;

// One pair and how its packets are dropped. What drops them is owned by Stage.
struct Candidate {
    std::string id;
    std::string sentence;
    std::shared_ptr<NetNamespace> where;
    WireLink link;
    unsigned port = kClosedPort;
    bool drops = true;
    std::vector<double> samples;
};

struct Stage {
    NetNamespace home = NetNamespace::current();
    Object bench;
    std::vector<std::unique_ptr<Portlid>> portlids;
    std::vector<Object> filters;
    std::vector<Candidate> candidates;
    unsigned pairs = 100;  // numbers of the pairs; those below are the verdict part's
};

std::shared_ptr<NetNamespace> here() {
    return std::make_shared<NetNamespace>(NetNamespace::current());
}

Result<> add_candidate(Stage& stage, const Machine& machine, const std::string& id,
                       const std::string& sentence, std::shared_ptr<NetNamespace> where,
                       bool existing) {
    auto link = WireLink::open(stage.pairs++, existing, machine.directory());
    if (!link) return pass_on(std::move(link.error()));
    stage.candidates.push_back({id, sentence, std::move(where), *link, kClosedPort, true, {}});
    return {};
}

// The newest pair's receiving end runs `program`.
Result<> attach(const Stage& stage, int program, __u32 mode) {
    const auto up = ::if_nametoindex(fmt::format("up{}", stage.pairs - 1).c_str());
    LIBBPF_OPTS(bpf_xdp_attach_opts, options);
    if (const int error = bpf_xdp_attach(static_cast<int>(up), program, mode, &options); error != 0)
        return fail_errno("cannot attach an XDP program", -error);
    return {};
}

Result<> add_yardsticks(Stage& stage, const Machine& machine) {
    auto filter = load_xdp_filter("dny_all", kXdpFilterSources);
    if (!filter) return pass_on(std::move(filter.error()));
    const int empty = program_of(stage.bench, "bench_empty_frags");
    struct Wanted {
        const char* id;
        const char* sentence;
        int program;
        __u32 mode;
    };
    const Wanted all[] = {
        {"wire_empty", "XDP native, empty program", empty, XDP_FLAGS_DRV_MODE},
        {"wire_read", "XDP native, reads the header and drops",
         program_of(stage.bench, "bench_read"), XDP_FLAGS_DRV_MODE},
        {"wire_empty_generic", "XDP generic, empty program", empty, XDP_FLAGS_SKB_MODE},
        {"wire_xdp_filter", "xdp-filter, native, all features",
         program_of(*filter, "xdpfilt_dny_all"), XDP_FLAGS_DRV_MODE}};
    for (const auto& wanted : all) {
        auto done = add_candidate(stage, machine, wanted.id, wanted.sentence, here(), false);
        if (done) done = attach(stage, wanted.program, wanted.mode);
        if (!done) return pass_on(std::move(done.error()), wanted.id);
    }
    stage.filters.push_back(std::move(*filter));
    return {};
}

Result<> add_portlids(Stage& stage, const Machine& machine) {
    auto file = write_policy(machine.directory(), {kPrefixes, false, false});
    if (!file) return pass_on(std::move(file.error()));
    const auto policy = make_policy(*file);
    if (!policy) return pass_on(policy.error());
    for (const auto kind :
         {kernel::AttachKind::Native, kernel::AttachKind::Generic, kernel::AttachKind::Tc}) {
        auto portlid = Portlid::start(machine, stage.pairs, kind, *policy);
        if (!portlid) return pass_on(std::move(portlid.error()));
        const std::string name = kernel::to_string(kind);
        if (auto done = add_candidate(stage, machine, "wire_portlid_" + name,
                                      "Portlid, " + name + ", closed port", here(), true);
            !done)
            return done;
        auto restricted = stage.candidates.back();
        restricted.id += "_10k";
        restricted.sentence = "Portlid, " + name + ", restricted port, 10k prefixes";
        restricted.port = kRestrictedPort;
        stage.candidates.push_back(std::move(restricted));
        stage.portlids.push_back(std::move(*portlid));
    }
    return {};
}

// Each in a namespace of its own: their rules hold for all of it.
Result<> add_wire_rivals(Stage& stage, const Machine& machine) {
    const auto set = machine.directory() / "elements";
    {
        std::ofstream file(set);
        for (std::uint32_t i = 0; i < kPrefixes; ++i) {
            const auto prefix = bench_prefix_v4(i);
            file << fmt::format("{}{}.{}.{}.{}/{}", i == 0 ? "" : ",\n", prefix.high >> 24U & 255U,
                                prefix.high >> 16U & 255U, prefix.high >> 8U & 255U,
                                prefix.high & 255U, prefix.bits);
        }
    }
    for (const auto& rival : netfilter_rivals(stage.pairs, set, machine.directory())) {
        auto where = NetNamespace::create();
        if (!where) return pass_on(std::move(where.error()));
        auto done = add_candidate(stage, machine, rival.id, rival.sentence,
                                  std::make_shared<NetNamespace>(std::move(*where)), false);
        if (done && !shell(rival.command)) done = fail("its rules were refused");
        stage.home.enter();
        if (!done) return pass_on(std::move(done.error()), rival.id);
        stage.candidates.back().drops = rival.id != "wire_none";
        if (rival.restricted) stage.candidates.back().port = kRestrictedPort;
    }
    return {};
}

// Sends SYNs from random sources out of the far end, as XDP frames without an skb.
Result<> send(const Stage& stage, const Candidate& candidate, std::uint32_t packets) {
    auto frame = test::syn_v4(candidate.port);
    wrap_config config{WRAP_SOURCE | WRAP_PORTS | WRAP_TRANSMIT, 0, {}, {}};
    std::fill_n(config.mask, 4, std::uint8_t{0xff});
    const std::uint32_t zero = 0;
    bpf_map_update_elem(map_of(stage.bench, "bench_config"), &zero, &config, BPF_ANY);
    xdp_md context{};
    context.data_end = static_cast<__u32>(frame.size());
    context.ingress_ifindex = candidate.link.far_index();
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = static_cast<int>(packets);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    options.batch_size = kBatch;
    const int error = bpf_prog_test_run_opts(program_of(stage.bench, "bench_live"), &options);
    if (error != 0) return fail_errno("cannot send live frames", -error);
    return {};
}

Result<> take_sample(const Stage& stage, Candidate& candidate, std::uint32_t packets) {
    candidate.where->enter();
    const auto before = candidate.link.settled();
    const auto sent = send(stage, candidate, packets);
    const auto after = candidate.link.settled();
    stage.home.enter();
    if (!sent) return sent;
    const auto received = static_cast<double>(after.received - before.received);
    const auto delivered = static_cast<double>(after.delivered - before.delivered);
    if (received < packets / 100.0) return fail(candidate.id + ": hardly a packet came through");
    if (candidate.drops && delivered > received * kMayPass)
        return fail(fmt::format("{}: {} of {} packets were not dropped", candidate.id, delivered,
                                received));
    if (!candidate.drops && delivered < received * 0.9)
        return fail(candidate.id + ": without a filter the packets must arrive");
    candidate.samples.push_back(static_cast<double>(after.cpu_ns - before.cpu_ns) / received);
    return {};
}

}  // namespace

Result<> measure_wire(const Machine& machine, const WireOptions& options, Results& results) {
    auto bench = load_bench_object();
    if (!bench) return pass_on(std::move(bench.error()));
    Stage stage;
    stage.bench = std::move(*bench);
    for (const auto step : {add_yardsticks, add_portlids, add_wire_rivals})
        if (auto done = step(stage, machine); !done) return done;
    for (unsigned round = 0; round < options.rounds; ++round)
        for (auto& candidate : stage.candidates)
            if (auto done = take_sample(stage, candidate, options.packets); !done) return done;
    auto& section = results.section("Wire, ns of CPU a dropped packet (live frames over veth)");
    section.yardstick = "wire_empty";
    section.rival = "wire_xdp_filter";
    for (const auto& candidate : stage.candidates)
        section.rows.push_back({candidate.id, candidate.sentence, "ns",
                                spread_of(candidate.samples),
                                candidate.drops ? "dropped" : "arrives"});
    return {};
}

}  // namespace portlid::bench
