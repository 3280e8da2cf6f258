// SPDX-License-Identifier: Apache-2.0
// The twin and the matrix on real programs: it agrees where the image is right, names the port
// where it is not, and leaves no trace in the sensor.
#include "kernel/twin.hpp"

#include <bpf/bpf.h>
#include <gmock/gmock.h>

#include <cstring>

#include "kernel/links.hpp"
#include "kernel/map_access.hpp"
#include "policy/load.hpp"
#include "sensor_fixture.hpp"
#include "support/packet.hpp"
#include "verify/matrix.hpp"

namespace portlid::kernel {
namespace {

constexpr const char* kPolicy = R"(version: 1
mode: enforce
zones:
  public: { interfaces: [up0], default: drop }
sets:
  office: [203.0.113.0/24, "2001:db8:77::/48"]
  spammers: [203.0.113.128/25]
management: [office]
deny: [spammers]
services:
  - { name: web, ports: [80/tcp, 443/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: throttled, ports: [3000-3099/tcp], limit: { new: 6/30s, exempt: [office] } }
  - { name: watched, ports: [8000-8099/tcp], from: [office], mode: monitor }
  - { name: inner, ports: [9100/tcp], addresses: [192.0.2.2] }
failsafe:
  - { ports: [2222/tcp], from: [198.51.100.0/24] }
)";

class Asker final : public verify::Oracle {
public:
    explicit Asker(Twin& twin) : twin_(twin) {}
    Result<verify::Answer> ask(const verify::Entrance& entrance,
                               std::span<const std::uint8_t> frame) override {
        const auto hook = entrance.hook == "tc" ? TwinHook::Tc : TwinHook::Xdp;
        const auto told = twin_.ask(hook, entrance.ifindex, frame);
        if (!told) return pass_on(told.error());
        return verify::Answer{told->verdict, told->why};
    }
    Result<> forget_tries() override { return twin_.forget_tries(); }

private:
    Twin& twin_;
};

class TwinTest : public SensorTest {
protected:
    // Attached and filled, with kPolicy in force after `corrupt` had its way with the image.
    void attach(AttachKind kind, const std::function<void(policy_image&)>& corrupt = {}) {
        make_veth();
        load();
        for (const char* text : {"192.0.2.1", "192.0.2.2", "2001:db8::1"})
            own_.insert(*IpAddress::parse(text));
        ASSERT_TRUE(sensor_->set_local_addresses(own_));
        auto outcome = policy::load_text(kPolicy, "policy.yaml", ".");
        ASSERT_TRUE(outcome.ok());
        policy_ = std::move(outcome.policy);
        auto compiled = policy::compile(policy_);
        ASSERT_TRUE(compiled);
        if (corrupt) corrupt(*compiled->image);
        ASSERT_TRUE(sensor_->publish(*compiled));
        auto wanted = request("up0", kind);
        wanted.mac = mac_;
        const auto state = sensor_->attach_interface(wanted);
        ASSERT_EQ(state.attached, kind) << state.why;
        up_ = ::if_nametoindex("up0");
    }
    Twin make_twin() {
        auto parts = sensor_->twin_parts();
        EXPECT_TRUE(parts);
        auto twin = Twin::make(std::move(*parts));
        EXPECT_TRUE(twin) << twin.error().message << "\n" << twin.error().hint;
        return std::move(*twin);
    }
    [[nodiscard]] verify::MatrixInput input(AttachKind kind) const {
        verify::Entrance entrance;
        entrance.ifindex = up_;
        entrance.interface_name = "up0";
        entrance.hook = kind == AttachKind::Tc ? "tc" : "xdp";
        entrance.mac = mac_;
        return {.policy = &policy_, .own = own_, .entrances = {entrance}};
    }
    verify::Matrix measure(AttachKind kind) {
        auto twin = make_twin();
        Asker asker(twin);
        verify::Progress progress;
        auto matrix = verify::measure(input(kind), asker, progress);
        EXPECT_TRUE(matrix) << matrix.error().message;
        EXPECT_EQ(progress.asked, progress.of);
        return std::move(*matrix);
    }
    static std::string describe(const verify::Matrix& matrix) {
        std::string text;
        for (const auto& found : matrix.differences) {
            const auto& row = matrix.rows[found.row];
            text += fmt::format(
                "{}/{} from {} to {}: kernel {} policy {}\n", to_string(found.ports),
                row.protocol == policy::PortProtocol::Udp ? "udp" : "tcp", row.source.to_string(),
                row.destination.to_string(), int{found.kernel.verdict}, int{found.policy.verdict});
        }
        return text;
    }

    // Every byte that a packet could have changed: maps by name, all CPUs.
    std::map<std::string, std::string> state_of_the_sensor() {
        std::map<std::string, std::string> state;
        for (const char* name : {"counters", "flows", "asked_first", "recent_verdicts",
                                 "recent_uses", "use_gates", "budgets", "event_budgets", "lost",
                                 "health", "limits", "bans", "existing_flows", "table_sizes"}) {
            const auto map = open_pin(pins() / "maps" / name);
            EXPECT_TRUE(map.valid()) << name;
            state[name] = dump(map.get());
        }
        return state;
    }
    static std::string dump(int fd) {
        bpf_map_info info{};
        __u32 size = sizeof(info);
        EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
        const std::size_t value_bytes = (info.value_size + 7U) / 8 * 8 * possible_cpus();
        std::string all;
        std::vector<char> key(info.key_size);
        std::vector<char> next(info.key_size);
        std::vector<char> value(value_bytes);
        const void* previous = nullptr;
        while (bpf_map_get_next_key(fd, previous, next.data()) == 0) {
            key = next;
            previous = key.data();
            std::fill(value.begin(), value.end(), 0);
            if (bpf_map_lookup_elem(fd, key.data(), value.data()) != 0) continue;
            all.append(key.data(), key.size());
            all.append(value.data(), value.size());
        }
        return all;
    }

    std::set<IpAddress> own_;
    policy::Policy policy_;
    std::array<std::uint8_t, 6> mac_{0x02, 0, 0, 0, 0, 0x77};
    std::uint32_t up_ = 0;
};

TEST_F(TwinTest, AgreesWithThePolicyOnEveryPortThroughXdp) {
    attach(AttachKind::Native);
    const auto matrix = measure(AttachKind::Native);
    EXPECT_EQ(describe(matrix), "");
    EXPECT_GT(matrix.counts[VERDICT_allow], 0U);
    EXPECT_GT(matrix.counts[VERDICT_drop], 0U);
    EXPECT_GT(matrix.counts[VERDICT_would_drop], 0U);
}

TEST_F(TwinTest, AgreesWithThePolicyOnEveryPortThroughTc) {
    attach(AttachKind::Tc);
    const auto matrix = measure(AttachKind::Tc);
    EXPECT_EQ(describe(matrix), "");
    EXPECT_GT(matrix.counts[VERDICT_would_drop], 0U);
}

TEST_F(TwinTest, IsTheSameCodeAsWhatIsAttached) {
    attach(AttachKind::Native);
    const auto twin = make_twin();
    ASSERT_EQ(twin.tag(TwinHook::Xdp).size(), 16U);
    EXPECT_EQ(twin.tag(TwinHook::Xdp), twin.parts().tags.at(up_));
    EXPECT_EQ(twin.tag(TwinHook::Tc), "") << "not attached, so not loaded";
}

TEST_F(TwinTest, LeavesNoTraceInTheSensor) {
    // Or the two ends of the pair talk to each other meanwhile.
    ASSERT_EQ(shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"), 0);
    attach(AttachKind::Native);
    unsigned records = 0;
    const auto drain = [&] { sensor_->poll_rings([&](auto) { ++records; }); };
    drain();
    records = 0;
    const auto before = state_of_the_sensor();
    const auto matrix = measure(AttachKind::Native);
    ASSERT_GT(matrix.counts[VERDICT_drop], 0U);
    const auto after = state_of_the_sensor();
    for (const auto& [name, bytes] : before) EXPECT_TRUE(bytes == after.at(name)) << name;
    drain();
    EXPECT_EQ(records, 0U);
}

TEST_F(TwinTest, NamesExactlyThePortWhoseRuleSetIsCorrupt) {
    attach(AttachKind::Native,
           [](policy_image& image) { image.ports[0][0][5432] = image.ports[0][0][80]; });
    const auto matrix = measure(AttachKind::Native);
    ASSERT_FALSE(matrix.differences.empty());
    for (const auto& found : matrix.differences) {
        EXPECT_EQ(to_string(found.ports), "5432");
        EXPECT_EQ(matrix.rows[found.row].protocol, policy::PortProtocol::Tcp);
        EXPECT_EQ(found.kernel.verdict, VERDICT_allow);
        EXPECT_EQ(found.policy.verdict, VERDICT_drop);
    }
    // From everybody but the denied ones, to each of the two IPv4 addresses and the IPv6 one.
    EXPECT_EQ(describe(matrix).find("203.0.113.12"), describe(matrix).npos);
    EXPECT_EQ(matrix.differences.size(), 8U) << describe(matrix);
}

TEST_F(TwinTest, NamesThePortWhoseOneCellIsCorrupt) {
    attach(AttachKind::Tc, [](policy_image& image) {
        const auto first_cell = [&](unsigned port) {
            return image.rule_sets[image.ports[0][0][port]].first_cell;
        };
        ASSERT_GT(image.rule_sets[image.ports[0][0][22]].source_span, 1);
        // Class 0, strangers in no list, may do at 22 what they may do at 80.
        image.cells[first_cell(22)] = image.cells[first_cell(80)];
    });
    const auto matrix = measure(AttachKind::Tc);
    ASSERT_FALSE(matrix.differences.empty());
    for (const auto& found : matrix.differences) {
        EXPECT_EQ(to_string(found.ports), "22");
        EXPECT_EQ(matrix.samples[matrix.rows[found.row].sample].name, "anyone else");
    }
}

TEST_F(TwinTest, FollowsAPolicySwap) {
    attach(AttachKind::Native);
    auto twin = make_twin();
    const auto syn = test::syn_v4(8080);
    ASSERT_TRUE(sensor_->set_local_addresses({*IpAddress::parse(test::kHostV4)}));
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    EXPECT_EQ(twin.ask(TwinHook::Xdp, up_, syn)->verdict, VERDICT_drop);
    ASSERT_TRUE(sensor_->publish(policy_of(true)));
    EXPECT_EQ(twin.ask(TwinHook::Xdp, up_, syn)->verdict, VERDICT_allow);
}

TEST_F(TwinTest, SaysWhenTheInterfaceIsGone) {
    attach(AttachKind::Native);
    auto twin = make_twin();
    const auto syn = test::syn_v4(8080);
    ASSERT_TRUE(twin.ask(TwinHook::Xdp, up_, syn));
    sensor_->detach_interface(up_);
    const auto unattached = twin.ask(TwinHook::Xdp, up_, syn);
    ASSERT_FALSE(unattached);
    EXPECT_NE(unattached.error().message.find("no interface entry"), std::string::npos);
    ASSERT_EQ(shell("ip link del up0"), 0);
    EXPECT_FALSE(twin.ask(TwinHook::Xdp, up_, syn));
}

}  // namespace
}  // namespace portlid::kernel
