// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "identity/engine.hpp"

namespace portlid::identity {
namespace {

const std::string kId(64, 'c');

std::string inspect(const std::string& settings, const std::string& rest = "") {
    return R"({"Id":")" + kId +
           R"(","Name":"/web","Config":{"Image":"tiny:1","Labels":{)"
           R"("com.docker.compose.project":"shop","com.docker.compose.service":"db"}},)"
           R"("State":{"Pid":812},"HostConfig":{"NetworkMode":"default"},"NetworkSettings":{)" +
           settings + "}" + rest + "}";
}

TEST(Inspect, GivesNameImageComposeAndPid) {
    const auto container = parse_container_inspect(inspect(""));
    ASSERT_TRUE(container) << container.error().message;
    EXPECT_EQ(container->name, "web");
    EXPECT_EQ(container->image, "tiny:1");
    EXPECT_EQ(container->compose_project, "shop");
    EXPECT_EQ(container->compose_service, "db");
    EXPECT_EQ(container->pid, 812U);
    EXPECT_TRUE(container->running);
    EXPECT_FALSE(container->host_network);
}

TEST(Inspect, GivesPublishedPortsOfBothFamiliesWithTheContainersAddress) {
    const auto container = parse_container_inspect(inspect(
        R"("Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}],)"
        R"("53/udp":[{"HostIp":"","HostPort":"5353"}],"9/tcp":null},)"
        R"("Networks":{"shop":{"IPAddress":"172.18.0.3","GlobalIPv6Address":""}})"));
    ASSERT_TRUE(container) << container.error().message;
    ASSERT_EQ(container->published.size(), 3U);
    const auto& dns = container->published[0];
    EXPECT_EQ(dns.protocol, 17);
    EXPECT_EQ(dns.host_address, IpAddress::any(Family::IPv4));
    EXPECT_EQ(dns.host_port.value, 5353);
    const auto& web6 = container->published[2];
    EXPECT_EQ(web6.host_address, IpAddress::any(Family::IPv6));
    EXPECT_EQ(web6.container_port.value, 80);
    EXPECT_EQ(web6.container_address.to_string(), "172.18.0.3");
}

TEST(Inspect, PrefersTheContainersIpv6AddressForAnIpv6Publish) {
    const auto container = parse_container_inspect(
        inspect(R"("Ports":{"80/tcp":[{"HostIp":"::","HostPort":"8080"}]},)"
                R"("Networks":{"shop":{"IPAddress":"172.18.0.3","GlobalIPv6Address":"fd00::3"}})"));
    ASSERT_TRUE(container);
    EXPECT_EQ(container->published.at(0).container_address.to_string(), "fd00::3");
}

TEST(Inspect, KnowsHostNetworkContainers) {
    const auto text = R"({"Id":")" + kId + R"(","HostConfig":{"NetworkMode":"host"}})";
    const auto container = parse_container_inspect(text);
    ASSERT_TRUE(container);
    EXPECT_TRUE(container->host_network);
}

TEST(Inspect, KeepsAHostileNameRaw) {
    const auto text = R"({"Id":")" + kId + R"(","Name":"/a\u001b[31m\nb\u202e"})";
    const auto container = parse_container_inspect(text);
    ASSERT_TRUE(container);
    EXPECT_EQ(container->name, "a\x1b[31m\nb\xe2\x80\xae");
}

struct Lie {
    const char* sentence;
    std::string text;
};

TEST(Inspect, RefusesAnswersThatLieAboutTypes) {
    const Lie lies[] = {
        {"empty", ""},
        {"not JSON", "\xff\xfe"},
        {"a list", "[]"},
        {"no id", "{}"},
        {"id too short", R"({"Id":"abc"})"},
        {"id with a path in it", R"({"Id":")" + std::string(61, 'a') + R"(/.."})"},
        {"id a number", R"({"Id":5})"},
        {"name a list", R"({"Id":")" + kId + R"(","Name":[]})"},
        {"state a text", R"({"Id":")" + kId + R"(","State":"up"})"},
        {"pid negative", R"({"Id":")" + kId + R"(","State":{"Pid":-1}})"},
        {"pid a fraction", R"({"Id":")" + kId + R"(","State":{"Pid":1.5}})"},
        {"labels a list", R"({"Id":")" + kId + R"(","Config":{"Labels":[1]}})"},
        {"port above 65535", inspect(R"("Ports":{"80/tcp":[{"HostIp":"","HostPort":"65536"}]})")},
        {"port a number", inspect(R"("Ports":{"80/tcp":[{"HostIp":"","HostPort":80}]})")},
        {"port with a sign", inspect(R"("Ports":{"80/tcp":[{"HostIp":"","HostPort":"-1"}]})")},
        {"container port a word", inspect(R"("Ports":{"http/tcp":[]})")},
        {"protocol unknown", inspect(R"("Ports":{"80/xyz":[]})")},
        {"no protocol", inspect(R"("Ports":{"80":[]})")},
        {"bindings a text", inspect(R"("Ports":{"80/tcp":"8080"})")},
        {"binding a text", inspect(R"("Ports":{"80/tcp":["8080"]})")},
        {"address nonsense", inspect(R"("Ports":{"80/tcp":[{"HostIp":"x","HostPort":"1"}]})")},
        {"networks a text", inspect(R"("Networks":"none")")},
        {"truncated", inspect("").substr(0, 100)},
        {"number that overflows", R"({"Id":")" + kId + R"(","State":{"Pid":1e999}})"},
        {"deeply nested", std::string(100000, '[')},
    };
    for (const auto& lie : lies) {
        SCOPED_TRACE(lie.sentence);
        const auto container = parse_container_inspect(lie.text);
        ASSERT_FALSE(container);
        EXPECT_FALSE(container.error().message.empty());
    }
}

TEST(Json, MayBeSixtyFourLevelsDeepAndNoMore) {
    const auto nested = [](std::size_t levels) {
        return R"({"Id":")" + kId + R"(","X":)" + std::string(levels - 1, '[') +
               std::string(levels - 1, ']') + "}";
    };
    EXPECT_TRUE(parse_container_inspect(nested(64)));
    EXPECT_FALSE(parse_container_inspect(nested(65)));
}

TEST(Json, BracketsInsideTextsDoNotCount) {
    EXPECT_TRUE(parse_container_inspect(R"({"Id":")" + kId + R"(","X":")" + std::string(500, '[') +
                                        R"(\"[","Y":1})"));
}

TEST(Json, RefusesMillionsOfValuesBeforeBuildingThem) {
    std::string values = "[";
    for (unsigned i = 0; i < 1'000'001; ++i) values += "1,";
    EXPECT_FALSE(parse_container_list(values + "1]"));
}

TEST(List, GivesEveryContainerWithThePortsOfTheList) {
    const auto list = parse_container_list(
        R"([{"Id":")" + kId +
        R"(","Names":["/web","/alias"],"Image":"tiny:1","Labels":{},)"
        R"("Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":9,"Type":"tcp"}],)"
        R"("HostConfig":{"NetworkMode":"host"},"NetworkSettings":{"Networks":{"b":{"IPAddress":"172.17.0.2"}}}}])");
    ASSERT_TRUE(list) << list.error().message;
    ASSERT_EQ(list->size(), 1U);
    EXPECT_EQ(list->front().name, "web");
    EXPECT_TRUE(list->front().host_network);
    ASSERT_EQ(list->front().published.size(), 1U);
    EXPECT_EQ(list->front().published.front().host_port.value, 8080);
}

TEST(List, RefusesAnObjectAForeignIdAndTooManyContainers) {
    EXPECT_FALSE(parse_container_list("{}"));
    EXPECT_FALSE(parse_container_list(R"([{"Id":"../../x"}])"));
    EXPECT_FALSE(parse_container_list(R"([5])"));
    std::string many = "[";
    for (unsigned i = 0; i < 4097; ++i) many += "{},";
    EXPECT_FALSE(parse_container_list(many + "{}]"));
    EXPECT_TRUE(parse_container_list("[]"));
}

TEST(Event, NamesAContainerThatMayBeGoneAlready) {
    const auto event = parse_event(
        R"({"Type":"container","Action":"die","Actor":{"ID":")" + kId +
        R"(","Attributes":{"name":"blink","image":"tiny:1","com.docker.compose.project":"p"}}})");
    EXPECT_TRUE(event.changes_listing);
    ASSERT_TRUE(event.container);
    EXPECT_EQ(event.container->name, "blink");
    EXPECT_EQ(event.container->compose_project, "p");
    EXPECT_FALSE(event.container->running);
}

TEST(Event, OfAHealthCheckOrGarbageChangesNothing) {
    EXPECT_FALSE(parse_event(R"({"Type":"container","Action":"exec_start: sh"})").changes_listing);
    EXPECT_FALSE(
        parse_event(R"({"Type":"container","Action":"health_status: healthy"})").changes_listing);
    EXPECT_FALSE(parse_event("{").changes_listing);
    EXPECT_FALSE(parse_event("[]").changes_listing);
    EXPECT_TRUE(parse_event(R"({"Type":"network","Action":"connect"})").changes_listing);
    EXPECT_FALSE(parse_event(R"({"Type":"network","Action":"connect"})").container);
}

TEST(Inspect, TellsAMountedEngineSocketFromOtherMounts) {
    const auto socket_of = [](const std::string& mounts) {
        const auto id = std::string(64, 'a');
        const auto parsed =
            parse_container_inspect(R"({"Id":")" + id + R"(","Name":"/x",)" +
                                    R"("State":{"Pid":7},"Mounts":)" + mounts + "}");
        return parsed ? parsed->engine_socket : parsed.error().message;
    };
    const auto bind = [](const char* source) {
        return std::string(R"([{"Type":"bind","Source":")") + source + R"("}])";
    };
    for (const char* source :
         {"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock",
          "/run/containerd/containerd.sock", "/", "/run", "/var/run/"})
        EXPECT_EQ(socket_of(bind(source)), source);
    for (const char* source : {"/srv/data", "/runner", "/home/x/docker.socket", ""})
        EXPECT_EQ(socket_of(bind(source)), "");
    EXPECT_EQ(socket_of(R"([{"Type":"volume","Source":"/run/docker.sock"}])"), "");
    EXPECT_EQ(socket_of("null"), "");
    EXPECT_NE(socket_of(R"({"a":1})"), "") << "a list of another type refuses the answer";
}

}  // namespace
}  // namespace portlid::identity
