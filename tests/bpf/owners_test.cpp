// SPDX-License-Identifier: Apache-2.0
// Owned ports and refused binds in the kernel, with nobody in userspace to help: a proof ends with
// its socket, with any newcomer on its address, and with nothing else.
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "socket_fixture.hpp"

namespace portlid::kernel {
namespace {

constexpr std::uint16_t kPort = 18443;
constexpr std::uint64_t kOwner = 77;

port_slot_key slot_of(const char* address, std::uint8_t protocol = IPPROTO_TCP) {
    return {IpAddress::parse(address)->to_bytes(), kPort, protocol, 0};
}

class OwnersTest : public SocketsTest {
protected:
    void SetUp() override {
        SocketsTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        std::vector<std::uint64_t> words(OWNED_WORDS);
        for (const bool udp : {false, true})
            words[OWNED_WORD(udp, kPort)] |= std::uint64_t{1} << (kPort & 63U);
        ASSERT_TRUE(sensor_->owner_ports().set_owned(words));
    }
    [[nodiscard]] OwnerPorts::Slot slot(const port_slot_key& key) const {
        const auto slots = sensor_->owner_ports().slots();
        const auto found = slots.find(key);
        return found == slots.end() ? OwnerPorts::Slot{} : found->second;
    }
    void prove(const port_slot_key& key) const {
        ASSERT_TRUE(sensor_->owner_ports().prove(kOwner, key, slot(key).state.arrivals));
    }
    // As owner_holds() sees one slot.
    [[nodiscard]] bool open(const port_slot_key& key) const {
        const auto proofs = sensor_->owner_ports().proofs();
        const auto found = proofs.find(port_proof_key{kOwner, key, 0});
        const auto now = slot(key).state;
        return found != proofs.end() && now.sockets != 0 && found->second == now.arrivals;
    }
    static UniqueFd listener_on(const char* address, bool share = false) {
        auto socket = open_socket(AF_INET, SOCK_STREAM);
        const int on = 1;
        if (share) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        EXPECT_EQ(bind_to(socket, address, kPort), 0);
        EXPECT_EQ(::listen(socket.get(), 8), 0);
        return socket;
    }
};

TEST_F(OwnersTest, AProofEndsWithItsSocket) {
    const auto key = slot_of("0.0.0.0");
    auto socket = listener_on("0.0.0.0");
    EXPECT_EQ(slot(key).cookies, std::vector{cookie_of(socket)});
    EXPECT_FALSE(open(key));
    prove(key);
    EXPECT_TRUE(open(key));
    socket.reset();
    EXPECT_FALSE(open(key));
    const auto impostor = listener_on("0.0.0.0");
    EXPECT_EQ(slot(key).state.sockets, 1U);
    EXPECT_FALSE(open(key));
}

TEST_F(OwnersTest, ANewcomerOnTheSameAddressEndsIt) {
    const auto key = slot_of("0.0.0.0");
    const auto socket = listener_on("0.0.0.0", true);
    prove(key);
    auto other = listener_on("0.0.0.0", true);
    EXPECT_FALSE(open(key));
    prove(key);
    EXPECT_TRUE(open(key));
    other.reset();  // one of a group goes: the rest stays proven
    EXPECT_TRUE(open(key));
}

TEST_F(OwnersTest, ANewcomerOnAnotherAddressOrInAnotherNamespaceDoesNot) {
    const auto key = slot_of("0.0.0.0", IPPROTO_UDP);
    const auto udp = [](const char* address) {
        auto socket = open_socket(AF_INET, SOCK_DGRAM);
        const int on = 1;
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        ::setsockopt(socket.get(), SOL_IP, IP_FREEBIND, &on, sizeof(on));
        EXPECT_EQ(bind_to(socket, address, kPort), 0);
        return socket;
    };
    const auto owner = udp("0.0.0.0");
    prove(key);
    const auto elsewhere = udp("192.0.2.99");
    EXPECT_TRUE(open(key));
    EXPECT_EQ(slot(slot_of("192.0.2.99", IPPROTO_UDP)).state.sockets, 1U);
    const auto in_another = in_child([&] {
        if (::unshare(CLONE_NEWNET) != 0) return 2;
        const auto socket = udp("0.0.0.0");
        return open(key) ? 0 : 1;
    });
    EXPECT_EQ(in_another, 0);
    const auto loopback = udp("127.0.0.1");
    EXPECT_EQ(slot(slot_of("127.0.0.1", IPPROTO_UDP)).state.sockets, 0U);
}

TEST_F(OwnersTest, TheSameSocketThatListensAgainIsNotProven) {
    const auto key = slot_of("0.0.0.0");
    const auto socket = listener_on("0.0.0.0");
    prove(key);
    ::shutdown(socket.get(), SHUT_RDWR);
    EXPECT_FALSE(open(key));
    ASSERT_EQ(::listen(socket.get(), 8), 0);
    EXPECT_FALSE(open(key));
}

TEST_F(OwnersTest, APublicationWithoutASocketIsTakenAndReleased) {
    const auto key = slot_of("0.0.0.0");
    auto ports = sensor_->owner_ports();
    ASSERT_TRUE(ports.take(PORT_CLAIM_NO_SOCKET | 5, key));
    ASSERT_TRUE(ports.take(PORT_CLAIM_NO_SOCKET | 5, key));  // twice is once
    EXPECT_EQ(slot(key).state.sockets, 1U);
    prove(key);
    EXPECT_TRUE(open(key));
    ASSERT_TRUE(ports.release(PORT_CLAIM_NO_SOCKET | 5));
    EXPECT_FALSE(open(key));
    ports.prune();
    EXPECT_TRUE(ports.slots().empty());
    EXPECT_TRUE(ports.proofs().empty());
}

// ---- binds ------------------------------------------------------------------------------------

class BindsTest : public SocketsTest {
protected:
    static BindTables tables(std::uint32_t mode) {
        BindTables tables;
        tables.settings.mode = mode;
        tables.ports.assign(2UL * 65536, 0);
        return tables;
    }
    void set(const BindTables& tables) {
        const auto done = sensor_->set_binds(tables);
        ASSERT_TRUE(done) << done.error().message;
        records();
    }
    static int try_bind(std::uint16_t port, int type = SOCK_STREAM, int family = AF_INET) {
        const auto socket = open_socket(family, type);
        return bind_to(socket, family == AF_INET ? "0.0.0.0" : "::", port);
    }
};

TEST_F(BindsTest, WhatNoRuleAllowsIsRefusedAndLeavesNothingBehind) {
    set(tables(BINDS_REFUSE));
    EXPECT_EQ(try_bind(kPort), EPERM);
    const auto all = records();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].kind, EVENT_refused);
    EXPECT_EQ(all[0].socket.port.value, kPort);
    EXPECT_EQ(all[0].task.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_FALSE(all[0].socket.would_refuse);
    EXPECT_EQ(try_bind(kPort, SOCK_DGRAM), EPERM);
    EXPECT_EQ(try_bind(kPort, SOCK_STREAM, AF_INET6), EPERM);
    EXPECT_TRUE(sensor_->listeners().empty());
    set(tables(BINDS_RECORD));
    EXPECT_EQ(try_bind(kPort), 0);
}

TEST_F(BindsTest, AutobindOtherNamespacesAndMonitorRefuseNothing) {
    set(tables(BINDS_REFUSE));
    EXPECT_EQ(try_bind(0), 0);
    EXPECT_EQ(in_child([&] { return ::unshare(CLONE_NEWNET) != 0 ? 99 : try_bind(kPort); }), 0);
    set(tables(BINDS_WOULD_REFUSE));
    EXPECT_EQ(try_bind(kPort), 0);
    const auto all = records();
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all[0].kind, EVENT_refused);
    EXPECT_TRUE(all[0].socket.would_refuse);
}

TEST_F(BindsTest, ARuleAsksForPortCgroupUserAndProgram) {
    auto wanted = tables(BINDS_REFUSE);
    struct stat cgroup {
    }, program{};
    ASSERT_EQ(::stat(cgroup_.c_str(), &cgroup), 0);
    ASSERT_EQ(::stat("/proc/self/exe", &program), 0);
    wanted.ports[kPort] = 1;
    wanted.settings.needs_cgroup = wanted.settings.needs_user = wanted.settings.needs_program = 1;
    set(wanted);
    EXPECT_EQ(try_bind(kPort), EPERM);
    wanted.who[{cgroup.st_ino, 0, BIND_BY_CGROUP}] = 1;
    wanted.who[{0, 0, BIND_BY_USER}] = 1;
    set(wanted);
    EXPECT_EQ(try_bind(kPort), EPERM);
    const auto device = (major(program.st_dev) << 20U) | minor(program.st_dev);
    wanted.who[{program.st_ino, device, BIND_BY_PROGRAM}] = 1;
    set(wanted);
    EXPECT_EQ(try_bind(kPort), 0);
    EXPECT_EQ(try_bind(kPort + 1), EPERM);
}

TEST_F(BindsTest, ThePrivilegedPortCheckStays) {
    set(tables(BINDS_RECORD));
    EXPECT_EQ(in_child([&] {
                  if (::setuid(65534) != 0) return 99;
                  return try_bind(80);
              }),
              EACCES);
}

}  // namespace
}  // namespace portlid::kernel
