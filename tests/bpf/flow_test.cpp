// SPDX-License-Identifier: Apache-2.0
// Who spoke first: the egress and the ingress program together, frame by frame.
#include <fcntl.h>

#include <chrono>

#include "policy/load.hpp"
#include "program_fixture.hpp"

namespace portlid::kernel {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class FlowTest : public ProgramTest {
protected:
    void SetUp() override {
        ProgramTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        attach_program();
        egress_ = pinned_program(up_, "_tcx_out");
        ASSERT_TRUE(egress_.valid());
    }
    [[nodiscard]] UniqueFd pinned_program(std::uint32_t ifindex, const char* what) const {
        const auto link = open_pin(pins() / "links" / (std::to_string(ifindex) + what));
        return UniqueFd(bpf_prog_get_fd_by_id(link_facts(link.get())->prog_id));
    }
    // A frame that leaves by up0; `from_ifindex`: forwarded, it came in there.
    void send(test::Bytes frame, std::uint32_t from_ifindex = 0) const {
        __sk_buff context{};
        context.ifindex = up_;
        context.ingress_ifindex = from_ifindex;
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        options.ctx_in = &context;
        options.ctx_size_in = sizeof(context);
        options.repeat = 1;
        ASSERT_EQ(bpf_prog_test_run_opts(egress_.get(), &options), 0);
    }
    void publish(const char* zone, const char* more = "") {
        const auto text = std::string("version: 1\nzones: { public: { interfaces: [up0], ") + zone +
                          " } }\nservices: [{ name: ssh, ports: [22/tcp] }]\n" + more;
        auto outcome = policy::load_text(text, "policy.yaml", ".");
        ASSERT_TRUE(outcome.ok());
        auto compiled = policy::compile(outcome.policy);
        ASSERT_TRUE(compiled);
        ASSERT_TRUE(sensor_->publish(*compiled));
    }
    [[nodiscard]] test::Bytes question(const char* to = test::kHostV4, unsigned port = 7) const {
        return test::udp_v4(40000, port, test::kStrangerV4, to);
    }
    [[nodiscard]] test::Bytes answer(const char* from = test::kHostV4, unsigned port = 7) const {
        return test::udp_v4(port, 40000, from, test::kStrangerV4);
    }
    // Four seconds of a dialogue in which the stranger asks first.
    void talk(const char* host = test::kHostV4, unsigned port = 7) {
        for (int i = 0; i < 4; ++i) {
            ASSERT_EQ(judge(question(host, port)), XDP_PASS);
            send(answer(host, port));
        }
    }
    // The bucket and place of the only flow that the host has.
    struct Place {
        std::uint32_t bucket = 0;
        std::size_t place = 0;
        flow_bucket content{};
    };
    [[nodiscard]] UniqueFd flows() const {
        return UniqueFd(bpf_obj_get((pins() / "maps" / "flows").c_str()));
    }
    [[nodiscard]] Place only_flow() const {
        const auto map = flows();
        for (Place at; at.bucket < FLOW_BUCKETS; ++at.bucket) {
            if (bpf_map_lookup_elem(map.get(), &at.bucket, &at.content) != 0) break;
            for (at.place = 0; at.place < FLOW_PLACES; ++at.place)
                if (at.content.tags[at.place] != 0) return at;
        }
        ADD_FAILURE() << "the host has no flow";
        return {};
    }
    [[nodiscard]] std::uint32_t last_egress_s() const {
        const auto at = only_flow();
        return at.content.seen_s[at.place];
    }
    void set_idle(std::uint64_t seconds) const {
        auto at = only_flow();
        at.content.seen_s[at.place] = static_cast<__u32>(boot_now().ns / kSecond - seconds);
        ASSERT_EQ(bpf_map_update_elem(flows().get(), &at.bucket, &at.content, BPF_ANY), 0);
    }

    UniqueFd egress_;
};

constexpr const char* kMonitor = "default: drop, mode: monitor";
constexpr const char* kEnforce = "default: drop, mode: enforce";

TEST_F(FlowTest, AnAnswerToAStrangerInMonitorModeIsNoPassAfterTheFlip) {
    publish(kMonitor);
    talk();
    publish(kEnforce);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(judge(question()), XDP_DROP);
        send(answer());  // late, or unasked: it must not open the way either
    }
    EXPECT_EQ(sensor_->counters(up_)[REASON_reply][VERDICT_allow].packets, 0U);
}

TEST_F(FlowTest, NorWhereTheZoneLetEverybodyInByDefault) {
    publish("default: allow, mode: monitor");
    talk();
    publish(kEnforce);
    EXPECT_EQ(judge(question()), XDP_DROP);
}

TEST_F(FlowTest, NorForADeniedSource) {
    const char* deny = "sets: { bad: [203.0.113.0/24] }\ndeny: [bad]\n";
    publish("default: allow, mode: monitor", deny);
    talk();
    publish("default: allow, mode: enforce", deny);
    EXPECT_EQ(judge(question()), XDP_DROP);
}

TEST_F(FlowTest, NorStraightToAContainer) {
    ASSERT_TRUE(sensor_->set_networks({{*Cidr::parse("172.17.0.0/16"), NETWORK_CONTAINER}}));
    publish(kMonitor);
    talk("172.17.0.2");
    publish(kEnforce);
    EXPECT_EQ(judge(question("172.17.0.2")), XDP_DROP);
}

TEST_F(FlowTest, NorOnAnInterfaceThatOnlyWatches) {
    auto watched = request("up0");
    watched.force_monitor = true;
    ASSERT_TRUE(sensor_->attach_interface(watched).attached);
    publish(kEnforce);
    talk();
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    EXPECT_EQ(judge(question()), XDP_DROP);
}

TEST_F(FlowTest, NorAtAPortThatAServiceOpenedUntilNow) {
    publish(kEnforce, "icmp: { ping: allow }\n");
    const std::string open = std::string("version: 1\nzones: { public: { interfaces: [up0], ") +
                             kEnforce + " } }\nservices: [{ name: echo, ports: [7/udp] }]\n";
    ASSERT_TRUE(
        sensor_->publish(*policy::compile(policy::load_text(open, "policy.yaml", ".").policy)));
    talk();
    publish(kEnforce);
    EXPECT_EQ(judge(question()), XDP_DROP);
}

TEST_F(FlowTest, OurOwnQuestionIsAnsweredAcrossTheFlipWhateverItsPorts) {
    publish(kMonitor);
    const std::pair<unsigned, unsigned> ports[] = {
        {1030, 53}, {123, 123}, {500, 500}, {4500, 4500}, {40001, 33434}};
    for (const auto& [from, to] : ports)
        send(test::udp_v4(from, to, test::kHostV4, test::kStrangerV4));
    publish(kEnforce);
    for (const auto& [from, to] : ports) {
        SCOPED_TRACE(from);
        EXPECT_EQ(judge(test::udp_v4(to, from)), XDP_PASS);
        EXPECT_EQ(judge(test::udp_v4(to + 1, from)), XDP_DROP);
        EXPECT_EQ(judge(test::udp_v4(to, from + 1)), XDP_DROP);
    }
}

TEST_F(FlowTest, OnlyASynOfOursOpensATcpFlow) {
    publish(kEnforce);
    const auto leaves = [&](unsigned flags, unsigned port) {
        send(test::Ethernet{}(test::Ipv4{.source = test::kHostV4, .destination = test::kStrangerV4}(
            test::tcp(port, 443, flags))));
    };
    const auto comes = [&](unsigned port) {
        return judge(test::Ethernet{}(test::Ipv4{}(test::tcp(443, port, test::kSyn | test::kAck))));
    };
    leaves(test::kAck, 30001);
    leaves(test::kRst, 30002);
    leaves(test::kSyn | test::kAck, 30003);
    leaves(test::kSyn, 30004);
    EXPECT_EQ(comes(30001), XDP_DROP);
    EXPECT_EQ(comes(30002), XDP_DROP) << "a container's RST to a bare ACK";
    EXPECT_EQ(comes(30003), XDP_DROP);
    EXPECT_EQ(comes(30004), XDP_PASS);
}

TEST_F(FlowTest, AReplyMayComeInByAnotherInterface) {
    ASSERT_EQ(shell("ip link add up1 type veth peer name far1 && ip link set up1 up && "
                    "ip link set far1 up"),
              0);
    ASSERT_TRUE(sensor_->attach_interface(request("up1")).attached);
    publish(kEnforce);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    up_ = ::if_nametoindex("up1");
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_PASS);
}

TEST_F(FlowTest, AUdpFlowLivesThreeHundredSecondsAndOnlyWeKeepItAlive) {
    if (boot_now().ns < 500 * kSecond) GTEST_SKIP() << "the machine is up for less than 500 s";
    publish(kEnforce);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    set_idle(170);
    const auto before = last_egress_s();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_PASS);
    EXPECT_EQ(last_egress_s(), before) << "what comes in extends nothing";
    set_idle(400);
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_DROP);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_PASS);
}

TEST_F(FlowTest, AContainerMayUseThePortThatTheHostUsedLongAgo) {
    if (boot_now().ns < 500 * kSecond) GTEST_SKIP() << "the machine is up for less than 500 s";
    publish(kEnforce);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    set_idle(400);
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_DROP);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4), ::if_nametoindex("far0"));
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_PASS);
}

TEST_F(FlowTest, AContainersFloodOfFlowsEvictsNoneOfTheHosts) {
    publish(kEnforce);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    // Twice what the table holds, forwarded from a bridge.
    const auto bridge = ::if_nametoindex("far0");
    for (unsigned i = 0; i < 2 * FLOW_SLOTS; ++i)
        send(test::udp_v4(1 + i % 65000, 1 + i / 65000, test::kHostV4, "198.18.0.1"), bridge);
    EXPECT_EQ(judge(test::udp_v4(53, 1030)), XDP_PASS);
    const unsigned last = 2 * FLOW_SLOTS - 1;
    EXPECT_EQ(judge(test::udp_v4(1 + last / 65000, 1 + last % 65000, "198.18.0.1")), XDP_PASS)
        << "its own newest flow is there";
    const auto health = sensor_->health();
    EXPECT_EQ(health[HEALTH_flow_inserts], 1U);
    EXPECT_EQ(health[HEALTH_forwarded_inserts], 2U * FLOW_SLOTS);
}

TEST_F(FlowTest, LaterFragmentsOfOneSourceHaveABudget) {
    publish(kEnforce);
    const auto fragment = [](const char* from) {
        return test::Ethernet{}(
            test::Ipv4{.source = from, .protocol = 17, .fragment_bits = 100}(test::Bytes(32, 7)));
    };
    unsigned dropped = 0;
    // The budget is by the second, and this takes far less than three.
    for (int i = 0; i < 8000; ++i) dropped += judge(fragment(test::kStrangerV4)) == XDP_DROP;
    EXPECT_GT(dropped, 1000U);
    EXPECT_EQ(sensor_->counters(up_)[REASON_fragment_flood][VERDICT_drop].packets, dropped);
    EXPECT_EQ(judge(fragment("203.0.113.10")), XDP_PASS) << "somebody else's";
    EXPECT_EQ(judge(test::Ethernet{}(test::Ipv4{.protocol = 1}(test::icmp(8)))), XDP_PASS);
}

TEST_F(FlowTest, UnmatchedIcmpErrorsHaveABudgetAndThoseAboutOurFlowsDoNot) {
    publish(kEnforce);
    send(test::udp_v4(1030, 53, test::kHostV4, test::kStrangerV4));
    const auto error = [](unsigned port) {
        const auto quoted = test::Ipv4{.source = test::kHostV4,
                                       .destination = test::kStrangerV4,
                                       .protocol = 17}(test::udp(port, 53));
        return test::Ethernet{}(test::Ipv4{.protocol = 1}(test::icmp(3, 4, 0, quoted)));
    };
    unsigned dropped = 0;
    for (int i = 0; i < 400; ++i) dropped += judge(error(9999)) == XDP_DROP;
    EXPECT_GT(dropped, 200U);
    for (int i = 0; i < 400; ++i) EXPECT_EQ(judge(error(1030)), XDP_PASS);
}

TEST_F(FlowTest, HeadersBeyondTheLinearPartAreRead) {
    publish(kEnforce);
    const auto far_away = [](unsigned port) {
        auto payload = test::tcp(40000, port);
        for (int i = 0; i < 4; ++i) payload = test::extension(i == 0 ? 6 : 60, payload, 255);
        return test::Ethernet{}(test::Ipv6{.next = 60}(payload));
    };
    ASSERT_GT(far_away(22).size(), 8192U) << "more than any linear part";
    EXPECT_EQ(judge(far_away(22)), XDP_PASS);
    EXPECT_EQ(judge(far_away(23)), XDP_DROP);
    EXPECT_EQ(sensor_->counters(up_)[REASON_no_service][VERDICT_drop].packets, 1U);
}

}  // namespace
}  // namespace portlid::kernel
