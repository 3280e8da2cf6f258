// SPDX-License-Identifier: Apache-2.0
// The socket hooks under real system calls: what they record, about whom, and what they leave
// alone.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <thread>

#include "socket_fixture.hpp"

namespace portlid::kernel {
namespace {

TEST_F(SocketsTest, EveryBaseHookIsAttached) {
    for (const auto& hook : sensor_->hooks()) {
        if (hook.name.starts_with("lsm_")) continue;
        EXPECT_EQ(hook.state, "attached") << hook.name << ": " << hook.why;
    }
}

TEST_F(SocketsTest, ABindNamesProcessCgroupNamespaceAndSocket) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    const auto bind = only_record(EVENT_bind);
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->socket.cookie, cookie_of(socket));
    EXPECT_EQ(bind->socket.address.to_string(), "127.0.0.1");
    EXPECT_EQ(bind->socket.port.value, 8080);
    EXPECT_EQ(bind->socket.requested_port.value, 8080);
    EXPECT_EQ(bind->socket.protocol, unsigned{IPPROTO_TCP});
    EXPECT_EQ(bind->socket.family, Family::IPv4);
    EXPECT_TRUE(bind->socket.bound);
    struct stat netns {};
    ASSERT_EQ(::stat("/proc/self/ns/net", &netns), 0);
    EXPECT_EQ(bind->socket.netns, netns.st_ino);
    EXPECT_EQ(bind->task.netns, netns.st_ino);
    EXPECT_EQ(bind->task.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(bind->task.ppid, static_cast<std::uint32_t>(::getppid()));
    EXPECT_EQ(bind->task.uid, 0U);
    struct stat cgroup {};
    ASSERT_EQ(::stat(cgroup_.c_str(), &cgroup), 0);
    EXPECT_EQ(bind->task.cgroup_id, cgroup.st_ino);
    EXPECT_EQ(bind->task.cgroup_name, cgroup_.filename());
    EXPECT_LE(bind->task.started, bind->time);
    EXPECT_LE(bind->time, boot_now());
}

TEST_F(SocketsTest, AnEphemeralBindTellsThePortChosenAndThatNoneWasAsked) {
    const auto socket = open_socket(AF_INET, SOCK_DGRAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 0), 0);
    const auto bind = only_record(EVENT_bind);
    ASSERT_TRUE(bind);
    EXPECT_NE(bind->socket.port.value, 0);
    EXPECT_EQ(bind->socket.requested_port.value, 0);
    EXPECT_EQ(bind->socket.protocol, unsigned{IPPROTO_UDP});
}

TEST_F(SocketsTest, ABindThatFailsRecordsNothing) {
    const auto first = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(first, "127.0.0.1", 8080), 0);
    records();
    const auto second = open_socket(AF_INET, SOCK_STREAM);
    EXPECT_EQ(bind_to(second, "127.0.0.1", 8080), EADDRINUSE);
    EXPECT_TRUE(records().empty());
    EXPECT_EQ(sensor_->listeners().size(), 1U);
}

TEST_F(SocketsTest, AListenIsRecordedWithItsBacklogAndStaysInTheMap) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "0.0.0.0", 8080), 0);
    EXPECT_EQ(listener(cookie_of(socket))->state, LISTENER_BOUND);
    records();
    ASSERT_EQ(::listen(socket.get(), 17), 0);
    const auto listen = only_record(EVENT_listen);
    ASSERT_TRUE(listen);
    EXPECT_EQ(listen->socket.backlog, 17);
    EXPECT_EQ(listen->socket.port.value, 8080);
    EXPECT_EQ(listen->socket.requested_port.value, 8080);
    EXPECT_TRUE(listen->socket.bound);
    EXPECT_EQ(listen->socket.address, IpAddress::any(Family::IPv4));
    EXPECT_EQ(listen->task.pid, static_cast<std::uint32_t>(::getpid()));
    const auto kept = listener(cookie_of(socket));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->state, LISTENER_LISTENING);
    EXPECT_EQ(sensor_->listeners().size(), 1U);
}

TEST_F(SocketsTest, ASocketThatIsClosedLeavesTheMapWithOneEvent) {
    auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const auto cookie = cookie_of(socket);
    records();
    socket.reset();
    const auto close = only_record(EVENT_close);
    ASSERT_TRUE(close);
    EXPECT_EQ(close->socket.cookie, cookie);
    EXPECT_EQ(close->socket.port.value, 8080);
    EXPECT_EQ(close->task.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_TRUE(sensor_->listeners().empty());
}

TEST_F(SocketsTest, AShutdownListenerIsClosedThoughItsDescriptorLives) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    records();
    ASSERT_EQ(::shutdown(socket.get(), SHUT_RDWR), 0);
    EXPECT_TRUE(only_record(EVENT_close));
    EXPECT_TRUE(sensor_->listeners().empty());
}

TEST_F(SocketsTest, AUdpSocketLeavesTheMapWhenItsProcessDies) {
    EXPECT_EQ(in_child([] {
                  static const auto socket = open_socket(AF_INET6, SOCK_DGRAM);
                  return bind_to(socket, "::", 5353);
              }),
              0);
    const auto all = records();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].kind, EVENT_bind);
    EXPECT_EQ(all[1].kind, EVENT_close);
    EXPECT_EQ(all[0].task.pid, all[1].task.pid);
    EXPECT_EQ(all[0].task.ppid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_TRUE(sensor_->listeners().empty());
}

TEST_F(SocketsTest, ListenWithoutBindIsRecordedWithoutAPort) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const auto listen = only_record(EVENT_listen);
    ASSERT_TRUE(listen);
    EXPECT_EQ(listen->socket.port.value, 0);
    EXPECT_EQ(listen->socket.requested_port.value, 0);
    EXPECT_FALSE(listen->socket.bound);
}

TEST_F(SocketsTest, AFailedBindBeforeListenIsNotTakenForARequest) {
    const auto taken = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(taken, "0.0.0.0", 8080), 0);
    records();
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "0.0.0.0", 8080), EADDRINUSE);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const auto listen = only_record(EVENT_listen);
    ASSERT_TRUE(listen);
    EXPECT_EQ(listen->socket.requested_port.value, 0);
}

TEST_F(SocketsTest, ASecondListenChangesTheRecordedBacklogWhereLsmRuns) {
    for (const auto& hook : sensor_->hooks())
        if (hook.name == "lsm_listen" && hook.state != "attached")
            GTEST_SKIP() << "no BPF LSM here: " << hook.why;
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 3), 0);
    ASSERT_EQ(::listen(socket.get(), 5), 0);
    EXPECT_EQ(listener(cookie_of(socket))->socket.backlog, 5);
}

TEST_F(SocketsTest, FlagsTellReuseportAndV6only) {
    const auto socket = open_socket(AF_INET6, SOCK_STREAM);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    ASSERT_EQ(bind_to(socket, "::", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    for (const auto& record : records()) {
        EXPECT_TRUE(record.socket.reuseport);
        EXPECT_TRUE(record.socket.v6only);
        EXPECT_EQ(record.socket.family, Family::IPv6);
        EXPECT_TRUE(record.socket.address.is_any());
    }
}

TEST_F(SocketsTest, AMappedAddressKeepsTheSocketsFamily) {
    const auto socket = open_socket(AF_INET6, SOCK_DGRAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 5353), 0);
    const auto bind = only_record(EVENT_bind);
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->socket.family, Family::IPv6);
    EXPECT_EQ(bind->socket.address.to_string(), "127.0.0.1");
    EXPECT_FALSE(bind->socket.v6only);
}

TEST_F(SocketsTest, AConnectionNeitherCreatesNorMovesAListener) {
    const auto server = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(server, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    records();
    EXPECT_EQ(in_child([] {
                  const auto client = open_socket(AF_INET, SOCK_STREAM);
                  sockaddr_in to{.sin_family = AF_INET,
                                 .sin_port = htons(8080),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
                  return ::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
              }),
              0);
    const UniqueFd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(accepted.valid());
    EXPECT_TRUE(records().empty());
    ASSERT_EQ(sensor_->listeners().size(), 1U);
    EXPECT_EQ(sensor_->listeners()[0].task.pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(SocketsTest, AnMptcpServerIsOneListenerAndLeavesNothingBehind) {
    auto socket = open_socket(AF_INET, SOCK_STREAM, kMptcp);
    if (!socket.valid()) GTEST_SKIP() << "this kernel has no MPTCP";
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 3), 0);
    unsigned listens = 0;
    for (const auto& record : records()) listens += record.kind == EVENT_listen ? 1 : 0;
    EXPECT_EQ(listens, 1U);
    const auto kept = sensor_->listeners();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].socket.protocol, unsigned{kMptcp});
    EXPECT_EQ(kept[0].socket.cookie, cookie_of(socket));
    EXPECT_EQ(kept[0].socket.port_host, 8080);
    socket.reset();
    EXPECT_TRUE(only_record(EVENT_close));
    EXPECT_TRUE(sensor_->listeners().empty());
}

TEST_F(SocketsTest, AProcessOutsideTheCgroupIsNotRecorded) {
    const auto outside = cgroup_.parent_path();
    EXPECT_EQ(in_child([outside] {
                  enter_cgroup(outside);
                  const auto socket = open_socket(AF_INET, SOCK_STREAM);
                  if (bind_to(socket, "127.0.0.1", 8080) != 0) return 1;
                  return ::listen(socket.get(), 1);
              }),
              0);
    EXPECT_TRUE(records().empty());
}

TEST_F(SocketsTest, AProcessInACgroupBelowIsRecordedWithItsOwnCgroup) {
    const auto child = cgroup_ / "docker-0123.scope";
    std::filesystem::create_directory(child);
    EXPECT_EQ(in_child([child] {
                  enter_cgroup(child);
                  const auto socket = open_socket(AF_INET, SOCK_STREAM);
                  if (bind_to(socket, "127.0.0.1", 8080) != 0) return 1;
                  return ::listen(socket.get(), 1);
              }),
              0);
    const auto all = records();
    ASSERT_EQ(all.size(), 3U);
    for (const auto& record : all) EXPECT_EQ(record.task.cgroup_name, "docker-0123.scope");
    ::rmdir(child.c_str());
}

TEST_F(SocketsTest, ASocketIsPlacedInItsOwnNamespaceNotItsTasks) {
    const auto socket = open_socket(AF_INET, SOCK_DGRAM);
    struct stat before {};
    ASSERT_EQ(::stat("/proc/self/ns/net", &before), 0);
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const int failed = bind_to(socket, "0.0.0.0", 5353);
    struct stat now {};
    ASSERT_EQ(::stat("/proc/self/ns/net", &now), 0);
    ASSERT_EQ(::setns(home.get(), CLONE_NEWNET), 0);
    ASSERT_EQ(failed, 0);
    const auto bind = only_record(EVENT_bind);
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->socket.netns, before.st_ino);
    EXPECT_EQ(bind->task.netns, now.st_ino);
}

TEST_F(SocketsTest, AThreadSpeaksForItsProcess) {
    char own[16] = {};
    ::prctl(PR_GET_NAME, own);
    const auto socket = open_socket(AF_INET, SOCK_DGRAM);
    std::thread([&] {
        ::prctl(PR_SET_NAME, "iou-wrk-1");
        EXPECT_EQ(bind_to(socket, "127.0.0.1", 5353), 0);
    }).join();
    const auto bind = only_record(EVENT_bind);
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->task.comm, own);
    EXPECT_EQ(bind->task.pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(SocketsTest, AHostileProcessNameArrivesAsItIs) {
    EXPECT_EQ(in_child([] {
                  ::prctl(PR_SET_NAME, "\x1b[2J\n\xff\xe2\x80\xae");
                  const auto socket = open_socket(AF_INET, SOCK_DGRAM);
                  return bind_to(socket, "127.0.0.1", 5353);
              }),
              0);
    const auto all = records();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].task.comm, "\x1b[2J\n\xff\xe2\x80\xae");
}

TEST_F(SocketsTest, ThePrivilegedPortCheckStaysAsItWas) {
    EXPECT_EQ(in_child([] {
                  // The test's own namespace starts with the default, 1024.
                  if (::setuid(65534) != 0) return 1;
                  const auto socket = open_socket(AF_INET, SOCK_STREAM);
                  return bind_to(socket, "127.0.0.1", 80) == EACCES ? 0 : 2;
              }),
              0);
    EXPECT_TRUE(records().empty());
}

TEST_F(SocketsTest, EveryRecordIsEitherDeliveredOrCounted) {
    constexpr unsigned kRounds = 6000;  // two records each, in a ring for about 4800
    for (unsigned i = 0; i < kRounds; ++i) {
        const auto socket = open_socket(AF_INET, SOCK_DGRAM);
        ASSERT_EQ(bind_to(socket, "127.0.0.1", 5353), 0);
    }
    unsigned binds = 0;
    unsigned closes = 0;
    for (const auto& record : records()) (record.kind == EVENT_bind ? binds : closes) += 1;
    const auto lost = sensor_->lost_records();
    EXPECT_GT(lost[EVENT_bind] + lost[EVENT_close], 0U);
    EXPECT_EQ(binds + lost[EVENT_bind], kRounds);
    EXPECT_EQ(closes + lost[EVENT_close], kRounds);
    EXPECT_TRUE(sensor_->listeners().empty());
}

TEST_F(SocketsTest, AFullRingDoesNotHideAListenerFromTheMap) {
    for (unsigned i = 0; i < 6000; ++i)
        (void)bind_to(open_socket(AF_INET, SOCK_DGRAM), "127.0.0.1", 5353);
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    EXPECT_EQ(sensor_->lost_records()[EVENT_listen], 1U);
    EXPECT_TRUE(listener(cookie_of(socket)));
}

}  // namespace
}  // namespace portlid::kernel
