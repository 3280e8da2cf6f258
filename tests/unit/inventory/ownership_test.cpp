// SPDX-License-Identifier: Apache-2.0
// Who is the owner that a rule asks for, and whose container a socket of the host speaks for.
#include "inventory/ownership.hpp"

#include "fixtures.hpp"

namespace portlid::inventory {
namespace {

using fixtures::container;
using fixtures::docker_proxy;
using fixtures::held;
using fixtures::id_of;
using fixtures::ip;
using fixtures::listener;
using fixtures::process;

policy::Owner owner(std::map<std::string, std::string> matches) {
    return {std::move(matches)};
}

identity::Container shop() {
    auto out = container('a', "shop-web-1");
    out.image = "registry:5000/shop/web:1.2";
    out.image_id = "sha256:" + id_of('5');
    out.labels = {{"tier", "front"}};
    out.compose_project = "shop";
    out.compose_service = "web";
    return out;
}

TEST(Ownership, EveryWordOfAContainer) {
    struct Row {
        const char* kind;
        std::string wanted;
        bool fits;
    };
    const Row rows[] = {
        {"container", "shop-web-1", true},
        {"container", "shop-*", true},
        {"container", "shop", false},
        {"id", id_of('a'), true},
        {"id", id_of('b'), false},
        {"image", "registry:5000/shop/web:1.2", true},
        {"image", "registry:5000/shop/web", true},
        {"image", "registry:5000/shop/web:1.3", false},
        {"image", "@sha256:" + id_of('5'), true},
        {"image", "registry:5000/shop/web@sha256:" + id_of('5'), true},
        {"image", "other@sha256:" + id_of('5'), false},
        {"image", "@sha256:" + id_of('6'), false},
        {"compose", "shop", true},
        {"compose", "shop/web", true},
        {"compose", "shop/db", false},
        {"label", "tier", true},
        {"label", "tier=front", true},
        {"label", "tier=back", false},
    };
    const auto known = shop();
    for (const auto& row : rows) {
        OwnerFacts facts;
        facts.container = &known;
        EXPECT_EQ(fits_owner(owner({{row.kind, row.wanted}}), facts), row.fits)
            << row.kind << " " << row.wanted;
        EXPECT_FALSE(fits_owner(owner({{row.kind, row.wanted}}), {})) << "nobody is known";
    }
    auto gone = known;
    gone.running = false;
    OwnerFacts facts;
    facts.container = &gone;
    EXPECT_FALSE(fits_owner(owner({{"container", "shop-*"}}), facts));
}

TEST(Ownership, EveryWordOfAProcessAndAllOfThem) {
    identity::Process web;
    web.pid = 7;
    web.exe = "/usr/sbin/web";
    web.unit = "web@1.service";
    web.user = "www-data";
    web.uid = 33;
    OwnerFacts facts;
    facts.process = &web;
    facts.runs_file = [](std::uint32_t pid, const std::string& path) {
        return pid == 7 && path == "/usr/sbin/web";
    };
    EXPECT_TRUE(fits_owner(owner({{"unit", "web@*.service"}}), facts));
    EXPECT_FALSE(fits_owner(owner({{"unit", "web.service"}}), facts));
    EXPECT_TRUE(fits_owner(owner({{"user", "www-data"}}), facts));
    EXPECT_TRUE(fits_owner(owner({{"user", "33"}}), facts));
    EXPECT_TRUE(fits_owner(owner({{"exe", "/usr/sbin/web"}, {"user", "www-data"}}), facts));
    EXPECT_FALSE(fits_owner(owner({{"exe", "/usr/sbin/web"}, {"user", "root"}}), facts));
    EXPECT_FALSE(fits_owner(owner({{"unit", "web@*.service"}, {"container", "*"}}), facts));
    EXPECT_FALSE(fits_owner(owner({}), facts));
    facts.runs_file = [](std::uint32_t, const std::string&) { return false; };
    EXPECT_FALSE(fits_owner(owner({{"exe", "/usr/sbin/web"}}), facts)) << "another file there";
}

class Behind : public testing::Test {
protected:
    Behind() {
        auto web = shop();
        web.published.push_back({IPPROTO_TCP, ip("0.0.0.0"), {8080}, {80}, ip("172.17.0.2")});
        auto snapshot = std::make_shared<identity::EngineSnapshot>();
        snapshot->containers[web.id] = web;
        engines_.push_back(snapshot);
    }
    std::string behind(const Holder& holder, std::uint16_t port = 8080) {
        const PublishIndex index(engines_);
        const auto* found =
            container_behind(held(listener("0.0.0.0", port), holder), index, engines_);
        return found == nullptr ? "" : found->name;
    }
    static Holder conmon(const std::string& id) {
        auto out = process(9, "/usr/bin/conmon");
        out.process.argv = {"conmon", "--api-version", "1", "-c", id, "-u", id};
        return out;
    }
    PublishIndex::Engines engines_;
};

TEST_F(Behind, AProxyTheDaemonAndTheMonitorSpeakForWhomTheEngineNames) {
    EXPECT_EQ(behind(docker_proxy(5)), "shop-web-1");
    EXPECT_EQ(behind(process(5, "/usr/bin/dockerd")), "shop-web-1");
    EXPECT_EQ(behind(conmon(id_of('a'))), "shop-web-1");
    EXPECT_EQ(behind(docker_proxy(5), 8081), "");
}

TEST_F(Behind, WhoeverOnlyCallsHimselfSoSpeaksForNobody) {
    auto proxy = docker_proxy(5);
    proxy.parent_exe = "/usr/bin/bash";
    EXPECT_EQ(behind(proxy), "");
    EXPECT_EQ(behind(conmon(id_of('b'))), "") << "it watches another container";
    auto of_a_user = conmon(id_of('a'));
    of_a_user.process.uid = 1000;
    EXPECT_EQ(behind(of_a_user), "");
    auto inside = conmon(id_of('a'));
    inside.process.container_id = id_of('c');
    EXPECT_EQ(behind(inside), "");
    EXPECT_EQ(behind(process(5, "/usr/bin/nginx")), "");
}

TEST_F(Behind, WhoeverLivesInAContainerIsThat) {
    EXPECT_EQ(behind(process(5, "/usr/bin/nginx", id_of('a')), 9090), "shop-web-1");
    EXPECT_EQ(behind(process(5, "/usr/bin/nginx", id_of('c')), 9090), "");
}

}  // namespace
}  // namespace portlid::inventory
