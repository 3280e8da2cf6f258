// SPDX-License-Identifier: Apache-2.0
#include "inventory/exposure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using policy::Reach;

JoinInput input_of(std::vector<Listener> listeners) {
    JoinInput input;
    input.listeners = std::move(listeners);
    input.host_netns = kHost;
    return input;
}

// "ipv4 0.0.0.0:80" of each item.
std::vector<std::string> binds(const std::vector<Exposure>& items) {
    std::vector<std::string> out;
    for (const auto& item : items)
        out.push_back(to_string(item.family) + std::string(" ") +
                      endpoint(*item.address, item.port));
    return out;
}

const Exposure* at(const std::vector<Exposure>& items, std::uint16_t port,
                   Family family = Family::IPv4) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const Exposure& item) {
        return item.port.value == port && item.family == family;
    });
    return found == items.end() ? nullptr : &*found;
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

identity::Container web() {
    auto out = container('e', "web");
    out.published = {publish("0.0.0.0", 8080, 80)};
    return out;
}

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

// ---- from where it can be reached, and what that is called -----------------------------------

const std::string kPolicy = R"(version: 1
mode: enforce
zones:
  public: { interfaces: [uplink], default: drop }
  vpn: { interfaces: ["wg*"], default: allow }
sets:
  office: [203.0.113.0/24]
services:
  - { name: web, ports: [80/tcp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: wide, ports: [7000-7100/tcp] }
)";

struct Outcome {
    Reach now;
    Reach enforced;
    ExposureVerdict verdict;
};

Outcome in_public(const JoinInput& input, std::uint16_t port, Family family = Family::IPv4) {
    const auto items = join(input);
    const auto* item = at(items, port, family);
    if (item == nullptr || item->reach.empty())
        return {Reach::Closed, Reach::Closed, ExposureVerdict::Unused};
    return {item->reach[0].now, item->reach[0].enforced, item->verdict};
}

TEST(Verdict, WithoutAPolicyWhateverIsReachableIsExposed) {
    auto input = input_of({listener("0.0.0.0", 80)});
    input.zones = {{0, "public", false, false}};
    const auto out = in_public(input, 80);
    EXPECT_EQ(out.now, Reach::Open);
    EXPECT_EQ(out.enforced, Reach::Closed);
    EXPECT_EQ(out.verdict, ExposureVerdict::Exposed);
}

TEST(Verdict, WithoutZonesNothingIsReachable) {
    EXPECT_EQ(join(input_of({listener("0.0.0.0", 80)}))[0].verdict, ExposureVerdict::Ok);
}

TEST(Verdict, AnAllowedServiceIsOk) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 80)});
    policy.put_into(input);
    const auto out = in_public(input, 80);
    EXPECT_EQ(out.now, Reach::Open);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
    EXPECT_EQ(at(join(input), 80)->service, "web");
}

TEST(Verdict, AServiceForSomeSourcesIsRestrictedAndOk) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 22)});
    policy.put_into(input);
    const auto out = in_public(input, 22);
    EXPECT_EQ(out.now, Reach::Restricted);
    EXPECT_EQ(out.enforced, Reach::Restricted);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
}

TEST(Verdict, APortThatPortlidDropsEverywhereIsClosed) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 5432)});
    policy.put_into(input);
    input.zones.resize(1);  // no VPN interface is up
    EXPECT_EQ(in_public(input, 5432).verdict, ExposureVerdict::Closed);
}

TEST(Verdict, APortThatTheVpnMayReachIsOkAlthoughThePublicMayNot) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 5432)});
    policy.put_into(input);
    const auto out = in_public(input, 5432);
    EXPECT_EQ(out.now, Reach::Closed);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
}

TEST(Verdict, InMonitorModeOrUnfilteredTheSamePortIsExposed) {
    const LoadedPolicy policy(kPolicy);
    for (int way = 0; way < 3; ++way) {
        SCOPED_TRACE(way);
        auto input = input_of({listener("0.0.0.0", 5432)});
        policy.put_into(input);
        if (way == 0) input.monitor_only = true;
        if (way == 1) input.zones[0].filtered = false;
        if (way == 2) input.zones[0].force_monitor = true;
        const auto out = in_public(input, 5432);
        EXPECT_EQ(out.now, Reach::Open);
        EXPECT_EQ(out.enforced, Reach::Closed);
        EXPECT_EQ(out.verdict, ExposureVerdict::Exposed);
    }
}

TEST(Verdict, LoopbackAndContainerSocketsAreOutOfReach) {
    const LoadedPolicy policy(kPolicy);
    auto inner = listener("0.0.0.0", 80);
    inner.socket.netns = kContainer;
    auto input = input_of({listener("127.0.0.1", 6379), listener("::1", 6380), inner});
    policy.put_into(input);
    input.monitor_only = true;
    for (const auto& item : join(input)) {
        if (!item.address) continue;
        SCOPED_TRACE(endpoint(*item.address, item.port));
        for (const auto& zone : item.reach) {
            EXPECT_EQ(zone.now, Reach::Closed);
            EXPECT_EQ(zone.enforced, Reach::Closed);
        }
        EXPECT_EQ(item.verdict, ExposureVerdict::Ok);
    }
}

TEST(Verdict, UfwKeepsAHostsOwnListenerClosedButNotAPublishedPort) {
    auto input = input_of({held(listener("0.0.0.0", 8080), docker_proxy(8079)),
                           held(listener("0.0.0.0", 9000), process(7, "/bin/httpd")),
                           held(listener("0.0.0.0", 9090), process(8, "/bin/httpd", id_of('e')))});
    input.engines = {engine({web()})};
    input.zones = {{0, "public", false, false}};
    input.ufw = ufw("");
    const auto items = join(input);
    for (const std::uint16_t host_owned : std::initializer_list<std::uint16_t>{9000, 9090}) {
        EXPECT_EQ(at(items, host_owned)->reach[0].now, Reach::Closed);
        EXPECT_EQ(at(items, host_owned)->verdict, ExposureVerdict::Ok);
    }
    EXPECT_EQ(at(items, 8080)->ufw, UfwAnswer::Deny);
    EXPECT_EQ(at(items, 8080)->reach[0].now, Reach::Open);
    EXPECT_EQ(at(items, 8080)->verdict, ExposureVerdict::Exposed);
}

TEST(Verdict, UfwJudgesAnIpv6PublishThatOnlyTheProxyServes) {
    auto both = container('e', "web");
    both.published = {publish("0.0.0.0", 8080, 80), publish("::", 8080, 80)};
    auto six = held(listener("::", 8080), docker_proxy(8085));
    six.socket.v6only = true;
    auto input = input_of({held(listener("0.0.0.0", 8080), docker_proxy(8079)), six});
    input.engines = {engine({both})};
    input.zones = {{0, "public", false, false}};
    input.ufw = ufw("");
    EXPECT_EQ(in_public(input, 8080).verdict, ExposureVerdict::Exposed);
    EXPECT_EQ(in_public(input, 8080, Family::IPv6).now, Reach::Closed);
    both.published[1].container_address = ip("fd00::2");
    input.engines = {engine({both})};
    EXPECT_EQ(in_public(input, 8080, Family::IPv6).now, Reach::Open);
}

TEST(Verdict, UfwLimitsAndSomeSourcesAreRestricted) {
    auto input =
        input_of({listener("0.0.0.0", 22), listener("0.0.0.0", 23), listener("0.0.0.0", 24)});
    input.zones = {{0, "public", false, false}};
    input.ufw =
        ufw("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\nallow tcp 23 0.0.0.0/0 any 203.0.113.7 in\n"
            "allow tcp 24 0.0.0.0/0 any 0.0.0.0/0 in\n");
    EXPECT_EQ(in_public(input, 22).now, Reach::Restricted);
    EXPECT_EQ(in_public(input, 23).now, Reach::Restricted);
    EXPECT_EQ(in_public(input, 24).now, Reach::Open);
}

TEST(Verdict, APortPublishedOnLoopbackIsOk) {
    auto local = container('e', "web");
    local.published = {publish("127.0.0.1", 8081, 80)};
    auto input = input_of({});
    input.engines = {engine({local})};
    input.zones = {{0, "public", false, false}};
    EXPECT_EQ(in_public(input, 8081).verdict, ExposureVerdict::Ok);
}

// ---- service ports that nobody listens on ----------------------------------------------------

TEST(Unused, ServicePortsWithoutAListenerAreListedOnce) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 22)});
    policy.put_into(input);
    std::vector<unsigned> unused;
    for (const auto& item : join(input)) {
        if (item.verdict != ExposureVerdict::Unused) continue;
        unused.push_back(item.port.value);
        EXPECT_FALSE(item.address);
        EXPECT_FALSE(item.holder);
        EXPECT_FALSE(item.service.empty());
    }
    EXPECT_EQ(unused, (std::vector<unsigned>{80, 7000}));
}

TEST(Unused, OneListenerAnywhereInAWideRangeUsesIt) {
    const LoadedPolicy policy(kPolicy);
    auto input = input_of({listener("0.0.0.0", 7100), listener("::", 80), listener("0.0.0.0", 22)});
    policy.put_into(input);
    for (const auto& item : join(input)) EXPECT_NE(item.verdict, ExposureVerdict::Unused);
}

TEST(Unused, TcpAndUdpPortsAreToldApart) {
    const LoadedPolicy policy(
        "version: 1\nzones:\n  public: { interfaces: [uplink], default: drop }\nservices:\n"
        "  - { name: dns, ports: [53/tcp, 53/udp, 65535/udp] }\n");
    auto input = input_of({listener("0.0.0.0", 53, IPPROTO_UDP)});
    policy.put_into(input);
    std::vector<std::pair<unsigned, unsigned>> unused;
    for (const auto& item : join(input))
        if (item.verdict == ExposureVerdict::Unused)
            unused.emplace_back(item.protocol, item.port.value);
    EXPECT_EQ(unused, (std::vector<std::pair<unsigned, unsigned>>{{6, 53}, {17, 65535}}));
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
#ifdef __SANITIZE_ADDRESS__
    EXPECT_LT(took, std::chrono::seconds(2));
#else
    EXPECT_LT(took, std::chrono::milliseconds(100));
#endif
}

nat::DnatRule dnat(const char* host, std::uint16_t port, const char* inner,
                   std::uint16_t inner_port) {
    return {IPPROTO_TCP, ip(host), {port}, {port}, ip(inner), {inner_port}, {inner_port}};
}

std::shared_ptr<const nat::Rules> rules(std::vector<nat::DnatRule> dnat) {
    auto out = std::make_shared<nat::Rules>();
    out->version = 1;
    out->dnat = std::move(dnat);
    return out;
}

// Userland proxy off and no engine to ask: the rule is all there is.
TEST(ExposureOfNat, ARuleAloneIsAPublicationWithoutAContainerName) {
    JoinInput input;
    input.host_netns = kHost;
    input.zones = {{0, "public", true, false}};
    input.ufw = ufw("");
    input.nat = rules({dnat("0.0.0.0", 8080, "172.17.0.2", 80)});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].published->container_port.value, 80);
    EXPECT_FALSE(items[0].published->proxy);
    EXPECT_EQ(items[0].holder, nullptr);
    EXPECT_EQ(items[0].ufw, UfwAnswer::Deny);
    EXPECT_EQ(items[0].reach[0].now, policy::Reach::Open) << "DNAT goes round UFW";
}

TEST(ExposureOfNat, ADaemonThatOnlyHoldsThePortIsNotItsServer) {
    JoinInput input;
    input.host_netns = kHost;
    input.zones = {{0, "public", true, false}};
    input.nat = rules({dnat("0.0.0.0", 8080, "172.17.0.2", 80)});
    input.listeners = {held(listener("0.0.0.0", 8080), process(70, "/usr/sbin/dockerd")),
                       held(listener("127.0.0.1", 8080), process(71, "/bin/local"))};
    const auto items = join(input);
    ASSERT_EQ(items.size(), 2U);
    for (const auto& item : items)
        EXPECT_EQ(item.published.has_value(), item.address == ip("0.0.0.0"));
    EXPECT_FALSE(items[0].holder->container);
}

TEST(ExposureOfNat, TheEnginesWordGoesBeforeTheRules) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 8080, 80)};
    JoinInput input;
    input.host_netns = kHost;
    input.engines = {engine({web})};
    input.nat =
        rules({dnat("0.0.0.0", 8080, "172.17.0.9", 8081), dnat("0.0.0.0", 9090, "172.17.0.9", 90)});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].holder->container->name, "web");
    EXPECT_EQ(items[0].published->container_port.value, 80);
    EXPECT_EQ(items[1].holder, nullptr);
}

TEST(ExposureOfNat, ARangeIsEachOfItsPortsAndAWideOneOnlyItsFirst) {
    JoinInput input;
    input.host_netns = kHost;
    input.nat = rules({{IPPROTO_UDP, ip("::"), {7000}, {7003}, ip("fd00::2"), {8000}, {8003}},
                       {IPPROTO_TCP, ip("192.0.2.7"), {1}, {65535}, ip("10.0.0.2"), {}, {}}});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 5U);
    EXPECT_EQ(items[0].port.value, 1);
    EXPECT_EQ(items[4].port.value, 7003);
    EXPECT_EQ(items[4].published->container_port.value, 8003);
}

}  // namespace
}  // namespace portlid::inventory
