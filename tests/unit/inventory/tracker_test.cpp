// SPDX-License-Identifier: Apache-2.0
#include "inventory/tracker.hpp"

#include <gtest/gtest.h>

#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;

constexpr std::uint64_t kSecond = 1'000'000'000;

// A procfs of symlinks and files that a test fills as it goes.
class FakeProc {
public:
    [[nodiscard]] identity::ProcRoot root() const { return identity::ProcRoot(directory_.path()); }
    void add(std::uint32_t pid, const std::string& exe, std::uint64_t start_ticks,
             const std::vector<std::uint64_t>& inodes = {}, std::uint32_t ppid = 1) {
        const auto name = std::to_string(pid);
        remove(pid);
        std::string zeroes;
        for (int i = 0; i < 17; ++i) zeroes += "0 ";
        directory_.write(name + "/stat", name + " (" + exe + ") S " + std::to_string(ppid) + " " +
                                             zeroes + std::to_string(start_ticks) + " 0\n");
        directory_.write(name + "/status", "Name:\t" + exe + "\nUid:\t0\t0\t0\t0\n");
        directory_.write(name + "/cgroup", "0::/system.slice/" + exe + ".service\n");
        std::filesystem::create_symlink("/bin/" + exe, directory_.path() / name / "exe");
        std::filesystem::create_directory(directory_.path() / name / "fd");
        for (std::size_t i = 0; i < inodes.size(); ++i)
            std::filesystem::create_symlink("socket:[" + std::to_string(inodes[i]) + "]",
                                            directory_.path() / name / "fd" / std::to_string(i));
    }
    void remove(std::uint32_t pid) {
        std::filesystem::remove_all(directory_.path() / std::to_string(pid));
    }

private:
    Directory directory_;
};

event::SocketRecord record(event_kind kind, std::uint64_t cookie, std::uint16_t port,
                           std::uint64_t seconds, std::uint32_t protocol = IPPROTO_TCP) {
    event::SocketRecord out;
    out.kind = kind;
    out.time = {seconds * kSecond};
    out.socket.cookie = cookie;
    out.socket.netns = kHost;
    out.socket.protocol = protocol;
    out.socket.address = ip("0.0.0.0");
    out.socket.port = {port};
    out.socket.requested_port = {port};
    out.task.pid = 70;
    out.task.started = {700 * kSecond / 100};
    out.task.comm = "httpd";
    return out;
}

SweptSocket swept(std::uint64_t cookie, std::uint16_t port, std::uint64_t inode,
                  std::uint32_t protocol = IPPROTO_TCP) {
    SweptSocket out;
    out.socket = record(EVENT_listen, cookie, port, 0, protocol).socket;
    out.inode = inode;
    return out;
}

SweepResult sweep(std::uint64_t seconds, std::vector<SweptSocket> sockets) {
    return {{seconds * kSecond}, {kHost}, true, std::move(sockets)};
}

class Table : public ::testing::Test {
protected:
    Table() { proc_.add(70, "httpd", 700, {5001}); }
    std::vector<unsigned> ports() {
        std::vector<unsigned> out;
        for (const auto& listener : table_.listeners()) out.push_back(listener.socket.port.value);
        return out;
    }
    using Ports = std::vector<unsigned>;

    FakeProc proc_;
    ListenerTable table_{proc_.root()};
};

TEST_F(Table, TcpCountsFromListenNotFromBind) {
    EXPECT_FALSE(table_.apply(record(EVENT_bind, 1, 80, 10)));
    EXPECT_EQ(ports(), Ports{});
    EXPECT_TRUE(table_.apply(record(EVENT_listen, 1, 80, 11)));
    EXPECT_EQ(ports(), Ports{80});
    EXPECT_EQ(table_.find(1)->since.ns, 11 * kSecond);
    EXPECT_FALSE(table_.find(1)->preexisting);
}

TEST_F(Table, UdpAndUdpliteCountFromBindAndOtherProtocolsNever) {
    table_.apply(record(EVENT_bind, 1, 53, 10, IPPROTO_UDP));
    table_.apply(record(EVENT_bind, 2, 54, 10, IPPROTO_UDPLITE));
    table_.apply(record(EVENT_bind, 3, 55, 10, IPPROTO_RAW));
    table_.apply(record(EVENT_listen, 4, 56, 10, IPPROTO_SCTP));
    EXPECT_EQ(ports(), (Ports{53, 54}));
}

TEST_F(Table, AListenerGoesByItsCookieWhoeverCloses) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    EXPECT_FALSE(table_.apply(record(EVENT_close, 2, 80, 11)));
    EXPECT_EQ(ports(), Ports{80});
    auto elsewhere = record(EVENT_close, 1, 0, 12);
    elsewhere.task.pid = 4;
    EXPECT_TRUE(table_.apply(elsewhere));
    EXPECT_EQ(ports(), Ports{});
}

TEST_F(Table, AListenWithoutAPortWaitsForASweepAndKeepsItsHolder) {
    EXPECT_FALSE(table_.wants_sweep());
    EXPECT_FALSE(table_.apply(record(EVENT_listen, 1, 0, 10)));
    EXPECT_TRUE(table_.wants_sweep());
    EXPECT_EQ(ports(), Ports{});
    EXPECT_EQ(table_.find(1), nullptr);
    EXPECT_TRUE(table_.apply(sweep(11, {swept(1, 40001, 5001)})));
    EXPECT_FALSE(table_.wants_sweep());
    EXPECT_EQ(ports(), Ports{40001});
    EXPECT_EQ(table_.find(1)->holder->process.exe, "/bin/httpd");
    EXPECT_FALSE(table_.find(1)->preexisting);
}

TEST_F(Table, AListenThatFailedForWantOfAPortNeverShows) {
    table_.apply(record(EVENT_listen, 1, 0, 10));
    EXPECT_FALSE(table_.apply(record(EVENT_close, 1, 0, 10)));
    EXPECT_EQ(ports(), Ports{});
}

TEST_F(Table, ReuseportWorkersLeaveOneByOne) {
    for (std::uint64_t cookie = 1; cookie <= 4; ++cookie)
        table_.apply(record(EVENT_listen, cookie, 80, 10));
    for (std::uint64_t cookie = 1; cookie <= 3; ++cookie)
        table_.apply(record(EVENT_close, cookie, 80, 11));
    EXPECT_EQ(ports(), Ports{80});
    table_.apply(record(EVENT_close, 4, 80, 12));
    EXPECT_EQ(ports(), Ports{});
}

TEST_F(Table, AnMptcpListenerIsOneAndLeavesNothingBehind) {
    auto outer = record(EVENT_listen, 1, 80, 10);
    outer.socket.mptcp = true;
    table_.apply(outer);
    table_.apply(record(EVENT_listen, 2, 80, 10));
    ASSERT_EQ(ports(), Ports{80});
    EXPECT_TRUE(table_.listeners()[0].socket.mptcp);
    table_.apply(record(EVENT_close, 1, 80, 11));
    EXPECT_EQ(ports(), Ports{});
    EXPECT_EQ(table_.size(), 0U);
}

TEST_F(Table, SocketsOfTheFirstSweepWereThereBefore) {
    table_.apply(sweep(5, {swept(1, 22, 5001), swept(2, 40000, 0, IPPROTO_UDP)}));
    EXPECT_EQ(ports(), (Ports{22, 40000}));
    EXPECT_TRUE(table_.find(1)->preexisting);
    EXPECT_EQ(table_.find(1)->holder->process.pid, 70U);
    table_.apply(sweep(6, {swept(1, 22, 5001), swept(3, 23, 0)}));
    EXPECT_TRUE(table_.find(1)->preexisting);
    EXPECT_FALSE(table_.find(3)->preexisting);
}

TEST_F(Table, ARecordThatArrivesAfterTheSweepThatSawItsSocketWins) {
    table_.apply(sweep(20, {swept(1, 80, 5001)}));
    table_.apply(record(EVENT_listen, 1, 80, 19));
    EXPECT_FALSE(table_.find(1)->preexisting);
    EXPECT_EQ(table_.find(1)->since.ns, 19 * kSecond);
}

TEST_F(Table, ASweepRemovesOnlyWhatIsOlderThanItself) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    table_.apply(record(EVENT_listen, 2, 81, 12));
    EXPECT_TRUE(table_.apply(sweep(11, {})));
    EXPECT_EQ(ports(), Ports{81});
}

TEST_F(Table, ASweepDoesNotBringBackWhatClosedAfterItBegan) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    table_.apply(record(EVENT_close, 1, 80, 12));
    table_.apply(sweep(11, {swept(1, 80, 5001)}));
    EXPECT_EQ(ports(), Ports{});
    table_.apply(record(EVENT_listen, 1, 80, 13));
    EXPECT_EQ(ports(), Ports{80});
}

TEST_F(Table, ANamespaceThatWasNotReadKeepsItsSockets) {
    auto inner = record(EVENT_listen, 1, 80, 10);
    inner.socket.netns = kContainer;
    table_.apply(inner);
    auto partial = sweep(20, {});
    partial.complete = false;
    table_.apply(partial);
    EXPECT_EQ(ports(), Ports{80});
    table_.apply(sweep(21, {}));
    EXPECT_EQ(ports(), Ports{80}) << "its holder lives";
    proc_.remove(70);
    table_.apply(sweep(22, {}));
    EXPECT_EQ(ports(), Ports{});
}

TEST_F(Table, AClientsUdpPortIsNoExposureUntilItHasStayed) {
    table_.apply(sweep(1, {}));
    auto dig = record(EVENT_bind, 1, 45000, 10, IPPROTO_UDP);
    dig.socket.requested_port = {0};
    EXPECT_FALSE(table_.apply(dig));
    EXPECT_FALSE(table_.apply(
        sweep(12, {swept(1, 45000, 0, IPPROTO_UDP), swept(2, 45001, 0, IPPROTO_UDP)})));
    EXPECT_EQ(ports(), Ports{});
    EXPECT_TRUE(table_.apply(
        sweep(43, {swept(1, 45000, 0, IPPROTO_UDP), swept(2, 45001, 0, IPPROTO_UDP)})));
    EXPECT_EQ(ports(), (Ports{45000, 45001}));
}

TEST_F(Table, AMissedUdpServerOnAFixedPortShowsWithTheNextSweep) {
    table_.apply(sweep(1, {}));
    EXPECT_TRUE(table_.apply(sweep(2, {swept(1, 53, 0, IPPROTO_UDP)})));
    EXPECT_EQ(ports(), Ports{53});
}

TEST_F(Table, TheHolderIsReadAtOnceAndIsTheKernelsWordWhenAlreadyGone) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    EXPECT_TRUE(table_.find(1)->holder->known);
    EXPECT_EQ(table_.find(1)->holder->process.unit, "httpd.service");
    auto brief = record(EVENT_listen, 2, 81, 10);
    brief.task.pid = 71;
    brief.task.uid = 64321;
    brief.task.cgroup_name = "docker-" + id_of('d') + ".scope";
    table_.apply(brief);
    EXPECT_FALSE(table_.find(2)->holder->known);
    EXPECT_EQ(table_.find(2)->holder->process.comm, "httpd");
    EXPECT_EQ(table_.find(2)->holder->process.user, "64321");
    EXPECT_EQ(table_.find(2)->holder->process.container_id, id_of('d'));
}

TEST_F(Table, APidThatWasGivenToSomebodyElseIsNotTheHolder) {
    proc_.add(70, "other", 99999);
    table_.apply(record(EVENT_listen, 1, 80, 10));
    EXPECT_FALSE(table_.find(1)->holder->known);
    EXPECT_EQ(table_.find(1)->holder->process.comm, "httpd");
    EXPECT_EQ(table_.find(1)->holder->process.exe, "");
}

TEST_F(Table, KnowsTheParentOfTheHolder) {
    proc_.add(7, "dockerd", 50);
    proc_.add(70, "docker-proxy", 700, {5001}, 7);
    table_.apply(record(EVENT_listen, 1, 80, 10));
    EXPECT_EQ(table_.find(1)->holder->parent_exe, "/bin/dockerd");
}

TEST_F(Table, WhoBoundIsKeptWhenAnotherListens) {
    proc_.add(1, "systemd", 1);
    auto bind = record(EVENT_bind, 1, 22, 10);
    bind.task.pid = 1;
    bind.task.started = {};
    table_.apply(bind);
    table_.apply(record(EVENT_listen, 1, 22, 11));
    EXPECT_EQ(table_.find(1)->holder->process.pid, 70U);
    EXPECT_EQ(table_.find(1)->binder->process.exe, "/bin/systemd");
}

TEST_F(Table, ASweepFollowsADescriptorToItsNewHolder) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    proc_.add(70, "httpd", 700);
    proc_.add(90, "heir", 900, {5001});
    EXPECT_TRUE(table_.apply(sweep(11, {swept(1, 80, 5001)})));
    EXPECT_EQ(table_.find(1)->holder->process.pid, 90U);
    EXPECT_EQ(table_.find(1)->binder->process.pid, 70U);
    EXPECT_FALSE(table_.apply(sweep(12, {swept(1, 80, 5001)})));
}

TEST_F(Table, AHolderThatClosedItsDescriptorIsNoticedWithoutASweep) {
    table_.apply(sweep(9, {}));
    table_.apply(record(EVENT_listen, 1, 80, 10));
    table_.look_at_holders();
    EXPECT_TRUE(table_.wants_sweep()) << "nobody knows its inode";
    table_.apply(sweep(11, {swept(1, 80, 5001)}));
    table_.look_at_holders();
    EXPECT_FALSE(table_.wants_sweep());
    proc_.add(70, "httpd", 700);  // lives on, without it
    proc_.add(90, "heir", 900, {5001});
    table_.look_at_holders();
    EXPECT_TRUE(table_.wants_sweep());
    table_.apply(sweep(12, {swept(1, 80, 5001)}));
    EXPECT_EQ(table_.find(1)->holder->process.pid, 90U);
    table_.look_at_holders();
    EXPECT_FALSE(table_.wants_sweep());
}

TEST_F(Table, OfManyListenersSomeAreLookedAtInTurnAndNoneIsLeftOut) {
    std::vector<SweptSocket> all;
    std::vector<std::uint64_t> inodes;
    for (std::uint16_t i = 1; i <= 1000; ++i) {
        all.push_back(swept(i, i, 5000U + i));
        inodes.push_back(5000U + i);
    }
    proc_.add(70, "httpd", 700, inodes);
    table_.apply(sweep(10, all));
    inodes[499] = 1;  // given away
    proc_.add(70, "httpd", 700, inodes);
    unsigned seconds = 0;
    while (!table_.wants_sweep() && seconds < 100) table_.look_at_holders(), ++seconds;
    EXPECT_LE(seconds, 20U);
}

TEST_F(Table, AHolderThatStillHoldsStaysTheHolder) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    proc_.add(60, "parent", 600, {5001});
    EXPECT_FALSE(table_.apply(sweep(11, {swept(1, 80, 5001)})));
    EXPECT_EQ(table_.find(1)->holder->process.pid, 70U);
    EXPECT_FALSE(table_.find(1)->binder);
}

TEST_F(Table, AnotherProgramInTheSameProcessIsAChange) {
    table_.apply(record(EVENT_listen, 1, 80, 10));
    proc_.add(70, "execed", 700, {5001});
    EXPECT_TRUE(table_.apply(sweep(11, {swept(1, 80, 5001)})));
    EXPECT_EQ(table_.find(1)->holder->process.exe, "/bin/execed");
}

TEST_F(Table, ResolvesANamespaceThatTheKernelOnlyKnowsByCookie) {
    auto known = swept(1, 80, 0);
    known.socket.netns = kContainer;
    known.socket.netns_cookie = 33;
    table_.apply(sweep(1, {known}));
    auto unknown = record(EVENT_listen, 2, 81, 10);
    unknown.socket.netns = 0;
    unknown.socket.netns_cookie = 33;
    table_.apply(unknown);
    EXPECT_EQ(table_.find(2)->socket.netns, kContainer);
    unknown.socket.cookie = 3;
    unknown.socket.netns_cookie = 34;
    unknown.task.netns = 77;
    table_.apply(unknown);
    EXPECT_EQ(table_.find(3)->socket.netns, 77U);
}

TEST_F(Table, IsBoundedAndCountsWhatDidNotFit) {
    TableOptions small;
    small.max_listeners = 2;
    ListenerTable table(proc_.root(), small);
    for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) {
        table.apply(record(EVENT_bind, cookie, 80, 10));
        table.apply(record(EVENT_listen, cookie, static_cast<std::uint16_t>(80 + cookie), 10));
    }
    EXPECT_EQ(table.size(), 2U);
    EXPECT_EQ(table.overflowed(), 3U);
}

}  // namespace
}  // namespace portlid::inventory
