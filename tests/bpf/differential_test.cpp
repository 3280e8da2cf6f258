// SPDX-License-Identifier: Apache-2.0
// Random policies and frames, judged four times: by the XDP and the tc program as loaded
// (BPF_PROG_TEST_RUN, XDP also with the packet in pieces), by the same source compiled natively,
// and by the reference model. Verdict and reason must be the same from all, and the verdict that
// which the model accepts.
//
// PORTLID_FRAMES=1000000 PORTLID_SEED=7 build/tests/bpf_bpf --gtest_filter='Differential.*'
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <ctime>
#include <numeric>
#include <thread>

#include "base/clock.hpp"
#include "kernel/links.hpp"
#include "sensor_fixture.hpp"
#include "support/differential.hpp"

namespace portlid::kernel {
namespace {

using test::Bytes;
using test::DifferentialRound;
using test::NativeAnswer;

constexpr std::uint64_t kSecondNs = 1'000'000'000;

// One sensor attached one way, with its state in the test's hands through its pinned maps.
class KernelSide {
public:
    KernelSide(const std::filesystem::path& bpffs, const std::filesystem::path& cgroup,
               const char* interface, AttachKind kind)
        : kind_(kind) {
        auto loaded = Sensor::load({bpffs, cgroup, false});
        if (!loaded) {
            why_ = loaded.error().message;
            return;
        }
        sensor_ = std::move(*loaded);
        attach(bpffs / ("v" + std::to_string(PORTLID_ABI_VERSION)), interface);
    }

    [[nodiscard]] const std::string& why() const { return why_; }  // empty: ready
    [[nodiscard]] const char* name() const { return to_string(kind_); }

    // Brings policy, host, arrival and budgets to those of the round.
    void prepare(const DifferentialRound& round) {
        const std::set<IpAddress> own(round.host.own.begin(), round.host.own.end());
        ASSERT_TRUE(sensor_->set_local_addresses(own));
        ASSERT_TRUE(sensor_->set_networks(round.networks));
        write_flows(round.host);
        write_bans(round.host);
        write_open_flows(round.host);
        write_holders(round.host);
        forget_tries();
        write_interface(round.arrival);
        const auto published = sensor_->publish(round.compiled);
        ASSERT_TRUE(published) << published.error().message;
        spent_ = round.host.budgets_spent;
        fill_budgets();
        counted_ = sensor_->counters(ifindex_);
    }

    // None where test_run refuses the frame as too short, or a second of budgets ended under it.
    // `linear_bytes`: how much of the packet lies in one piece; 0 = all.
    std::optional<NativeAnswer> judge(const Bytes& frame, const NativeAnswer& expected,
                                      bool uses_budget, std::uint32_t linear_bytes = 0) {
        if (uses_budget) refresh_budgets();
        const auto dropped = run(frame, linear_bytes);
        if (!dropped) return std::nullopt;
        if (uses_budget && spent_ && tick_second() != filled_second_) {
            // A busy machine took the processor away: nobody knows which second judged.
            counted_ = sensor_->counters(ifindex_);
            return std::nullopt;
        }
        auto answer = expected;
        auto& known = counted_[expected.why][expected.verdict].packets;
        if (const auto now = counter(expected.why, expected.verdict); now == known + 1)
            known = now;
        else
            answer = counted_since();
        // The word counted and what really happens to the packet are two things.
        if (*dropped != (answer.verdict == VERDICT_drop))
            answer.verdict = *dropped ? VERDICT_drop : VERDICT_allow;
        return answer;
    }

    // test_run takes a length for the linear part (Linux 6.18) and says that it kept to it.
    [[nodiscard]] bool makes_pieces() const {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        xdp_md in{}, out{};
        Bytes frame(64, 0);
        in.data_end = 20;
        in.ingress_ifindex = ifindex_;
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        options.ctx_in = &in;
        options.ctx_size_in = sizeof(in);
        options.ctx_out = &out;
        options.ctx_size_out = sizeof(out);
        options.repeat = 1;
        return bpf_prog_test_run_opts(program_.get(), &options) == 0 && out.data_end == 20;
    }

private:
    void attach(const std::filesystem::path& pins, const char* interface) {
        InterfaceRequest request;
        request.ifindex = ifindex_ = ::if_nametoindex(interface);
        request.name = interface;
        request.wanted = kind_;
        const auto state = sensor_->attach_interface(request);
        if (state.attached != kind_) {
            why_ = state.why.empty() ? "attached another way" : state.why;
            return;
        }
        const char* suffix = kind_ == AttachKind::Tc ? "_tcx_in" : "_xdp";
        const auto link = open_pin(pins / "links" / (std::to_string(ifindex_) + suffix));
        program_ = UniqueFd(bpf_prog_get_fd_by_id(link_facts(link.get())->prog_id));
        for (const char* map : {"flows", "interfaces", "counters", "budgets", "limits"})
            maps_[map] = UniqueFd(bpf_obj_get((pins / "maps" / map).c_str()));
        find_slot();
    }
    void find_slot() {
        interface_config config{};
        for (slot_ = 0; slot_ < INTERFACE_SLOTS; ++slot_)
            if (bpf_map_lookup_elem(fd("interfaces"), &slot_, &config) == 0 &&
                config.ifindex == ifindex_)
                return;
        why_ = "the interface has no slot";
    }
    [[nodiscard]] int fd(const char* map) const { return maps_.at(map).get(); }

    void write_interface(const test::Arrival& arrival) {
        interface_config config{};
        config.ifindex = ifindex_;
        config.zone = static_cast<__u8>(arrival.zone);
        config.force_monitor = arrival.force_monitor ? 1 : 0;
        config.layer3 = arrival.layer3 ? 1 : 0;
        std::copy(arrival.mac.begin(), arrival.mac.end(), config.mac);
        ASSERT_EQ(bpf_map_update_elem(fd("interfaces"), &slot_, &config, BPF_ANY), 0);
    }
    void write_flows(const test::ReferenceHost& host) {
        std::vector<std::uint32_t> keys(FLOW_BUCKETS);
        std::iota(keys.begin(), keys.end(), 0U);
        const std::vector<flow_bucket> empty(FLOW_BUCKETS);
        __u32 count = FLOW_BUCKETS;
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        ASSERT_EQ(bpf_map_update_batch(fd("flows"), keys.data(), empty.data(), &count, &options),
                  0);
        for (const auto& flow : host.flows) {
            const auto key = test::to_flow_key(flow);
            ASSERT_TRUE(sensor_->seed_flows({&key, 1}, std::chrono::seconds(flow.idle_seconds)));
        }
    }

    void write_bans(const test::ReferenceHost& host) {
        for (const auto& ban : sensor_->bans().list())
            ASSERT_TRUE(sensor_->bans().remove(ban.source));
        for (const auto& ban : host.bans) {
            std::optional<std::chrono::nanoseconds> length;
            if (ban.expired) length = std::chrono::nanoseconds(1);
            const auto added = sensor_->bans().add(ban.source, length);
            ASSERT_TRUE(added) << ban.source.to_string() << ": " << added.error().message;
        }
    }
    void write_open_flows(const test::ReferenceHost& host) {
        FlowSet before, after;
        for (const auto& open : host.open_flows)
            (open.before_the_flip ? before : after).insert(test::to_flow_key(open.flow));
        // Whoever is known keeps the time that he was first seen at: forget the round before.
        ASSERT_TRUE(sensor_->seed_existing({}, BootTime{1}, true));
        ASSERT_TRUE(sensor_->seed_existing(before, BootTime{1}, true));
        const BootTime later{boot_now().ns + 3600 * kSecondNs};
        ASSERT_TRUE(sensor_->seed_existing(after, later, false));
    }
    // Sockets come one after the other, each slot proven as it is before the next one: whoever
    // comes after a proof ends it, and only what all of a slot are is proven in the end.
    void write_holders(const test::ReferenceHost& host) {
        auto ports = sensor_->owner_ports();
        for (const auto& [key, slot] : ports.slots())
            for (const auto cookie : slot.cookies) ASSERT_TRUE(ports.release(cookie));
        ports.prune();
        ASSERT_TRUE(ports.slots().empty());
        test::ReferenceHost so_far;
        for (const auto& holder : host.holders) {
            so_far.holders.push_back(holder);
            const auto slot = test::to_slot_key(holder);
            ASSERT_TRUE(ports.take(PORT_CLAIM_NO_SOCKET | so_far.holders.size(), slot));
            const auto slots = ports.slots();
            ASSERT_TRUE(slots.contains(slot));
            for (const auto owner : test::owners_of_slot(so_far, slot))
                ASSERT_TRUE(ports.prove(owner, slot, slots.at(slot).state.arrivals));
        }
    }
    void forget_tries() {
        std::vector<std::uint32_t> keys(LIMIT_SETS);
        std::iota(keys.begin(), keys.end(), 0U);
        const std::vector<limit_set> empty(LIMIT_SETS);
        __u32 count = LIMIT_SETS;
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        ASSERT_EQ(bpf_map_update_batch(fd("limits"), keys.data(), empty.data(), &count, &options),
                  0);
    }

    // By the clock that the programs go by, which is as of the last tick.
    static std::uint64_t tick_ns() {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs +
               static_cast<std::uint64_t>(now.tv_nsec);
    }
    static std::uint64_t tick_second() { return tick_ns() / kSecondNs; }

    // Spent: every bucket is full in the window of this very second. Else they are all empty.
    void fill_budgets() {
        filled_second_ = tick_second();
        budget_uses_ = 0;
        std::vector<std::uint32_t> keys(BUDGET_BUCKETS);
        std::iota(keys.begin(), keys.end(), 0U);
        const std::uint64_t value = spent_ ? filled_second_ << 32U | 0x7fffffffU : 0;
        const std::vector<std::uint64_t> values(BUDGET_BUCKETS, value);
        __u32 count = BUDGET_BUCKETS;
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        ASSERT_EQ(bpf_map_update_batch(fd("budgets"), keys.data(), values.data(), &count, &options),
                  0);
    }
    // Below every source's budget whoever shares its bucket, or still in the second that is spent.
    void refresh_budgets() {
        constexpr unsigned kWellBelowTheSmallestBudget = 40;
        constexpr std::uint64_t kTooLateNs = kSecondNs * 95 / 100;
        while (spent_ && tick_ns() % kSecondNs > kTooLateNs)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const auto second = tick_second();
        if (spent_ ? second != filled_second_ : ++budget_uses_ > kWellBelowTheSmallestBudget)
            fill_budgets();
    }

    std::optional<bool> run(const Bytes& frame, std::uint32_t linear_bytes) {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        xdp_md xdp{};
        __sk_buff skb{};
        const auto size = static_cast<__u32>(frame.size());
        xdp.data_end = linear_bytes != 0 ? std::min(linear_bytes, size) : size;
        xdp.ingress_ifindex = ifindex_;
        skb.ifindex = ifindex_;
        const bool tc = kind_ == AttachKind::Tc;
        options.data_in = frame.data();
        options.data_size_in = size;
        options.ctx_in = tc ? static_cast<void*>(&skb) : static_cast<void*>(&xdp);
        options.ctx_size_in = tc ? sizeof(skb) : sizeof(xdp);
        options.repeat = 1;
        if (bpf_prog_test_run_opts(program_.get(), &options) != 0) return std::nullopt;
        return options.retval == static_cast<__u32>(tc ? TC_ACT_SHOT : XDP_DROP);
    }
    [[nodiscard]] std::uint64_t counter(reason why, verdict_word verdict) const {
        static const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
        std::vector<::counter> values(cpus);
        const std::uint32_t key = (slot_ * REASON_SLOTS + why) * VERDICT_COUNT + verdict;
        bpf_map_lookup_elem(fd("counters"), &key, values.data());
        return std::accumulate(
            values.begin(), values.end(), std::uint64_t{0},
            [](std::uint64_t sum, const ::counter& one) { return sum + one.packets; });
    }
    // What was counted instead of what was expected.
    NativeAnswer counted_since() {
        NativeAnswer found{VERDICT_allow, REASON_COUNT, 0};
        const auto now = sensor_->counters(ifindex_);
        for (unsigned why = 0; why < REASON_COUNT; ++why)
            for (unsigned verdict = 0; verdict < VERDICT_COUNT; ++verdict)
                if (now[why][verdict].packets != counted_[why][verdict].packets)
                    found = {static_cast<verdict_word>(verdict), static_cast<reason>(why), 0};
        counted_ = now;
        return found;
    }

    AttachKind kind_;
    std::string why_;
    std::unique_ptr<Sensor> sensor_;
    UniqueFd program_;
    std::map<std::string, UniqueFd> maps_;
    std::uint32_t ifindex_ = 0;
    std::uint32_t slot_ = 0;
    InterfaceCounters counted_{};
    bool spent_ = false;
    std::uint64_t filled_second_ = 0;
    unsigned budget_uses_ = 0;
};

bool same(const NativeAnswer& left, const NativeAnswer& right) {
    return left.verdict == right.verdict && left.why == right.why;
}

std::string words(const NativeAnswer& answer) {
    return std::string(test::word_of(answer.verdict)) + " " + test::word_of(answer.why);
}

class Differential : public SensorTest {
protected:
    void SetUp() override {
        SensorTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        ASSERT_EQ(shell("ip link add up0 type veth peer name far0 && ip link set up0 up && "
                        "ip link set far0 up && ip link add up1 type veth peer name far1 && "
                        "ip link set up1 up && ip link set far1 up"),
                  0);
        sides_.push_back(
            std::make_unique<KernelSide>(bpffs_ / "x", cgroup_, "up0", AttachKind::Native));
        sides_.push_back(
            std::make_unique<KernelSide>(bpffs_ / "t", cgroup_, "up1", AttachKind::Tc));
        for (const auto& side : sides_) ASSERT_EQ(side->why(), "") << side->name();
        in_pieces_ = sides_.front()->makes_pieces();
        if (!in_pieces_)
            std::printf("this kernel's test_run cannot make XDP packets in pieces: not tried\n");
    }
    void TearDown() override {
        sides_.clear();
        (void)detach_pins(bpffs_ / "x");
        (void)detach_pins(bpffs_ / "t");
        SensorTest::TearDown();
    }

    // "" when all agree. A SYN at a limited service is one try on every side.
    std::string disagreement(DifferentialRound& round, test::NativePipeline& native,
                             const Bytes& frame, bool& stateful) {
        const auto model = test::ask_model(round, frame);
        const auto expected = native.judge(round.arrival, frame, round.now_ms);
        stateful = model.uses_limit;
        std::string out;
        if (!model.accepts(expected.verdict, expected.why))
            out = "native: " + words(expected) + "; model: " + model.to_string() + "; ";
        for (const auto& side : sides_) {
            for (const std::uint32_t linear : pieces(*side, frame, stateful)) {
                const auto answer = side->judge(frame, expected, model.uses_budget, linear);
                if (answer) ++judged_;
                if (!answer || same(*answer, expected)) continue;
                out += std::string(side->name()) + (linear != 0 ? " in pieces: " : ": ") +
                       words(*answer) + "; native: " + words(expected) +
                       "; model: " + model.to_string() + "; ";
            }
        }
        return out;
    }
    // How much of the packet XDP finds in one piece, besides all of it: sometimes less than the
    // headers, where this kernel can make such packets.
    std::vector<std::uint32_t> pieces(const KernelSide& side, const Bytes& frame, bool once) {
        if (&side != sides_.front().get() || !in_pieces_ || frame.size() < 32) return {0};
        if (once) return {static_cast<std::uint32_t>(frame.size()) / 2};
        return {0, 14 + static_cast<std::uint32_t>(frame.size() * 7 % 40)};
    }

    std::vector<std::unique_ptr<KernelSide>> sides_;
    std::uint64_t judged_ = 0;
    bool in_pieces_ = false;
};

TEST_F(Differential, XdpTcNativeCodeAndTheModelAgreeOnRandomPoliciesAndFrames) {
    const auto frames = test::wanted_frames(30000);
    auto seed = test::wanted_seed();
    std::uint64_t sent = 0;
    unsigned disagreements = 0;
    for (; sent < frames && disagreements < 5; ++seed) {
        std::string why;
        const auto round = test::make_round(seed, test::Clock::Kernel, why);
        ASSERT_NE(round, nullptr) << why;
        test::NativePipeline native(round->compiled, round->host, round->networks, round->now_ms);
        for (const auto& side : sides_) {
            side->prepare(*round);
            ASSERT_FALSE(HasFatalFailure()) << side->name();
        }
        for (unsigned i = 0; i < test::kFramesPerRound; ++i, ++sent) {
            const auto frame = test::next_frame(*round);
            bool stateful = false;
            const auto first = disagreement(*round, native, frame, stateful);
            if (first.empty()) continue;
            auto small = frame;
            if (!stateful)
                small = test::minimise(frame, [&](const Bytes& tried) {
                    return disagreement(*round, native, tried, stateful) == first;
                });
            ADD_FAILURE() << first << "\n" << describe(*round, small);
            ++disagreements;
            break;
        }
    }
    std::printf(
        "%llu frames, seeds %llu to %llu; the kernel judged %llu times\n",
        static_cast<unsigned long long>(sent), static_cast<unsigned long long>(test::wanted_seed()),
        static_cast<unsigned long long>(seed - 1), static_cast<unsigned long long>(judged_));
    EXPECT_GT(judged_, sent * 19 / 10) << "test_run refused more than frames that are too short";
}

}  // namespace
}  // namespace portlid::kernel
