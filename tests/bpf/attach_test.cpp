// SPDX-License-Identifier: Apache-2.0
// Interfaces: every way of attaching, who else is there, what an earlier run left, what others
// take away. Frames go over a veth pair inside the test's own network namespace.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "kernel/classic_tc.hpp"
#include "kernel/interface_facts.hpp"
#include "kernel/links.hpp"
#include "kernel/uapi_new.hpp"
#include "sensor_fixture.hpp"
#include "support/packet.hpp"

namespace portlid::kernel {
namespace {

// A program that returns `verdict` and nothing else: somebody else's.
UniqueFd foreign_program(bpf_prog_type type, int verdict) {
    const std::array<bpf_insn, 2> code{
        bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, verdict},
        bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    return UniqueFd(bpf_prog_load(type, "foreign", "GPL", code.data(), code.size(), nullptr));
}

class AttachTest : public SensorTest {
protected:
    void SetUp() override {
        SensorTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        make_veth();
        load();
        ASSERT_TRUE(sensor_->set_local_addresses({*IpAddress::parse(test::kHostV4)}));
        ASSERT_TRUE(sensor_->publish(policy_of(false)));
        up_ = ::if_nametoindex("up0");
    }

    // Through the wire into up0.
    static void send(const test::Bytes& frame) {
        const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_ifindex = static_cast<int>(::if_nametoindex("far0"));
        ASSERT_EQ(::sendto(socket.get(), frame.data(), frame.size(), 0,
                           reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
                  static_cast<ssize_t>(frame.size()));
    }
    [[nodiscard]] std::uint64_t dropped(std::uint32_t ifindex) const {
        return sensor_->counters(ifindex)[REASON_no_service][VERDICT_drop].packets;
    }
    // Sends a SYN that the policy refuses until its drop is counted, at most for two seconds.
    [[nodiscard]] bool drops_a_syn() const {
        const auto before = dropped(up_);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        while (dropped(up_) == before && std::chrono::steady_clock::now() < end) {
            send(test::syn_v4(8080));
            std::this_thread::yield();
        }
        return dropped(up_) > before;
    }
    [[nodiscard]] UniqueFd link(const char* kind) const {
        return open_pin(pins() / "links" / (std::to_string(up_) + "_" + kind));
    }
    [[nodiscard]] static std::uint32_t link_id(const UniqueFd& link) {
        bpf_link_info info{};
        __u32 size = sizeof(info);
        return bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 ? info.id : 0;
    }

    std::uint32_t up_ = 0;
};

TEST_F(AttachTest, AutoIsNativeOnADriverThatLeavesTheLinkAlone) {
    const auto state = sensor_->attach_interface(request("up0"));
    EXPECT_EQ(state.attached, AttachKind::Native) << state.why;
    EXPECT_EQ(state.why, "");
    EXPECT_TRUE(state.egress);
    EXPECT_TRUE(drops_a_syn());
}

TEST_F(AttachTest, AutoIsGenericWhereNativeMightDisturbTheLink) {
    ASSERT_EQ(shell("ip link add br0 type bridge && ip link set br0 up"), 0);
    const auto state = sensor_->attach_interface(request("br0"));
    EXPECT_EQ(state.attached, AttachKind::Generic) << state.why;
    EXPECT_NE(state.why.find("--attach native"), std::string::npos) << state.why;
}

TEST_F(AttachTest, GenericAndTcDropTheSameSyn) {
    for (const auto kind : {AttachKind::Generic, AttachKind::Tc, AttachKind::Native}) {
        SCOPED_TRACE(to_string(kind));
        const auto state = sensor_->attach_interface(request("up0", kind));
        EXPECT_EQ(state.attached, kind) << state.why;
        EXPECT_EQ(state.why, "");
        EXPECT_TRUE(drops_a_syn());
        const auto mode = query_xdp(up_).mode;
        EXPECT_EQ(mode.has_value(), kind != AttachKind::Tc);
        EXPECT_EQ(mode.value_or(AttachKind::Tc), kind);
        EXPECT_EQ(query_tcx(up_, Direction::In).size(), kind == AttachKind::Tc ? 1U : 0U);
        EXPECT_EQ(query_tcx(up_, Direction::Out).size(), 1U);
    }
}

TEST_F(AttachTest, ARequestedNativeThatTheDriverRefusesBecomesGenericAndSaysWhy) {
    ASSERT_EQ(shell("ip link add br0 type bridge && ip link set br0 up"), 0);
    const auto state = sensor_->attach_interface(request("br0", AttachKind::Native));
    EXPECT_EQ(state.attached, AttachKind::Generic);
    EXPECT_NE(state.why.find("native: "), std::string::npos) << state.why;
}

TEST_F(AttachTest, AForeignXdpProgramStaysAndOursGoesToTc) {
    const auto foreign = foreign_program(BPF_PROG_TYPE_XDP, XDP_PASS);
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(up_), foreign.get(), 0, nullptr), 0);
    for (const auto wanted : {AttachKind::Auto, AttachKind::Native, AttachKind::Generic}) {
        const auto state = sensor_->attach_interface(request("up0", wanted));
        EXPECT_EQ(state.attached, AttachKind::Tc);
        EXPECT_NE(state.why.find("another program"), std::string::npos) << state.why;
        EXPECT_EQ(query_xdp(up_).prog_id, program_id(foreign.get()));
        EXPECT_TRUE(drops_a_syn());
    }
}

TEST_F(AttachTest, ADeviceWithoutLinkLayerGetsTc) {
    ASSERT_EQ(shell("ip tuntap add tun0 mode tun && ip link set tun0 up"), 0);
    auto tunnel = request("tun0");
    tunnel.layer3 = true;
    const auto state = sensor_->attach_interface(tunnel);
    EXPECT_EQ(state.attached, AttachKind::Tc) << state.why;
    EXPECT_NE(state.why.find("no link layer"), std::string::npos) << state.why;
}

TEST_F(AttachTest, WhatHoldsGoesOnWithoutTheSensorAndIsUpdatedInPlaceByTheNext) {
    for (const auto kind : {AttachKind::Native, AttachKind::Tc}) {
        SCOPED_TRACE(to_string(kind));
        const char* pinned = kind == AttachKind::Tc ? "tcx_in" : "xdp";
        ASSERT_EQ(sensor_->attach_interface(request("up0", kind)).attached, kind);
        const auto id = link_id(link(pinned));
        sensor_.reset();
        load();
        EXPECT_EQ(state_of(up_).attached, kind);
        EXPECT_TRUE(drops_a_syn());  // by the program of the run before
        const auto state = sensor_->attach_interface(request("up0"));
        EXPECT_EQ(state.attached, kind) << state.why;
        EXPECT_EQ(link_id(link(pinned)), id);
        EXPECT_TRUE(drops_a_syn());
    }
}

TEST_F(AttachTest, AttachingTwiceChangesNothing) {
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    const auto id = link_id(link("xdp"));
    EXPECT_EQ(sensor_->attach_interface(request("up0")).attached, AttachKind::Native);
    EXPECT_EQ(link_id(link("xdp")), id);
    sensor_->verify_links();
    EXPECT_EQ(state_of(up_).attached, AttachKind::Native);
}

TEST_F(AttachTest, AnInterfaceThatIsGoneIsAStateWithAReason) {
    auto gone = request("up0");
    ASSERT_TRUE(sensor_->attach_interface(gone).attached);
    ASSERT_EQ(shell("ip link del up0"), 0);
    sensor_->verify_links();
    EXPECT_FALSE(state_of(up_).attached);
    EXPECT_NE(state_of(up_).why.find("gone"), std::string::npos) << state_of(up_).why;
    EXPECT_FALSE(sensor_->attach_interface(gone).attached);
    sensor_->detach_interface(up_);
    EXPECT_TRUE(sensor_->interfaces().empty());
    EXPECT_FALSE(link("xdp").valid());
}

TEST_F(AttachTest, ALinkThatSomebodyDetachedByIdIsNoticedAndAttachedAgain) {
    for (const auto kind : {AttachKind::Native, AttachKind::Tc}) {
        SCOPED_TRACE(to_string(kind));
        ASSERT_EQ(sensor_->attach_interface(request("up0", kind)).attached, kind);
        const UniqueFd stolen(
            bpf_link_get_fd_by_id(link_id(link(kind == AttachKind::Tc ? "tcx_in" : "xdp"))));
        ASSERT_EQ(bpf_link_detach(stolen.get()), 0);
        sensor_->verify_links();
        EXPECT_FALSE(state_of(up_).attached);
        EXPECT_NE(state_of(up_).why.find("detached"), std::string::npos) << state_of(up_).why;
        EXPECT_EQ(sensor_->attach_interface(request("up0", kind)).attached, kind);
        EXPECT_TRUE(drops_a_syn());
    }
}

TEST_F(AttachTest, ExchangedPinsArePutRightWithoutAGap) {
    ASSERT_EQ(sensor_->attach_interface(request("up0", AttachKind::Native)).attached,
              AttachKind::Native);
    const auto name = [&](const char* kind) {
        return pins() / "links" / (std::to_string(up_) + "_" + kind);
    };
    const auto in = link_id(link("xdp"));
    const auto out = link_id(link("tcx_out"));
    sensor_.reset();
    std::filesystem::rename(name("xdp"), name("kept"));
    std::filesystem::rename(name("tcx_out"), name("xdp"));
    std::filesystem::rename(name("kept"), name("tcx_out"));
    load();
    EXPECT_EQ(state_of(up_).attached, AttachKind::Native);
    EXPECT_TRUE(state_of(up_).egress);
    EXPECT_TRUE(drops_a_syn());
    const auto state = sensor_->attach_interface(request("up0"));
    EXPECT_EQ(state.attached, AttachKind::Native) << state.why;
    EXPECT_TRUE(state.egress) << state.why;
    EXPECT_EQ(link_id(link("xdp")), in);
    EXPECT_EQ(link_id(link("tcx_out")), out);
    EXPECT_TRUE(drops_a_syn());
}

TEST_F(AttachTest, ARemovedPinIsNoticedAndMadeAgain) {
    for (const char* kind : {"xdp", "tcx_out"}) {
        SCOPED_TRACE(kind);
        ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
        ASSERT_EQ(::unlink((pins() / "links" / (std::to_string(up_) + "_" + kind)).c_str()), 0);
        sensor_->verify_links();
        EXPECT_FALSE(state_of(up_).attached);
        EXPECT_TRUE(sensor_->attach_interface(request("up0")).attached);
        EXPECT_TRUE(link(kind).valid());
        sensor_->verify_links();
        EXPECT_TRUE(state_of(up_).attached) << state_of(up_).why;
    }
}

TEST_F(AttachTest, AnInterfaceMovedToAnotherNamespaceIsNotAttachedHere) {
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    const pid_t other = ::fork();
    if (other == 0) {
        const char done = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
        if (::write(ready[1], &done, 1) == 1) ::pause();
        ::_exit(0);
    }
    char done = 'n';
    ASSERT_EQ(::read(ready[0], &done, 1), 1);
    ASSERT_EQ(shell("ip link set up0 netns " + std::to_string(other)), 0);
    sensor_->verify_links();
    EXPECT_FALSE(state_of(up_).attached);
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(AttachTest, ATcProgramThatGotInFrontIsReportedAndOvertaken) {
    ASSERT_EQ(sensor_->attach_interface(request("up0", AttachKind::Tc)).attached, AttachKind::Tc);
    const auto foreign = foreign_program(BPF_PROG_TYPE_SCHED_CLS, 0 /* TC_ACT_OK */);
    LIBBPF_OPTS(bpf_link_create_opts, options);
    options.flags = kBefore;
    const UniqueFd first(
        bpf_link_create(foreign.get(), static_cast<int>(up_), kTcxIngress, &options));
    if (!first.valid()) GTEST_SKIP() << "this kernel has no tcx";
    sensor_->verify_links();
    EXPECT_NE(state_of(up_).why.find("before ours"), std::string::npos) << state_of(up_).why;
    const auto state = sensor_->attach_interface(request("up0", AttachKind::Tc));
    EXPECT_EQ(state.attached, AttachKind::Tc);
    EXPECT_EQ(state.why, "");
    const auto order = query_tcx(up_, Direction::In);
    ASSERT_EQ(order.size(), 2U);
    EXPECT_EQ(order.back(), program_id(foreign.get()));
    EXPECT_TRUE(drops_a_syn());
}

TEST_F(AttachTest, TwoSensorsSideBySideDoNotEvictEachOther) {
    ASSERT_EQ(sensor_->attach_interface(request("up0")).attached, AttachKind::Native);
    auto second_options = options();
    second_options.bpffs = bpffs_ / "second";
    auto second = Sensor::load(second_options);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ((*second)->attach_interface(request("up0")).attached, AttachKind::Tc);
    sensor_->verify_links();
    EXPECT_EQ(state_of(up_).attached, AttachKind::Native) << state_of(up_).why;
    (*second)->detach_all();
    EXPECT_TRUE(drops_a_syn());
}

TEST_F(AttachTest, ASensorThatTookTheLinkOverIsNoticedByTheOneBefore) {
    ASSERT_EQ(sensor_->attach_interface(request("up0")).attached, AttachKind::Native);
    auto next = Sensor::load(options());
    ASSERT_TRUE(next);
    EXPECT_EQ((*next)->attach_interface(request("up0")).attached, AttachKind::Native);
    sensor_->verify_links();
    EXPECT_FALSE(state_of(up_).attached);
}

TEST_F(AttachTest, CountersContinueOverARestartAndStartAtZeroForANewInterface) {
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    ASSERT_TRUE(drops_a_syn());
    const auto counted = dropped(up_);
    sensor_.reset();
    load();
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    EXPECT_GE(dropped(up_), counted);
    sensor_->detach_interface(up_);
    EXPECT_EQ(dropped(up_), 0U);
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    EXPECT_EQ(dropped(up_), 0U);
}

TEST_F(AttachTest, WithMoreInterfacesThanRoomTheLastOnesSaySo) {
    unsigned attached = 0;
    std::string why;
    for (unsigned i = 0; i < INTERFACE_SLOTS + 4; ++i) {
        const auto name = "d" + std::to_string(i);
        ASSERT_EQ(shell(fmt::format("ip link add {0} type bridge && ip link set {0} up", name)), 0);
        const auto state = sensor_->attach_interface(request(name.c_str(), AttachKind::Tc));
        attached += state.attached ? 1 : 0;
        if (!state.attached) why = state.why;
    }
    EXPECT_EQ(attached, INTERFACE_SLOTS);
    EXPECT_NE(why.find("no room"), std::string::npos) << why;
}

TEST_F(AttachTest, DetachingLeavesTheInterfacesAsTheyWere) {
    ASSERT_TRUE(sensor_->attach_sockets());
    ASSERT_TRUE(sensor_->attach_interface(request("up0")).attached);
    ASSERT_TRUE(sensor_->attach_interface(request("far0", AttachKind::Tc)).attached);
    sensor_->detach_all();
    for (const char* name : {"up0", "far0"}) {
        const auto ifindex = ::if_nametoindex(name);
        EXPECT_EQ(query_xdp(ifindex).prog_id, 0U);
        EXPECT_TRUE(query_tcx(ifindex, Direction::In).empty());
        EXPECT_TRUE(query_tcx(ifindex, Direction::Out).empty());
    }
    EXPECT_FALSE(std::filesystem::exists(options().bpffs));
    EXPECT_TRUE(sensor_->interfaces().empty());
}

TEST_F(AttachTest, AClassicFilterIsFoundReplacedAndTakenAwayWithItsQdisc) {
    const auto ingress = open_pin(pins() / "maps" / "flows");  // not a program
    EXPECT_FALSE(attach_classic(up_, Direction::In, ingress.get()));
    const auto program = foreign_program(BPF_PROG_TYPE_SCHED_CLS, -1);
    const auto made = attach_classic(up_, Direction::In, program.get());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(*made);
    EXPECT_FALSE(find_classic(up_, Direction::In)) << "a program that is not ours by name";
    remove_unused_clsact(up_);
    EXPECT_EQ(shell("tc qdisc show dev up0 | grep -q clsact"), 0) << "somebody has a filter on it";
    ASSERT_EQ(shell("tc filter del dev up0 ingress"), 0);
    remove_unused_clsact(up_);
    EXPECT_NE(shell("tc qdisc show dev up0 | grep -q clsact"), 0);
}

// As on a kernel before 6.6, where it is all there is.
TEST_F(AttachTest, AClassicFilterOfAnEarlierRunIsAdoptedAndGivesWayToATcxLink) {
    ASSERT_EQ(sensor_->attach_interface(request("up0", AttachKind::Tc)).attached, AttachKind::Tc);
    const UniqueFd program(bpf_prog_get_fd_by_id(link_facts(link("tcx_in").get())->prog_id));
    ASSERT_TRUE(attach_classic(up_, Direction::In, program.get()));
    sensor_->detach_interface(up_);
    const auto marker = pins() / "links" / (std::to_string(up_) + "_classic");
    std::filesystem::create_directories(marker / "qdisc");
    sensor_.reset();
    load();
    EXPECT_EQ(state_of(up_).attached, AttachKind::Tc);
    const auto state = sensor_->attach_interface(request("up0", AttachKind::Tc));
    EXPECT_EQ(state.attached, AttachKind::Tc);
    EXPECT_EQ(state.why, "");
    EXPECT_FALSE(find_classic(up_, Direction::In));
    EXPECT_FALSE(std::filesystem::exists(marker));
    EXPECT_NE(shell("tc qdisc show dev up0 | grep -q clsact"), 0);
}

TEST_F(AttachTest, DetachRemovesTheClassicFiltersOfASensorThatIsGone) {
    ASSERT_EQ(sensor_->attach_interface(request("up0", AttachKind::Tc)).attached, AttachKind::Tc);
    const UniqueFd program(bpf_prog_get_fd_by_id(link_facts(link("tcx_in").get())->prog_id));
    ASSERT_TRUE(attach_classic(up_, Direction::In, program.get()));
    ASSERT_TRUE(attach_classic(up_, Direction::Out, program.get()));
    const auto marker = pins() / "links" / (std::to_string(up_) + "_classic");
    std::filesystem::create_directories(marker / "qdisc");
    sensor_.reset();
    const auto report = detach_pins(options().bpffs);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->links, 4U);
    EXPECT_NE(shell("tc qdisc show dev up0 | grep -q clsact"), 0);
}

}  // namespace
}  // namespace portlid::kernel
