// SPDX-License-Identifier: Apache-2.0
// Open flows as connection tracking knows them, on loopback of a namespace of its own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/conntrack.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

class ConntrackTest : public SensorTest {
protected:
    static bool track() {
        return shell("iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT") == 0;
    }
    static UniqueFd listen_on(std::uint16_t port) {
        UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = loopback(port);
        EXPECT_EQ(
            ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
        EXPECT_EQ(::listen(listener.get(), 8), 0);
        return listener;
    }
    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return address;
    }
    static UniqueFd connect_to(std::uint16_t port) {
        UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = loopback(port);
        EXPECT_EQ(
            ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
        return client;
    }
    static std::size_t flows_to(std::uint16_t port) {
        const auto flows = dump_assured_flows();
        EXPECT_TRUE(flows) << flows.error().message;
        return static_cast<std::size_t>(
            std::count_if(flows->begin(), flows->end(), [port](const TrackedFlow& flow) {
                return flow.target_port.value == port && flow.target.is_loopback() &&
                       flow.opener.is_loopback() && flow.opener_port.value != 0;
            }));
    }
};

TEST_F(ConntrackTest, NothingIsTrackedAndNothingIsAskedWhereNobodyUsesIt) {
    const auto listener = listen_on(2000);
    const auto client = connect_to(2000);
    EXPECT_EQ(flows_to(2000), 0U);
}

TEST_F(ConntrackTest, AnOpenConnectionIsListedAsItsOpenerSentIt) {
    if (!track()) GTEST_SKIP() << "iptables with conntrack is not here";
    const auto listener = listen_on(2000);
    const auto client = connect_to(2000);
    ASSERT_EQ(::send(client.get(), "x", 1, 0), 1);  // the listener's side speaks by its ACK
    const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char byte = 0;
    ASSERT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::send(accepted.get(), "y", 1, 0), 1);
    ASSERT_EQ(::recv(client.get(), &byte, 1, 0), 1);
    EXPECT_EQ(flows_to(2000), 1U);
}

TEST_F(ConntrackTest, AnEntryThatOnlyOneSideMadeIsNotAnOpenConnection) {
    // The RST is thrown away before conntrack sees it, so that a lone ACK leaves its entry.
    if (!track() || shell("iptables -t raw -A OUTPUT -p tcp --tcp-flags RST RST -j DROP") != 0)
        GTEST_SKIP() << "iptables with conntrack is not here";
    const UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
    ASSERT_TRUE(raw.valid());
    std::uint8_t segment[20] = {0x9c, 0x40, 0x07, 0xd0};  // 40000 -> 2000
    segment[12] = 0x50;
    segment[13] = 0x10;  // ACK
    segment[14] = 0x20;
    std::uint32_t sum = 0;  // pseudo header: 127.0.0.1 twice, protocol, length
    for (const std::uint32_t word : {0x7f00U, 0x0001U, 0x7f00U, 0x0001U, 6U, 20U}) sum += word;
    for (int i = 0; i < 20; i += 2)
        sum += static_cast<std::uint32_t>(segment[i] << 8 | segment[i + 1]);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    segment[16] = static_cast<std::uint8_t>(~sum >> 8);
    segment[17] = static_cast<std::uint8_t>(~sum);
    const auto address = loopback(0);
    ASSERT_EQ(::sendto(raw.get(), segment, sizeof(segment), 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              20);
    ASSERT_EQ(shell("grep -q 'dport=2000' /proc/net/nf_conntrack"), 0) << "the entry is there";
    EXPECT_EQ(flows_to(2000), 0U);
}

}  // namespace
}  // namespace portlid::kernel
