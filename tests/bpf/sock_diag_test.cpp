// SPDX-License-Identifier: Apache-2.0
// Sockets that exist already, as netlink lists them, in namespaces of the test's own.
#include "kernel/sock_diag.hpp"

#include <sys/stat.h>

#include "socket_fixture.hpp"

namespace portlid::kernel {
namespace {

using SockDiagTest = SensorTest;

std::vector<DiagSocket> dump(DiagWhat what) {
    auto sockets = dump_sockets(what);
    EXPECT_TRUE(sockets) << (sockets ? "" : sockets.error().message);
    return sockets ? *sockets : std::vector<DiagSocket>{};
}

TEST_F(SockDiagTest, ListsATcpListenerWithEverythingKnownOfIt) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 21), 0);
    const auto all = dump(DiagWhat::Listening);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].cookie, cookie_of(socket));
    struct stat facts {};
    ASSERT_EQ(::fstat(socket.get(), &facts), 0);
    EXPECT_EQ(all[0].inode, facts.st_ino);
    EXPECT_EQ(all[0].protocol, unsigned{IPPROTO_TCP});
    EXPECT_EQ(all[0].local.to_string(), "127.0.0.1");
    EXPECT_EQ(all[0].local_port.value, 8080);
    EXPECT_EQ(all[0].backlog, 21);
    EXPECT_EQ(all[0].uid, 0U);
}

TEST_F(SockDiagTest, TellsDualStackFromV6only) {
    const auto dual = open_socket(AF_INET6, SOCK_STREAM);
    const auto only = open_socket(AF_INET6, SOCK_STREAM);
    const int on = 1;
    ::setsockopt(only.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    ASSERT_EQ(bind_to(dual, "::", 8080), 0);
    ASSERT_EQ(bind_to(only, "::", 8081), 0);
    ASSERT_EQ(::listen(dual.get(), 1) + ::listen(only.get(), 1), 0);
    const auto all = dump(DiagWhat::Listening);
    ASSERT_EQ(all.size(), 2U);
    for (const auto& one : all) EXPECT_EQ(one.v6only, one.local_port.value == 8081);
}

TEST_F(SockDiagTest, ListsBoundUdpAsListeningAndConnectedUdpAsEstablished) {
    const auto bound = open_socket(AF_INET, SOCK_DGRAM);
    const auto connected = open_socket(AF_INET, SOCK_DGRAM);
    ASSERT_EQ(bind_to(bound, "127.0.0.1", 5353), 0);
    sockaddr_in to{
        .sin_family = AF_INET, .sin_port = htons(5353), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ASSERT_EQ(::connect(connected.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const auto listening = dump(DiagWhat::Listening);
    ASSERT_EQ(listening.size(), 1U);
    EXPECT_EQ(listening[0].cookie, cookie_of(bound));
    const auto established = dump(DiagWhat::Established);
    ASSERT_EQ(established.size(), 1U);
    EXPECT_EQ(established[0].cookie, cookie_of(connected));
    EXPECT_EQ(established[0].remote_port.value, 5353);
}

TEST_F(SockDiagTest, CountsAnMptcpServerOnce) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM, kMptcp);
    if (!socket.valid()) GTEST_SKIP() << "this kernel has no MPTCP";
    ASSERT_EQ(bind_to(socket, "127.0.0.1", 8080), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const auto all = dump(DiagWhat::Listening);
    ASSERT_EQ(all.size(), 1U);
    // Without the kernel's mptcp_diag the subflow stands for its owner: same inode, same port.
    struct stat facts {};
    ASSERT_EQ(::fstat(socket.get(), &facts), 0);
    EXPECT_EQ(all[0].inode, facts.st_ino);
    EXPECT_EQ(all[0].protocol, unsigned{IPPROTO_TCP});
    EXPECT_EQ(all[0].local_port.value, 8080);
}

TEST_F(SockDiagTest, ListsUdpLiteOfBothFamilies) {
    const auto four = open_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    if (!four.valid() && errno == EPROTONOSUPPORT) GTEST_SKIP() << "this kernel has no UDP-Lite";
    ASSERT_TRUE(four.valid()) << std::strerror(errno);
    ASSERT_EQ(bind_to(four, "127.0.0.1", 8080), 0);
    ASSERT_EQ(dump(DiagWhat::Listening).size(), 1U);
    EXPECT_EQ(dump(DiagWhat::Listening)[0].cookie, cookie_of(four));
    const auto six = open_socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE);
    ASSERT_EQ(bind_to(six, "::1", 8081), 0);
    EXPECT_EQ(dump(DiagWhat::Listening).size(), 2U);
}

TEST_F(SockDiagTest, GivesThePortOfAListenWithoutBind) {
    const auto socket = open_socket(AF_INET, SOCK_STREAM);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const auto all = dump(DiagWhat::Listening);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_NE(all[0].local_port.value, 0);
}

// A child that opens `port` in a network namespace of its own and lives until told to end.
class Neighbour {
public:
    explicit Neighbour(std::uint16_t port) {
        int ready[2];
        int quit[2];
        if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(quit, O_CLOEXEC) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) ::_exit(live(port, ready[1], quit));
        const UniqueFd mine(ready[0]), theirs(ready[1]), end(quit[0]);
        quit_ = UniqueFd(quit[1]);
        char byte = 0;
        ok_ = ::read(ready[0], &byte, 1) == 1;
    }
    ~Neighbour() {
        quit_.reset();
        ::waitpid(pid_, nullptr, 0);
    }
    Neighbour(const Neighbour&) = delete;
    Neighbour& operator=(const Neighbour&) = delete;

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    [[nodiscard]] std::uint32_t netns() const {
        struct stat facts {};
        ::stat(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), &facts);
        return static_cast<std::uint32_t>(facts.st_ino);
    }

private:
    static int live(std::uint16_t port, int ready, const int (&quit)[2]) {
        ::close(quit[1]);
        if (::unshare(CLONE_NEWNET) != 0) return 1;
        const auto socket = open_socket(AF_INET, SOCK_STREAM);
        if (bind_to(socket, "0.0.0.0", port) != 0 || ::listen(socket.get(), 1) != 0) return 1;
        if (::write(ready, "x", 1) != 1) return 1;
        char byte = 0;
        return static_cast<int>(::read(quit[0], &byte, 1));
    }

    pid_t pid_ = -1;
    UniqueFd quit_;
    bool ok_ = false;
};

std::uint32_t own_netns() {
    struct stat facts {};
    ::stat("/proc/self/ns/net", &facts);
    return static_cast<std::uint32_t>(facts.st_ino);
}

TEST_F(SockDiagTest, ASweepListsEveryNamespaceTheOwnFirstAndMovesNobody) {
    const Neighbour neighbour(9090);
    ASSERT_TRUE(neighbour.ok());
    const auto before = own_netns();
    const auto sweep = sweep_listeners(
        {{neighbour.netns(), neighbour.pid()}, {before, static_cast<std::uint32_t>(::getpid())}});
    ASSERT_TRUE(sweep) << sweep.error().message;
    EXPECT_EQ(own_netns(), before);
    EXPECT_EQ(sweep->skipped, 0U);
    ASSERT_EQ(sweep->namespaces.size(), 2U);
    EXPECT_EQ(sweep->namespaces[0].netns, before);
    const auto& there = sweep->namespaces[1];
    EXPECT_EQ(there.netns, neighbour.netns());
    EXPECT_NE(there.netns_cookie, 0U);
    EXPECT_NE(there.netns_cookie, sweep->namespaces[0].netns_cookie);
    ASSERT_EQ(there.sockets.size(), 1U);
    EXPECT_EQ(there.sockets[0].local_port.value, 9090);
}

TEST_F(SockDiagTest, ASweepLeavesOutNamespacesThatAreGoneOrAnothersByNow) {
    const Neighbour neighbour(9090);
    ASSERT_TRUE(neighbour.ok());
    constexpr std::uint32_t kNobody = 0x7fffffff;
    const auto sweep = sweep_listeners({{12345, kNobody}, {12345, neighbour.pid()}});
    ASSERT_TRUE(sweep);
    EXPECT_EQ(sweep->namespaces.size(), 1U);
    EXPECT_EQ(sweep->skipped, 0U);
}

}  // namespace
}  // namespace portlid::kernel
