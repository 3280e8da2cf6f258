// SPDX-License-Identifier: Apache-2.0
// The packet rows through the programs that ship, by BPF_PROG_TEST_RUN: the same reason and the
// same verdict as natively, from XDP and from tc.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <cstring>
#include <optional>

#include "kernel/links.hpp"
#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "sensor_fixture.hpp"
#include "support/packet_rows.hpp"

namespace portlid::kernel {
namespace {

class PacketRows : public SensorTest, public ::testing::WithParamInterface<AttachKind> {
protected:
    void SetUp() override {
        SensorTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        // The far end says nothing of its own accord: counters move by what is run here alone.
        ASSERT_EQ(shell("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"), 0);
        make_veth();
        load();
        auto outcome = policy::load_text(test::kRowPolicy, "policy.yaml", ".");
        ASSERT_TRUE(outcome.ok());
        auto compiled = policy::compile(outcome.policy);
        ASSERT_TRUE(compiled);
        const auto tables = test::row_tables();
        ASSERT_TRUE(sensor_->set_local_addresses(tables.own));
        ASSERT_TRUE(sensor_->set_networks(tables.networks));
        ASSERT_TRUE(sensor_->seed_flows(tables.flows));
        for (const auto& [prefix, deadline] : tables.bans)
            ASSERT_TRUE(sensor_->bans().add(prefix, std::nullopt));
        FlowSet open;
        for (const auto& key : test::row_existing()) open.insert(key);
        ASSERT_TRUE(sensor_->seed_existing(open, boot_now(), true));
        ASSERT_TRUE(sensor_->publish(*compiled));
        auto wanted = request("up0", GetParam());
        wanted.mac = test::kHostMac;
        const auto state = sensor_->attach_interface(wanted);
        ASSERT_EQ(state.attached, GetParam()) << state.why;
        up_ = wanted.ifindex;
        const char* pin = GetParam() == AttachKind::Tc ? "_tcx_in" : "_xdp";
        const auto link = open_pin(pins() / "links" / (std::to_string(up_) + pin));
        program_ = UniqueFd(bpf_prog_get_fd_by_id(link_facts(link.get())->prog_id));
        ASSERT_TRUE(program_.valid());
    }

    // The program's return value; none where test_run itself refuses the frame.
    std::optional<unsigned> run(test::Bytes frame) const {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        xdp_md xdp{};
        __sk_buff skb{};
        xdp.data_end = static_cast<__u32>(frame.size());
        xdp.ingress_ifindex = up_;
        skb.ifindex = up_;
        const bool tc = GetParam() == AttachKind::Tc;
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        options.ctx_in = tc ? static_cast<void*>(&skb) : static_cast<void*>(&xdp);
        options.ctx_size_in = tc ? sizeof(skb) : sizeof(xdp);
        options.repeat = 1;
        if (bpf_prog_test_run_opts(program_.get(), &options) != 0) return std::nullopt;
        return options.retval;
    }
    [[nodiscard]] unsigned dropped() const {
        return GetParam() == AttachKind::Tc ? TC_ACT_SHOT : XDP_DROP;
    }

    UniqueFd program_;
    std::uint32_t up_ = 0;
};

TEST_P(PacketRows, EveryRowGetsItsReasonAndVerdict) {
    unsigned judged = 0;
    for (const auto& row : test::packet_rows()) {
        SCOPED_TRACE(row.sentence);
        const auto before = sensor_->counters(up_);
        const auto returned = run(row.frame);
        if (!returned) continue;
        ++judged;
        const auto after = sensor_->counters(up_);
        EXPECT_EQ(*returned == dropped(), row.verdict == VERDICT_drop);
        const auto grown =
            after[row.why][row.verdict].packets - before[row.why][row.verdict].packets;
        EXPECT_EQ(grown, 1U) << "the counter of this reason and verdict did not move";
    }
    // test_run refuses a frame of an Ethernet header alone for tc; nothing else may be left out.
    EXPECT_GE(judged + 1, test::packet_rows().size());
}

TEST_P(PacketRows, SeenIsPassedPlusDroppedAfterAllRows) {
    std::uint64_t sent = 0;
    for (const auto& row : test::packet_rows())
        if (run(row.frame)) ++sent;
    std::uint64_t seen = 0;
    for (const auto& by_verdict : sensor_->counters(up_))
        for (const auto& count : by_verdict) seen += count.packets;
    EXPECT_GE(seen, sent);  // the attach self-test's own frame is counted too
    EXPECT_LE(seen, sent + 2);
}

INSTANTIATE_TEST_SUITE_P(Modes, PacketRows,
                         ::testing::Values(AttachKind::Native, AttachKind::Generic, AttachKind::Tc),
                         [](const auto& instance) { return to_string(instance.param); });

}  // namespace
}  // namespace portlid::kernel
