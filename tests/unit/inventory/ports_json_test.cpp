// SPDX-License-Identifier: Apache-2.0
// The ports document, hostile names included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "inventory/ports_json.hpp"
#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using policy::Reach;

Exposure web_exposure() {
    Exposure out;
    out.address = ip("0.0.0.0");
    out.port = {8080};
    out.netns = kHost;
    out.host_netns = true;
    out.since = BootTime{5'000'000'000};
    out.published = Published{ip("0.0.0.0"), {80}, true};
    out.holder = std::make_shared<const HolderView>(
        HolderView{8079, "/usr/sbin/docker-proxy", "docker-proxy", "root", "",
                   ContainerName{id_of('e'), "web", "tiny:1", "", ""}});
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
    auto out = web_exposure();
    edit_holder(out, [](auto& holder) {
        holder.container->name = "=cmd()\n\x1b[2J\xff\xe2\x80\xae,\"x\"";
        holder.exe = "/tmp/\n";
    });
    out.reach[0].zone = "pub\tlic";
    return out;
}

TEST(PortsJson, IsTheDocumentOfTheContract) {
    const auto document = nlohmann::ordered_json::parse(ports_document({web_exposure()}));
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
    auto item = web_exposure();
    edit_holder(item, [](auto& holder) {
        holder.container->compose_project = "shop";
        holder.container->compose_service = "db";
    });
    EXPECT_EQ(port_json(item)["holder"]["container"]["compose"]["service"], "db");
}

TEST(PortsJson, AnEmptyListIsADocumentToo) {
    EXPECT_EQ(ports_document({}), R"({"schema":"portlid.ports/v1","items":[]})");
}

TEST(PortsJson, NeverLetsAHostileNameThrough) {
    const auto text = ports_document({hostile(), web_exposure()});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
    EXPECT_EQ(text.find('\t'), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(text)["items"].size(), 2U);
}

}  // namespace
}  // namespace portlid::inventory
