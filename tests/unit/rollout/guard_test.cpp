// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/load.hpp"
#include "rollout/guard.hpp"

namespace portlid::rollout {
namespace {

using ::testing::HasSubstr;

struct Host {
    policy::LoadOutcome loaded;
    policy::CompiledPolicy compiled;
    policy::HostTables tables;

    explicit Host(const std::string& rest, const char* mode = "enforce")
        : loaded(policy::load_text(std::string("version: 1\nmode: ") + mode +
                                       "\nzones: { public: { interfaces: [eth0] } }\n" + rest,
                                   "policy.yaml", ".")) {
        EXPECT_TRUE(loaded.ok()) << policy::to_string(loaded.diagnostics.front());
        compiled = policy::compile(loaded.policy).value();
        tables.own.insert(*IpAddress::parse("192.0.2.10"));
    }
    [[nodiscard]] GuardInput input(const char* peer) const {
        GuardInput in;
        in.policy = &loaded.policy;
        in.compiled = &compiled;
        in.tables = &tables;
        in.zones = {0};
        in.ssh_ports = {{22}};
        in.sessions = {
            {*IpAddress::parse(peer), *IpAddress::parse("192.0.2.10"), {22}, "ssh session", 0}};
        return in;
    }
};

TEST(Guard, NamesTheSessionThatWouldBeCutAndTheRuleThatSavesIt) {
    const Host host("services: [ { name: web, ports: [80/tcp] } ]\n");
    const auto cuts = guard(host.input("203.0.113.7"));
    ASSERT_EQ(cuts.size(), 1U);
    EXPECT_THAT(to_string(cuts), HasSubstr("ssh session from 203.0.113.7 to port 22 (no_service)"));
    const Host saved("services: [ { name: web, ports: [80/tcp] } ]\n" + cuts[0].rule + "\n");
    EXPECT_TRUE(guard(saved.input("203.0.113.7")).empty());
}

TEST(Guard, LetsAPolicyPassThatOpensSshToThePeer) {
    const Host host("services: [ { name: ssh, ports: [22/tcp], from: [203.0.113.0/24] } ]\n");
    EXPECT_TRUE(guard(host.input("203.0.113.7")).empty());
    EXPECT_EQ(guard(host.input("198.51.100.1")).size(), 1U);
}

TEST(Guard, NothingIsCutByMonitoring) {
    const Host host("services: []\n", "monitor");
    EXPECT_TRUE(guard(host.input("203.0.113.7")).empty());
}

TEST(Guard, ManagementMustGetIn) {
    const Host host(
        "management: [198.51.100.0/24]\n"
        "services: [ { name: ssh, ports: [22/tcp], from: [203.0.113.7] } ]\n");
    const auto cuts = guard(host.input("203.0.113.7"));
    ASSERT_EQ(cuts.size(), 1U);
    EXPECT_THAT(cuts[0].what, HasSubstr("management 198.51.100.0/24"));
}

TEST(Guard, AllOfManagementMustGetInNotItsFirstAddressOnly) {
    const auto cuts_of = [](const std::string& from) {
        const Host host(
            "management: [192.0.2.0/24]\n"
            "services: [ { name: ssh, ports: [22/tcp], from: [" +
            from + "] } ]\n");
        auto input = host.input("192.0.2.1");
        input.sessions.clear();
        return guard(input);
    };
    EXPECT_TRUE(cuts_of("192.0.2.0/24").empty());
    EXPECT_TRUE(cuts_of("192.0.2.0/25, 192.0.2.128/25").empty());
    const auto cuts = cuts_of("192.0.2.0/30");
    ASSERT_EQ(cuts.size(), 1U);
    EXPECT_THAT(cuts[0].what, HasSubstr("management 192.0.2.0/24, as 192.0.2."));
}

}  // namespace
}  // namespace portlid::rollout
