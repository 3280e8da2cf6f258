// SPDX-License-Identifier: Apache-2.0
// The loaded programs at work: swapping policies under packets, rings, socket hooks.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include <netinet/in.h>

#include "program_fixture.hpp"

namespace portlid::kernel {
namespace {

using namespace std::chrono_literals;

class DatapathTest : public ProgramTest {
protected:
    void attach() { attach_program(); }

    static void move_into(const std::filesystem::path& cgroup) {
        std::ofstream(cgroup / "cgroup.procs") << ::getpid() << std::flush;
    }

    // Opens 8080 to one source class. The trie of version 0 puts the stranger into class 0, that
    // of version 1 into class 1, and the cells follow: any two parts of different versions refuse.
    static policy::CompiledPolicy version(unsigned which) {
        auto policy = policy_of(false);
        auto& image = *policy.image;
        image.head.source_classes = 2;
        image.decisions[2] = image.decisions[1];
        image.decisions[2].reason = REASON_allowed;
        image.decisions[2].allow = 1;
        image.ports[0][0][8080] = 1;
        image.rule_sets[1] = {10, 2, 1};
        image.cells[10 + which] = 2;
        image.cells[11 - which] = 1;
        const auto source = IpAddress::parse(test::kStrangerV4)->bytes();
        image.source_root_v4[source[12] << 8 | source[13]] = {which, 0, 0xffff};
        policy.nodes.assign(2, {});
        for (auto& node : policy.nodes)
            for (auto& entry : node.child) entry = TRIE_LEAF | which;
        return policy;
    }
};

TEST_F(DatapathTest, BeforeTheFirstPolicyEverythingPasses) {
    attach();
    EXPECT_EQ(judge(test::syn_v4(8080)), XDP_PASS);
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    EXPECT_EQ(judge(test::syn_v4(8080)), XDP_DROP);
}

TEST_F(DatapathTest, NoPacketEverMeetsHalfOfEachOfTwoPolicies) {
    attach();
    const auto even = version(0);
    const auto odd = version(1);
    ASSERT_TRUE(sensor_->publish(even));
    ASSERT_EQ(judge(test::syn_v4(8080)), XDP_PASS);
    std::atomic<bool> done = false;
    std::atomic<unsigned> judged = 0;
    std::atomic<unsigned> refused = 0;
    std::thread packets([&] {
        while (!done) {
            ++judged;
            if (judge(test::syn_v4(8080)) != XDP_PASS) ++refused;
        }
    });
    const auto end = std::chrono::steady_clock::now() + 2s;
    unsigned swaps = 0;
    while (swaps < 10000 && std::chrono::steady_clock::now() < end) {
        ++swaps;
        if (!sensor_->publish(swaps % 2 != 0 ? odd : even)) break;
    }
    done = true;
    packets.join();
    EXPECT_EQ(sensor_->generation(), swaps + 1);
    EXPECT_EQ(refused, 0U) << "of " << judged << " packets over " << swaps << " swaps";
    EXPECT_GT(judged, 1000U);
    RecordProperty("swaps", static_cast<int>(swaps));
}

TEST_F(DatapathTest, AnUnconfirmedPolicyGivesWayInTheKernelAtItsDeadline) {
    attach();
    ASSERT_TRUE(sensor_->publish(policy_of(true)));
    auto pending = policy_of(false);
    pending.image->head.deadline_boot_ns = 1;
    ASSERT_TRUE(sensor_->publish(pending));
    EXPECT_EQ(judge(test::syn_v4(8080)), XDP_PASS);
}

TEST_F(DatapathTest, ADropIsCountedReportedAndSummed) {
    attach();
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    const auto before = sensor_->counters(up_)[REASON_no_service][VERDICT_drop];
    for (int i = 0; i < 5; ++i) ASSERT_EQ(judge(test::syn_v4(8080)), XDP_DROP);
    const auto after = sensor_->counters(up_)[REASON_no_service][VERDICT_drop];
    EXPECT_EQ(after.packets - before.packets, 5U);
    EXPECT_EQ(after.bytes - before.bytes, 5 * test::syn_v4(8080).size());
    unsigned events = 0;
    verdict_event event{};
    sensor_->poll_rings([&](std::span<const std::byte> record) {
        ASSERT_EQ(record.size(), sizeof(event));
        std::memcpy(&event, record.data(), sizeof(event));
        ++events;
    });
    EXPECT_EQ(events, 1U) << "the rest is in the summary";
    EXPECT_EQ(event.destination_port_host, 8080U);
    EXPECT_EQ(event.generation, 1U);
    std::uint64_t summed = 0;
    for (const auto& verdict : sensor_->take_recent_verdicts()) summed += verdict.state.packets;
    EXPECT_EQ(summed, 5U);
}

TEST_F(DatapathTest, AListeningSocketIsRecordedWithItsOwnerAndForgottenWhenItCloses) {
    load();
    ASSERT_TRUE(sensor_->attach_sockets());
    // The hooks sit on the test's own cgroup: this process has to be in it.
    move_into(cgroup_);
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(8080);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
    const int listening = ::listen(socket.get(), 5);
    const auto listeners = sensor_->listeners();
    EXPECT_EQ(listening, 0);
    ASSERT_EQ(listeners.size(), 1U);
    EXPECT_EQ(listeners[0].socket.port_host, 8080U);
    EXPECT_EQ(listeners[0].task.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(listeners[0].state, LISTENER_LISTENING);
    socket.reset();
    move_into(cgroup_.parent_path());
    EXPECT_TRUE(sensor_->listeners().empty());
    std::vector<unsigned> kinds;
    sensor_->poll_rings([&](std::span<const std::byte> record) {
        event_head head{};
        ASSERT_GE(record.size(), sizeof(head));
        std::memcpy(&head, record.data(), sizeof(head));
        kinds.push_back(head.kind);
    });
    EXPECT_EQ(kinds, (std::vector<unsigned>{EVENT_bind, EVENT_listen, EVENT_close}));
}

TEST_F(DatapathTest, EveryBaseHookIsAttachedAndOptionalOnesSayWhyNot) {
    load();
    ASSERT_TRUE(sensor_->attach_sockets());
    for (const auto& hook : sensor_->hooks()) {
        SCOPED_TRACE(hook.name);
        if (hook.name.starts_with("lsm_"))
            EXPECT_TRUE(hook.state == "attached" ||
                        (hook.state == "unavailable" && !hook.why.empty()))
                << hook.state;
        else
            EXPECT_EQ(hook.state, "attached") << hook.why;
    }
    EXPECT_EQ(sensor_->hooks().size(), 8U);
}

TEST_F(DatapathTest, ASocketHookThatSomebodyDetachedIsNoticedAndRepaired) {
    load();
    ASSERT_TRUE(sensor_->attach_sockets());
    const auto hook_state = [this](const std::string& name) {
        for (const auto& hook : sensor_->hooks())
            if (hook.name == name) return hook.state;
        return std::string("absent");
    };
    const auto link = open_pin(pins() / "links" / "post_bind4");
    ASSERT_EQ(bpf_link_detach(link.get()), 0);
    ASSERT_EQ(::unlink((pins() / "links" / "listen").c_str()), 0);
    sensor_->verify_links();
    EXPECT_EQ(hook_state("post_bind4"), "failed");
    EXPECT_EQ(hook_state("listen"), "failed");
    EXPECT_EQ(hook_state("bind4"), "attached");
    ASSERT_TRUE(sensor_->attach_sockets());
    sensor_->verify_links();
    EXPECT_EQ(hook_state("post_bind4"), "attached");
    EXPECT_EQ(hook_state("listen"), "attached");
}

}  // namespace
}  // namespace portlid::kernel
