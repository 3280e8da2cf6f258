// SPDX-License-Identifier: Apache-2.0
// JSON, table and CSV of the same items, hostile names included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.hpp"
#include "inventory/ports_json.hpp"
#include "inventory/ports_table.hpp"
#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using policy::Reach;
using ::testing::HasSubstr;
using ::testing::Not;

Exposure web() {
    Exposure out;
    out.address = ip("0.0.0.0");
    out.port = {8080};
    out.netns = kHost;
    out.host_netns = true;
    out.since = BootTime{5'000'000'000};
    out.published = Published{ip("0.0.0.0"), {80}, true};
    out.holder = HolderView{8079, "/usr/sbin/docker-proxy", "docker-proxy", "root", "", {}};
    out.holder->container = ContainerName{id_of('e'), "web", "tiny:1", "", ""};
    out.ufw = UfwAnswer::Deny;
    out.reach = {{"public", Reach::Open, Reach::Closed}};
    out.verdict = ExposureVerdict::Exposed;
    return out;
}

Exposure unused() {
    Exposure out;
    out.port = {80};
    out.host_netns = true;
    out.service = "web";
    out.reach = {{"public", Reach::Open, Reach::Open}};
    out.verdict = ExposureVerdict::Unused;
    return out;
}

Exposure hostile() {
    auto out = web();
    out.holder->container->name = "=cmd()\n\x1b[2J\xff\xe2\x80\xae,\"x\"";
    out.holder->exe = "/tmp/\n";
    out.reach[0].zone = "pub\tlic";
    return out;
}

TEST(PortsJson, IsTheDocumentOfTheContract) {
    const auto document = ports_json({web()});
    EXPECT_EQ(document["schema"], "portlid.ports/v1");
    auto item = document["items"][0];
    EXPECT_THAT(item["since"].get<std::string>(), ::testing::MatchesRegex("....-..-..T..:..:..Z"));
    item["since"] = "T";
    const auto expected = nlohmann::ordered_json::parse(
        R"({"transport":"tcp","family":"ipv4","address":"0.0.0.0","port":8080,"netns":4026531840,)"
        R"("host_netns":true,"since":"T","preexisting":false,"published":{"host_ip":"0.0.0.0",)"
        R"("container_port":80,"proxy":true},"holder":{"pid":8079,"exe":"/usr/sbin/docker-proxy",)"
        R"("comm":"docker-proxy","user":"root","unit":null,"container":{"id":")" +
        id_of('e') +
        R"(","name":"web","image":"tiny:1","compose":null}},"binder":null,"ufw":"deny",)"
        R"("service":null,"reach":[{"zone":"public","now":"open","enforced":"closed"}],)"
        R"("verdict":"exposed"})");
    EXPECT_EQ(item.dump(), expected.dump());
}

TEST(PortsJson, AnUnusedPortHasNeitherAddressNorNamespaceNorHolder) {
    const auto item = port_json(unused());
    EXPECT_TRUE(item["address"].is_null());
    EXPECT_TRUE(item["netns"].is_null());
    EXPECT_TRUE(item["holder"].is_null());
    EXPECT_TRUE(item["since"].is_null());
    EXPECT_EQ(item["service"], "web");
}

TEST(PortsJson, TellsComposeNames) {
    auto item = web();
    item.holder->container->compose_project = "shop";
    item.holder->container->compose_service = "db";
    EXPECT_EQ(port_json(item)["holder"]["container"]["compose"]["service"], "db");
}

TEST(PortsJson, AnEmptyListIsADocumentToo) {
    EXPECT_EQ(ports_json({}).dump(), R"({"schema":"portlid.ports/v1","items":[]})");
}

TEST(PortsOutput, NeverLetsAHostileNameThrough) {
    const std::string texts[] = {ports_json({hostile()}).dump(), ports_table({hostile()}),
                                 ports_table({hostile()}, {false, 0, true}),
                                 ports_csv({hostile()})};
    for (const auto& text : texts) {
        SCOPED_TRACE(text);
        EXPECT_EQ(text.find('\x1b'), std::string::npos);
        EXPECT_EQ(text.find('\xff'), std::string::npos);
        EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
        EXPECT_EQ(text.find('\t'), std::string::npos);
    }
    const auto table = ports_table({hostile()});
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);
}

TEST(PortsTable, SaysThatUfwIsBypassedAndWhatToTypeNext) {
    const auto table = ports_table({web()});
    EXPECT_THAT(table, HasSubstr("HOST BIND"));
    EXPECT_THAT(table, HasSubstr("0.0.0.0:8080"));
    EXPECT_THAT(table, HasSubstr("DENY (bypassed)"));
    EXPECT_THAT(table, HasSubstr("EXPOSED"));
    EXPECT_THAT(table, HasSubstr("1 exposed, 0 closed by Portlid, 0 ok, 0 unused."));
    EXPECT_THAT(table, HasSubstr("portlid explain any to :8080/tcp"));
}

TEST(PortsTable, ShowsUnusedAndLocalPortsForWhatTheyAre) {
    auto local = web();
    local.address = ip("::1");
    local.published.reset();
    local.reach[0] = {"public", Reach::Closed, Reach::Closed};
    local.verdict = ExposureVerdict::Ok;
    const auto table = ports_table({unused(), local});
    EXPECT_THAT(table, HasSubstr("*:80 "));
    EXPECT_THAT(table, HasSubstr("nobody listens"));
    EXPECT_THAT(table, HasSubstr("[::1]:8080"));
    EXPECT_THAT(table, HasSubstr("this host"));
    EXPECT_THAT(table, Not(HasSubstr("explain")));
}

TEST(PortsTable, ColoursOnlyWhenAskedAndKeepsTheWords) {
    EXPECT_THAT(ports_table({web()}), Not(HasSubstr("\x1b[")));
    EXPECT_THAT(ports_table({web()}, {true, 0, false}), HasSubstr("\x1b[1;31mEXPOSED\x1b[0m"));
}

TEST(PortsTable, CutsLinesToTheTerminalOnCharacterBoundaries) {
    auto long_name = web();
    long_name.holder->container->name = std::string(50, 'a') + "\xc3\xa4\xc3\xa4\xc3\xa4";
    for (std::size_t width = 30; width < 100; ++width) {
        const auto table = ports_table({long_name}, {true, width, true});
        const auto second = split(table, '\n')[1];
        EXPECT_EQ(printable(second.substr(0, second.find('\x1b'))),
                  second.substr(0, second.find('\x1b')));
    }
}

TEST(PortsTable, WideAddsWhoAndWhere) {
    const auto table = ports_table({web()}, {false, 0, true});
    EXPECT_THAT(table, HasSubstr("8079"));
    EXPECT_THAT(table, HasSubstr("eeeeeeeeeeee "));
    EXPECT_THAT(table, HasSubstr("tiny:1"));
}

TEST(PortsCsv, QuotesAndDisarmsCells) {
    const auto csv = ports_csv({hostile(), unused()});
    EXPECT_THAT(csv, HasSubstr("transport,family,address"));
    EXPECT_THAT(csv, HasSubstr("\"'=cmd()"));
    EXPECT_THAT(csv, HasSubstr("\"\"x\"\"\""));
    EXPECT_THAT(csv, HasSubstr("tcp,ipv4,,80,,true,,,,,,,absent,web,public=open/open,unused\r\n"));
}

}  // namespace
}  // namespace portlid::inventory
