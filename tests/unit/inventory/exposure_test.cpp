// SPDX-License-Identifier: Apache-2.0
// Which items the join makes, and who holds them.
#include "inventory/exposure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "unit/inventory/join.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;

// "ipv4 0.0.0.0:80" of each item.
std::vector<std::string> binds(const std::vector<Exposure>& items) {
    std::vector<std::string> out;
    for (const auto& item : items)
        out.push_back(to_string(item.family) + std::string(" ") +
                      endpoint(*item.address, item.port));
    return out;
}

using Words = std::vector<std::string>;

// ---- which items there are -----------------------------------------------------------------

TEST(Join, ADualStackListenerGivesAnItemOfEachFamily) {
    EXPECT_EQ(binds(join(input_of({listener("::", 80)}))),
              (Words{"ipv6 [::]:80", "ipv4 0.0.0.0:80"}));
}

TEST(Join, AV6OnlyListenerGivesOneItem) {
    auto only = listener("::", 80);
    only.socket.v6only = true;
    EXPECT_EQ(binds(join(input_of({only}))), Words{"ipv6 [::]:80"});
}

TEST(Join, AMappedAddressOnAnIpv6SocketIsAnIpv4Item) {
    auto mapped = listener("192.0.2.1", 80);
    mapped.socket.family = Family::IPv6;
    EXPECT_EQ(binds(join(input_of({mapped}))), Words{"ipv4 192.0.2.1:80"});
}

TEST(Join, ARealIpv4SocketStandsForItselfBesideADualStackOne) {
    const auto items = join(input_of({held(listener("::", 80), process(5, "/bin/six")),
                                      held(listener("0.0.0.0", 80), process(9, "/bin/four"))}));
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(at(items, 80, Family::IPv4)->holder->exe, "/bin/four");
    EXPECT_EQ(at(items, 80, Family::IPv6)->holder->exe, "/bin/six");
}

TEST(Join, AReuseportGroupIsOneItemHeldByTheLowestPid) {
    const auto items = join(
        input_of({held(listener("0.0.0.0", 80), process(30, "/bin/w")),
                  held(listener("0.0.0.0", 80), process(10, "/bin/w")), listener("0.0.0.0", 80)}));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].holder->pid, 10U);
}

TEST(Join, UdpliteCountsAsUdpAndRawOrPortlessAsNothing) {
    const auto items =
        join(input_of({listener("0.0.0.0", 81, IPPROTO_UDPLITE),
                       listener("0.0.0.0", 82, IPPROTO_RAW), listener("0.0.0.0", 0)}));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].protocol, IPPROTO_UDP);
}

TEST(Join, SortsByPortThenProtocolThenAddress) {
    EXPECT_EQ(
        binds(join(input_of({listener("192.0.2.9", 80), listener("0.0.0.0", 443),
                             listener("0.0.0.0", 80, IPPROTO_UDP), listener("192.0.2.1", 80)}))),
        (Words{"ipv4 192.0.2.1:80", "ipv4 192.0.2.9:80", "ipv4 0.0.0.0:80", "ipv4 0.0.0.0:443"}));
}

TEST(Join, ShowsTheBinderWhereItIsSomebodyElse) {
    auto activated = held(listener("0.0.0.0", 22), process(50, "/usr/sbin/sshd"));
    activated.binder = std::make_shared<const Holder>(process(1, "/usr/lib/systemd/systemd"));
    EXPECT_EQ(join(input_of({activated}))[0].binder->pid, 1U);
}

// ---- who holds it --------------------------------------------------------------------------

TEST(Join, NamesTheContainerBehindARealDockerProxy) {
    auto input = input_of({held(listener("0.0.0.0", 8080), docker_proxy(8079))});
    input.engines = {engine({web()})};
    const auto items = join(input);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].holder->pid, 8079U);
    ASSERT_TRUE(items[0].holder->container);
    EXPECT_EQ(items[0].holder->container->name, "web");
    ASSERT_TRUE(items[0].published);
    EXPECT_TRUE(items[0].published->proxy);
    EXPECT_EQ(items[0].published->container_port.value, 80);
}

struct Pretender {
    const char* sentence;
    Holder holder;
};

TEST(Join, AProcessThatMerelyCallsItselfDockerProxyStaysItself) {
    auto no_parent = docker_proxy(5);
    no_parent.parent_exe = "/bin/bash";
    auto users_own = docker_proxy(5);
    users_own.process.uid = 1000;
    auto users_parent = docker_proxy(5);
    users_parent.parent_uid = 1000;
    auto only_comm = docker_proxy(5);
    only_comm.process.exe = "/usr/bin/nc";
    auto unproven = docker_proxy(5);
    unproven.known = false;
    auto in_container = docker_proxy(5);
    in_container.process.container_id = id_of('a');
    const Pretender rows[] = {{"another parent", no_parent},
                              {"another user", users_own},
                              {"a user's dockerd", users_parent},
                              {"only the name", only_comm},
                              {"gone before it could be looked at", unproven},
                              {"from inside a container", in_container}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        auto input = input_of({held(listener("0.0.0.0", 8080), row.holder)});
        input.engines = {engine({web()})};
        const auto items = join(input);
        ASSERT_EQ(items.size(), 1U);
        EXPECT_EQ(items[0].holder->pid, 5U);
        const auto& shown = items[0].holder->container;
        EXPECT_TRUE(!shown || shown->id != id_of('e'));
        EXPECT_FALSE(items[0].published->proxy);
    }
}

TEST(Join, ADockerProxyOnAPortThatNoEnginePublishesGetsNoContainer) {
    auto input = input_of({held(listener("0.0.0.0", 9999), docker_proxy(5))});
    input.engines = {engine({web()})};
    const auto items = join(input);
    EXPECT_FALSE(at(items, 9999)->holder->container);
    EXPECT_FALSE(at(items, 9999)->published);
}

TEST(Join, WithoutAnEngineARealProxysArgumentsSayWhatItPublishes) {
    auto proxy = docker_proxy(8079);
    proxy.process.argv = {"docker-proxy", "-proto",          "tcp",  "-host-ip",
                          "0.0.0.0",      "-host-port",      "8080", "-container-ip",
                          "172.17.0.2",   "-container-port", "80"};
    const auto items = join(input_of({held(listener("0.0.0.0", 8080), proxy)}));
    ASSERT_TRUE(items[0].published);
    EXPECT_TRUE(items[0].published->dnat);
    EXPECT_EQ(items[0].published->container_port.value, 80);
    EXPECT_FALSE(items[0].holder->container);
}

TEST(Join, ListsAPublishedPortWithoutASocketUnderTheContainersMainProcess) {
    auto input = input_of({});
    input.engines = {engine({web()})};
    const auto items = join(input);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].holder->pid, 4242U);
    EXPECT_EQ(items[0].holder->container->name, "web");
    EXPECT_FALSE(items[0].published->proxy);
    EXPECT_FALSE(items[0].since);
    EXPECT_TRUE(items[0].host_netns);
}

TEST(Join, DockerdKeepingThePortItselfSpeaksForTheContainerToo) {
    auto input = input_of({held(listener("0.0.0.0", 8080), process(7, "/usr/bin/dockerd"))});
    input.engines = {engine({web()})};
    const auto items = join(input);
    EXPECT_EQ(items[0].holder->container->name, "web");
    EXPECT_FALSE(items[0].published->proxy);
}

TEST(Join, NamesAHostNetworkContainerByItsCgroup) {
    auto input = input_of({held(listener("0.0.0.0", 9090), process(7, "/bin/httpd", id_of('e')))});
    input.engines = {engine({web()})};
    EXPECT_EQ(at(join(input), 9090)->holder->container->name, "web");
}

TEST(Join, GivesOnlyTheIdOfAContainerThatNoEngineKnows) {
    const auto items = join(input_of({held(listener("0.0.0.0", 9), process(7, "/x", id_of('9')))}));
    EXPECT_EQ(items[0].holder->container->id, id_of('9'));
    EXPECT_EQ(items[0].holder->container->name, "");
}

TEST(Join, ATombstonePublishesNothing) {
    auto gone = web();
    gone.running = false;
    auto input = input_of({});
    input.engines = {engine({gone}), nullptr};
    EXPECT_TRUE(join(input).empty());
}

TEST(Join, APublishDoesNotClaimASocketInAnotherNamespace) {
    auto inner = held(listener("0.0.0.0", 8080), docker_proxy(5));
    inner.socket.netns = kContainer;
    auto input = input_of({inner});
    input.engines = {engine({web()})};
    const auto items = join(input);
    ASSERT_EQ(items.size(), 2U);
    for (const auto& item : items) EXPECT_EQ(item.host_netns, item.published.has_value());
}

// ---- size ------------------------------------------------------------------------------------

TEST(Join, HandlesTenThousandListenersAndPublishesInATenthOfASecond) {
    JoinInput input = input_of({});
    std::vector<identity::Container> containers;
    for (unsigned i = 0; i < 10000; ++i) {
        const auto port = static_cast<std::uint16_t>(20000 + i);
        input.listeners.push_back(held(listener("0.0.0.0", port), docker_proxy(100 + i)));
        if (i % 100 == 0) {
            containers.push_back(container('a', "c"));
            auto id = std::to_string(i);
            containers.back().id.replace(0, id.size(), id);
        }
        containers.back().published.push_back(publish("0.0.0.0", port, 80));
    }
    input.engines = {engine(containers)};
    input.zones = {{0, "public", false, false}};
    input.ufw = ufw("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n");
    // CPU time: other processes of a busy machine are not the join's doing.
    const auto begin = std::clock();
    const auto items = join(input);
    const auto took = std::chrono::milliseconds((std::clock() - begin) * 1000 / CLOCKS_PER_SEC);
    EXPECT_EQ(items.size(), 10000U);
    EXPECT_TRUE(
        std::all_of(items.begin(), items.end(), [](auto& i) { return i.holder->container; }));
#if __has_feature(address_sanitizer)
    EXPECT_LT(took, std::chrono::seconds(2));
#else
    EXPECT_LT(took, std::chrono::milliseconds(100));
#endif
}

}  // namespace
}  // namespace portlid::inventory
