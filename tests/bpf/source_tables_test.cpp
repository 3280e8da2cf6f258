// SPDX-License-Identifier: Apache-2.0
// Tables about sources and open flows, through the loaded program: limits, bans, existing flows.
#include <algorithm>
#include <chrono>
#include <thread>

#include "kernel/enforcement.hpp"
#include "policy/load.hpp"
#include "program_fixture.hpp"
#include "support/packet.hpp"

namespace portlid::kernel {
namespace {

using namespace std::chrono_literals;

class SourceTables : public ProgramTest {
protected:
    void SetUp() override {
        ProgramTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        attach_program();
    }
    static policy::CompiledPolicy compiled(const std::string& text) {
        auto outcome = policy::load_text("version: 1\n" + text, "policy.yaml", ".");
        EXPECT_TRUE(outcome.ok());
        auto result = policy::compile(outcome.policy);
        EXPECT_TRUE(result) << result.error().message;
        return std::move(*result);
    }
    void publish(const std::string& text) { ASSERT_TRUE(sensor_->publish(compiled(text))); }
    [[nodiscard]] unsigned syn(unsigned port, const std::string& from = test::kStrangerV4) const {
        return judge(test::syn_v4(port, from));
    }
    [[nodiscard]] unsigned ack(unsigned port, unsigned from_port = 50000) const {
        return judge(test::Ethernet{}(test::Ipv4{}(test::tcp(from_port, port, test::kAck))));
    }
    static flow_key flow(unsigned port, unsigned from_port = 50000) {
        flow_key key{};
        key.local = IpAddress::parse(test::kHostV4)->to_bytes();
        key.remote = IpAddress::parse(test::kStrangerV4)->to_bytes();
        key.local_port_host = static_cast<std::uint16_t>(port);
        key.remote_port_host = static_cast<std::uint16_t>(from_port);
        key.protocol = 6;
        return key;
    }
    [[nodiscard]] static std::string zone(const char* more) {
        return std::string("zones: { public: { interfaces: [up0], ") + more + " } }\n";
    }
};

constexpr const char* kEnforcing = "default: drop, mode: enforce";
constexpr const char* kMonitoring = "default: drop, mode: monitor";
constexpr const char* kSsh = "services: [{ name: ssh, ports: [22/tcp] }]\n";

TEST_F(SourceTables, TheSixthSynOfASourceIsRefusedAndOnlySynsCount) {
    publish(zone(kEnforcing) +
            "services: [{ name: ssh, ports: [22/tcp], limit: { new: 6/30s, exempt: "
            "[198.51.100.1] } }]\n");
    for (int i = 0; i < 50; ++i) EXPECT_EQ(ack(22), XDP_PASS);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(syn(22), XDP_PASS) << i;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(syn(22), XDP_DROP) << i;
    EXPECT_EQ(ack(22), XDP_PASS) << "a session that is open goes on";
    EXPECT_EQ(syn(22, "203.0.113.10"), XDP_PASS) << "another source";
    for (int i = 0; i < 20; ++i) EXPECT_EQ(syn(22, "198.51.100.1"), XDP_PASS) << "exempt";
    EXPECT_EQ(sensor_->counters(up_)[REASON_limited][VERDICT_drop].packets, 5U);
}

TEST_F(SourceTables, ALimitInMonitorModeCountsButLetsIn) {
    publish(zone(kMonitoring) +
            "services: [{ name: ssh, ports: [22/tcp], limit: { new: 2/30s } }]\n");
    for (int i = 0; i < 4; ++i) EXPECT_EQ(syn(22), XDP_PASS);
    EXPECT_EQ(sensor_->counters(up_)[REASON_limited][VERDICT_would_drop].packets, 3U);
}

TEST_F(SourceTables, ALimitEndsWhenThePeriodPassesWithoutATry) {
    publish(zone(kEnforcing) +
            "services: [{ name: ssh, ports: [22/tcp], limit: { new: 2/1s } }]\n");
    EXPECT_EQ(syn(22), XDP_PASS);
    EXPECT_EQ(syn(22), XDP_DROP);
    const auto blocked_at = boot_now().ns;
    while (boot_now().ns - blocked_at < 1'050'000'000) std::this_thread::yield();
    EXPECT_EQ(syn(22), XDP_PASS);
}

TEST_F(SourceTables, TriesSurviveAReloadAndARestart) {
    const auto policy =
        zone(kEnforcing) + "services: [{ name: ssh, ports: [22/tcp], limit: { new: 3/60s } }]\n";
    publish(policy);
    EXPECT_EQ(syn(22), XDP_PASS);
    publish("sets: { a: [192.0.2.99] }\ndeny: [a]\n" + policy);
    EXPECT_EQ(syn(22), XDP_PASS);
    sensor_.reset();
    load();
    attach_program();
    EXPECT_EQ(syn(22), XDP_DROP);
}

TEST_F(SourceTables, ABanDropsCountsAndEnds) {
    publish(zone(kEnforcing) + kSsh);
    const auto source = *Cidr::parse(test::kStrangerV4);
    EXPECT_EQ(syn(22), XDP_PASS);
    ASSERT_TRUE(sensor_->bans().add(source, std::nullopt));
    EXPECT_EQ(syn(22), XDP_DROP);
    EXPECT_EQ(ack(22), XDP_DROP) << "an open session too";
    EXPECT_EQ(syn(22, "203.0.113.10"), XDP_PASS);
    const auto list = sensor_->bans().list();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].source, source);
    EXPECT_EQ(list[0].hits, 2U);
    EXPECT_FALSE(list[0].remaining);
    EXPECT_EQ(sensor_->counters(up_)[REASON_banned][VERDICT_drop].packets, 2U);
    EXPECT_EQ(sensor_->bans().remove(source), true);
    EXPECT_EQ(sensor_->bans().remove(source), false);
    EXPECT_EQ(syn(22), XDP_PASS);
}

TEST_F(SourceTables, ABanEndsInTheKernelAtItsDeadline) {
    publish(zone(kEnforcing) + kSsh);
    ASSERT_TRUE(sensor_->bans().add(*Cidr::parse(test::kStrangerV4), 300ms));
    EXPECT_EQ(syn(22), XDP_DROP);
    const auto started = boot_now().ns;
    while (boot_now().ns - started < 310'000'000) std::this_thread::yield();
    EXPECT_EQ(syn(22), XDP_PASS) << "without help of the daemon";
    const auto expired = sensor_->bans().take_expired();
    ASSERT_EQ(expired.size(), 1U);
    EXPECT_EQ(expired[0].remaining, 0ns);
    EXPECT_TRUE(sensor_->bans().list().empty());
}

TEST_F(SourceTables, AShortBanOfAnAddressDoesNotHideALongOneOfItsNetwork) {
    publish(zone(kEnforcing) + kSsh);
    auto& bans = sensor_->bans();
    ASSERT_TRUE(bans.add(*Cidr::parse(test::kStrangerV4), 0ns));
    EXPECT_EQ(syn(22), XDP_PASS) << "over at once";
    ASSERT_TRUE(bans.add(*Cidr::parse("203.0.113.0/24"), 1h));
    EXPECT_EQ(syn(22), XDP_DROP) << "the wider ban came later";
    ASSERT_TRUE(bans.add(*Cidr::parse("203.0.0.0/16"), std::nullopt));
    EXPECT_EQ(bans.remove(*Cidr::parse("203.0.113.0/24")), true);
    EXPECT_EQ(syn(22), XDP_DROP);
    EXPECT_EQ(bans.remove(*Cidr::parse("203.0.0.0/16")), true);
    EXPECT_EQ(syn(22), XDP_PASS);
    ASSERT_TRUE(bans.add(*Cidr::parse("203.0.0.0/16"), 1h));
    ASSERT_TRUE(bans.add(*Cidr::parse("203.0.113.9/32"), 0ns));
    EXPECT_EQ(syn(22), XDP_DROP) << "the wider ban came first";
}

TEST_F(SourceTables, BansSurviveARestart) {
    publish(zone(kEnforcing) + kSsh);
    ASSERT_TRUE(sensor_->bans().add(*Cidr::parse(test::kStrangerV4), 1h));
    sensor_.reset();
    load();
    attach_program();
    EXPECT_EQ(syn(22), XDP_DROP);
    const auto list = sensor_->bans().list();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_GT(list[0].remaining, 59min);
    EXPECT_LE(list[0].remaining, 60min);
}

TEST_F(SourceTables, AnIpv6BanNeverReachesIpv4ByAccident) {
    publish(zone(kEnforcing) + kSsh);
    const auto refused = sensor_->bans().add(*Cidr::parse("::/0"), std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("IPv4"), std::string::npos);
    ASSERT_TRUE(sensor_->bans().add(*Cidr::parse("2000::/3"), std::nullopt));
    EXPECT_EQ(syn(22), XDP_PASS);
    EXPECT_EQ(judge(test::syn_v6(22)), XDP_DROP);
    ASSERT_TRUE(sensor_->bans().add(*Cidr::parse("0.0.0.0/0"), std::nullopt));
    EXPECT_EQ(syn(22), XDP_DROP);
}

TEST_F(SourceTables, AFlowThatWasOpenWhenTheZoneBeganToEnforceLivesOn) {
    publish(zone(kMonitoring) + kSsh);
    const auto enforcing = compiled(zone(kEnforcing) + kSsh);
    ASSERT_TRUE(sensor_->begins_to_enforce(enforcing));
    ASSERT_TRUE(sensor_->seed_existing({flow(8080)}, boot_now(), true));
    ASSERT_TRUE(sensor_->publish(enforcing));
    EXPECT_EQ(ack(8080), XDP_PASS);
    EXPECT_EQ(ack(8080, 50001), XDP_DROP);
    EXPECT_EQ(judge(test::Ethernet{}(test::Ipv4{}(test::tcp(50000, 8080)))), XDP_DROP);
    EXPECT_EQ(sensor_->counters(up_)[REASON_grandfathered][VERDICT_allow].packets, 1U);
    EXPECT_EQ(sensor_->existing().kept, 1U);
    // Over reloads and restarts it goes on, and nothing that is seen later joins it.
    EXPECT_FALSE(sensor_->begins_to_enforce(enforcing));
    publish("transit: drop\n" + zone(kEnforcing) + kSsh);
    sensor_.reset();
    load();
    attach_program();
    publish(zone(kEnforcing) + kSsh);
    ASSERT_TRUE(sensor_->seed_existing({flow(9090)}, boot_now(), false));
    EXPECT_EQ(ack(8080), XDP_PASS);
    EXPECT_EQ(ack(9090), XDP_DROP);
}

TEST_F(SourceTables, AnOpenFlowEndsWithExistingAndExistingZeroHonoursNone) {
    const auto drop_all = [&](const char* existing) {
        return zone((std::string(kEnforcing) + ", existing: " + existing).c_str()) + kSsh;
    };
    ASSERT_TRUE(sensor_->seed_existing({flow(8080)}, boot_now(), true));
    publish(drop_all("1s"));
    const auto began = boot_now().ns;
    EXPECT_EQ(ack(8080), XDP_PASS);
    while (boot_now().ns - began < 1'010'000'000) std::this_thread::yield();
    EXPECT_EQ(ack(8080), XDP_DROP);
    publish(drop_all("1h"));
    EXPECT_EQ(ack(8080), XDP_PASS) << "counted from the same beginning";
    publish(drop_all("0"));
    EXPECT_EQ(ack(8080), XDP_DROP);
    publish(drop_all("forever"));
    EXPECT_EQ(ack(8080), XDP_PASS);
}

TEST_F(SourceTables, FlowsThatAreGoneAreForgottenOnlyWhenTheListIsComplete) {
    ASSERT_TRUE(sensor_->seed_existing({flow(1), flow(2)}, boot_now(), true));
    auto count = sensor_->seed_existing({flow(3)}, boot_now(), false);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->kept, 3U);
    count = sensor_->seed_existing({flow(2)}, boot_now(), true);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->kept, 1U);
}

TEST_F(SourceTables, OpenFlowsBeyondTheTableAreCounted) {
    FlowSet many;
    for (unsigned i = 0; i < 65536 + 10; ++i) many.insert(flow(1 + i / 60000, i % 60000));
    const auto count = sensor_->seed_existing(many, boot_now(), true);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->kept, 65536U);
    EXPECT_EQ(count->overflow, 10U);
    EXPECT_EQ(sensor_->existing().overflow, 10U);
}

// ---- who begins to enforce --------------------------------------------------------------------

class Beginnings : public ::testing::Test {
protected:
    static policy::CompiledPolicy compiled(const std::string& text) {
        return std::move(
            *policy::compile(policy::load_text("version: 1\n" + text, "policy.yaml", ".").policy));
    }
    // Puts `text` in force at `now`; the instant at which zone `zone` began to enforce.
    std::uint64_t at(std::uint64_t now, const std::string& text, unsigned zone = 0) {
        auto policy = compiled(text);
        began_ = begins_to_enforce(*policy.image, before_.get());
        carry_enforcement(*policy.image, before_.get(), BootTime{now});
        before_ = enforcement_of(*policy.image);
        return policy.image->zones[zone].enforce_since_ns;
    }
    std::unique_ptr<Enforcement> before_;
    bool began_ = false;
};

TEST_F(Beginnings, AZoneBeginsOnceAndKeepsItsInstantWhileItEnforces) {
    const std::string on = "zones: { a: { interfaces: [x], default: allow, mode: enforce } }\n";
    const std::string off = "zones: { a: { interfaces: [x], default: allow, mode: monitor } }\n";
    EXPECT_EQ(at(1, off), 0U);
    EXPECT_FALSE(began_);
    EXPECT_EQ(at(2, on), 2U);
    EXPECT_TRUE(began_);
    EXPECT_EQ(at(3, on + "services: [{ name: n, ports: [1/tcp], from: [192.0.2.1] }]"), 2U);
    EXPECT_FALSE(began_) << "a new service in a zone that enforces is no beginning";
    EXPECT_EQ(at(4, on), 2U);
    EXPECT_EQ(at(5, off), 0U);
    EXPECT_EQ(at(6, on), 6U);
}

TEST_F(Beginnings, AServiceThatEnforcesInAMonitoringZoneIsABeginningOfTheZone) {
    const auto text = [](const char* one, const char* two) {
        return std::string("zones: { a: { interfaces: [x], default: allow } }\nservices:\n") +
               "  - { name: one, ports: [1/tcp], from: [192.0.2.1], mode: " + one + " }\n" +
               "  - { name: two, ports: [2/tcp], from: [192.0.2.1], mode: " + two + " }\n";
    };
    EXPECT_EQ(at(1, text("monitor", "monitor")), 0U);
    EXPECT_EQ(at(2, text("enforce", "monitor")), 2U);
    EXPECT_EQ(at(3, text("enforce", "monitor")), 2U);
    EXPECT_EQ(at(4, text("enforce", "enforce")), 4U);
    EXPECT_EQ(at(5, text("monitor", "enforce")), 4U) << "less is no beginning";
    EXPECT_EQ(at(6, "mode: enforce\n" + text("monitor", "enforce")), 6U) << "the zone itself";
    EXPECT_EQ(at(7, "mode: enforce\n" + text("enforce", "enforce")), 7U)
        << "a service that was kept in monitor mode";
}

TEST_F(Beginnings, ZonesAreKnownByNameAndByThemselves) {
    const std::string a = "a: { interfaces: [x], default: allow, mode: enforce }";
    const std::string b = "b: { interfaces: [y], default: allow, mode: enforce }";
    EXPECT_EQ(at(1, "zones: { " + a + " }\n"), 1U);
    EXPECT_EQ(at(2, "zones: { " + b + ", " + a + " }\n", 1), 1U);
    EXPECT_EQ(before_->zones[0].enforce_since_ns, 2U);
    EXPECT_TRUE(began_);
}

}  // namespace
}  // namespace portlid::kernel
