// SPDX-License-Identifier: Apache-2.0
// What rtnetlink says, in a namespace of the test's own.
#include "kernel/netlink.hpp"

#include <poll.h>

#include <fstream>

#include "kernel/link_facts.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

class NetlinkTest : public SensorTest {
protected:
    static void ip(const std::string& arguments) {
        ASSERT_EQ(shell("ip " + arguments), 0) << arguments;
    }
    static NetworkState state() {
        auto state = read_network_state();
        EXPECT_TRUE(state) << (state ? "" : state.error().message);
        return state ? *state : NetworkState{};
    }
    static Interface link(const NetworkState& state, const std::string& name) {
        for (const auto& [index, one] : state.interfaces)
            if (one.name == name) return one;
        ADD_FAILURE() << "no " << name;
        return {};
    }
    static std::uint32_t meaning(const NetworkState& state, const char* prefix) {
        const auto found = state.networks.find(Cidr::parse(prefix).value());
        return found == state.networks.end() ? 0 : found->second;
    }
};

TEST_F(NetlinkTest, DescribesLinksByKindAndMaster) {
    make_veth();
    ip("link add br-0123456789ab type bridge");
    ip("link set far0 master br-0123456789ab");
    const auto now = state();
    EXPECT_TRUE(link(now, "lo").loopback);
    EXPECT_EQ(link(now, "up0").kind, "veth");
    EXPECT_TRUE(link(now, "up0").ethernet);
    EXPECT_TRUE(link(now, "up0").up);
    EXPECT_FALSE(link(now, "up0").hardware);
    EXPECT_FALSE(link(now, "up0").master_is_bridge);
    EXPECT_TRUE(link(now, "br-0123456789ab").engine_bridge);
    EXPECT_TRUE(link(now, "far0").master_is_bridge);
    EXPECT_EQ(link(now, "far0").master, link(now, "br-0123456789ab").ifindex);
}

TEST_F(NetlinkTest, TellsWhatALinkIsMadeOnInThisNamespaceOnly) {
    make_veth();
    ip("link add link up0 name on0 type macvlan");
    ip("link add here0 type veth peer name there0");
    EXPECT_EQ(link(state(), "here0").lower, link(state(), "there0").ifindex);
    ASSERT_EQ(
        shell("unshare --net sleep 5 & "
              "until [ $(readlink /proc/$!/ns/net) != $(readlink /proc/self/ns/net) ]; do :; done; "
              "ip link set there0 netns $!"),
        0);
    const auto now = state();
    EXPECT_EQ(link(now, "on0").kind, "macvlan");
    EXPECT_EQ(link(now, "on0").lower, link(now, "up0").ifindex);
    EXPECT_EQ(link(now, "here0").lower, 0U) << "an index of another namespace was taken for ours";
    EXPECT_EQ(link(now, "lo").lower, 0U);
}

TEST_F(NetlinkTest, TellsOwnAddressesConnectedPrefixesAndBroadcasts) {
    make_veth();
    ip("addr add 198.51.100.10/24 brd + dev up0");
    ip("addr add 2001:db8::10/64 dev up0 nodad");
    const auto now = state();
    EXPECT_TRUE(now.own.contains(IpAddress::parse("198.51.100.10").value()));
    EXPECT_TRUE(now.own.contains(IpAddress::parse("2001:db8::10").value()));
    EXPECT_TRUE(now.own.contains(IpAddress::parse("127.0.0.1").value()));
    EXPECT_EQ(meaning(now, "198.51.100.0/24"), NETWORK_CONNECTED);
    EXPECT_EQ(meaning(now, "2001:db8::/64"), NETWORK_CONNECTED);
    EXPECT_EQ(meaning(now, "198.51.100.255"), NETWORK_BROADCAST);
    EXPECT_EQ(meaning(now, "255.255.255.255"), NETWORK_BROADCAST);
    EXPECT_EQ(meaning(now, "127.0.0.0/8"), 0U);
}

TEST_F(NetlinkTest, TakesSubnetsBehindAnEngineBridgeForContainers) {
    ip("link add docker0 type bridge");
    ip("addr add 172.17.0.1/16 brd + dev docker0");
    ip("link set docker0 up");
    ip("route add 10.99.0.0/16 dev docker0");
    const auto now = state();
    EXPECT_EQ(meaning(now, "172.17.0.0/16"), NETWORK_CONTAINER);
    EXPECT_EQ(meaning(now, "10.99.0.0/16"), NETWORK_CONTAINER);
    EXPECT_EQ(meaning(now, "172.17.255.255"), 0U);
    EXPECT_TRUE(now.own.contains(IpAddress::parse("172.17.0.1").value()));
}

TEST_F(NetlinkTest, LeavesABridgeOfVirtualMachinesToTransit) {
    ip("link add virbr0 type bridge");
    ip("addr add 192.168.122.1/24 dev virbr0");
    ip("link set virbr0 up");
    EXPECT_EQ(meaning(state(), "192.168.122.0/24"), NETWORK_CONNECTED);
    ip("tuntap add vnet0 mode tap");
    ip("link set vnet0 master virbr0");
    EXPECT_EQ(meaning(state(), "192.168.122.0/24"), 0U);
}

TEST_F(NetlinkTest, FindsDefaultRoutesOfAnyTableAndFamily) {
    make_veth();
    ip("link add up1 type bridge");
    ip("link set up1 up");
    ip("addr add 198.51.100.10/24 dev up0");
    ip("addr add 2001:db8::10/64 dev up1 nodad");
    EXPECT_FALSE(link(state(), "up0").default_route);
    ip("route add default via 198.51.100.1 table 100");
    ip("-6 route add default via 2001:db8::1 dev up1");
    const auto now = state();
    EXPECT_TRUE(link(now, "up0").default_route);
    EXPECT_TRUE(link(now, "up1").default_route);
    EXPECT_FALSE(link(now, "far0").default_route);
    EXPECT_FALSE(link(now, "lo").default_route);
}

TEST_F(NetlinkTest, FindsEveryLegOfAMultipathDefaultRoute) {
    make_veth();
    ip("addr add 198.51.100.10/24 dev up0");
    ip("addr add 203.0.113.10/24 dev far0");
    ip("route add default nexthop via 198.51.100.1 nexthop via 203.0.113.1");
    const auto now = state();
    EXPECT_TRUE(link(now, "up0").default_route);
    EXPECT_TRUE(link(now, "far0").default_route);
}

TEST_F(NetlinkTest, CountsLocalRoutesAsOwn) {
    ip("route add local 192.0.2.77 dev lo");
    ip("route add local 192.0.2.128/25 dev lo");
    const auto now = state();
    EXPECT_TRUE(now.own.contains(IpAddress::parse("192.0.2.77").value()));
    EXPECT_EQ(meaning(now, "192.0.2.128/25"), NETWORK_CONNECTED);
}

TEST_F(NetlinkTest, TheMonitorWakesOnChangesAndOnlyThen) {
    auto monitor = NetworkMonitor::open();
    ASSERT_TRUE(monitor) << monitor.error().message;
    EXPECT_FALSE(monitor->drain());
    ip("link add up1 type bridge");
    pollfd waiting{.fd = monitor->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&waiting, 1, 2000), 1);
    EXPECT_TRUE(monitor->drain());
    EXPECT_FALSE(monitor->drain());
}

TEST_F(NetlinkTest, TheMonitorCountsAnOverrunAsAChange) {
    auto monitor = NetworkMonitor::open();
    ASSERT_TRUE(monitor);
    const int tiny = 1;
    ::setsockopt(monitor->fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
    for (int i = 0; i < 20; ++i) {
        ip("link add up1 type bridge");
        ip("link del up1");
    }
    EXPECT_TRUE(monitor->drain());
    EXPECT_FALSE(monitor->drain());
}

TEST(LinkFacts, KnowEngineBridgesByKindAndName) {
    for (const char* name : {"docker0", "docker_gwbridge", "br-0123456789ab", "podman0", "podman12",
                             "cni0", "cni-podman0", "nerdctl0"})
        EXPECT_TRUE(is_engine_bridge("bridge", name)) << name;
    for (const char* name : {"br0", "br-0123456789aB", "br-0123456789abc", "br-123", "podman",
                             "podmanx", "virbr0", "docker1", "lxcbr0"})
        EXPECT_FALSE(is_engine_bridge("bridge", name)) << name;
    EXPECT_FALSE(is_engine_bridge("veth", "docker0"));
}

class SysfsTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/portlid-sysfs-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        root_ = name;
        std::filesystem::create_directories(root_ / "eth0" / "device");
        std::ofstream(root_ / "eth0" / "ifindex") << "2\n";
        std::ofstream(root_ / "eth0" / "address") << "02:00:00:00:00:01\n";
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    static Interface eth0() {
        Interface link;
        link.ifindex = 2;
        link.name = "eth0";
        link.ethernet = true;
        link.mac = {2, 0, 0, 0, 0, 1};
        return link;
    }
    std::filesystem::path root_;
};

TEST_F(SysfsTest, ADeviceBehindTheLinkMakesItHardware) {
    EXPECT_TRUE(is_hardware(eth0(), root_));
}

TEST_F(SysfsTest, AnotherNamespacesDeviceOfTheSameNameDoesNot) {
    auto index = eth0();
    index.ifindex = 3;
    EXPECT_FALSE(is_hardware(index, root_));
    auto address = eth0();
    address.mac[5] = 9;
    EXPECT_FALSE(is_hardware(address, root_));
    auto veth = eth0();
    veth.kind = "veth";
    EXPECT_FALSE(is_hardware(veth, root_));
}

TEST_F(SysfsTest, ALinkWithoutADeviceIsNot) {
    std::filesystem::remove(root_ / "eth0" / "device");
    EXPECT_FALSE(is_hardware(eth0(), root_));
}

}  // namespace
}  // namespace portlid::kernel
