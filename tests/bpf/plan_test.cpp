// SPDX-License-Identifier: Apache-2.0
// The decisions that need no kernel: order of attaching, capabilities, the cgroup mount.
#include <gtest/gtest.h>

#include "kernel/attach_plan.hpp"
#include "kernel/capabilities.hpp"
#include "kernel/cgroup.hpp"

namespace portlid::kernel {
namespace {

using enum AttachKind;
using Order = std::vector<AttachKind>;

TEST(AttachPlan, EveryPlanEndsInTc) {
    for (const auto wanted : {Auto, Native, Generic, Tc})
        EXPECT_EQ(plan_attach(wanted, {}).order.back(), Tc) << to_string(wanted);
}

TEST(AttachPlan, AutoTriesNativeOnlyOnDriversThatLeaveTheLinkAlone) {
    EXPECT_EQ(plan_attach(Auto, {.driver = "veth"}).order, (Order{Native, Generic, Tc}));
    for (const char* driver : {"virtio_net", "ixgbe", "ena", "mlx5_core", ""}) {
        const auto plan = plan_attach(Auto, {.driver = driver});
        EXPECT_EQ(plan.order, (Order{Generic, Tc})) << driver;
        EXPECT_NE(plan.why.find("native"), std::string::npos) << driver;
    }
}

TEST(AttachPlan, ARequestIsTriedWhateverTheDriver) {
    EXPECT_EQ(plan_attach(Native, {.driver = "ena"}).order, (Order{Native, Generic, Tc}));
    EXPECT_EQ(plan_attach(Native, {.driver = "ena"}).why, "");
}

TEST(AttachPlan, LayerThreeAndForeignXdpGoStraightToTcAndSayWhy) {
    for (const auto wanted : {Auto, Native, Generic}) {
        EXPECT_EQ(plan_attach(wanted, {.layer3 = true}).order, Order{Tc});
        EXPECT_NE(plan_attach(wanted, {.layer3 = true}).why, "");
        EXPECT_EQ(plan_attach(wanted, {.foreign_xdp = true}).order, Order{Tc});
        EXPECT_NE(plan_attach(wanted, {.foreign_xdp = true}).why, "");
    }
}

TEST(AttachPlan, AutoKeepsWhatAnEarlierRunAttached) {
    const auto plan = plan_attach(Auto, {.driver = "veth", .held = Tc});
    EXPECT_EQ(plan.order, (Order{Tc, Native, Generic}));
    EXPECT_NE(plan.why.find("earlier run"), std::string::npos);
    EXPECT_EQ(plan_attach(Auto, {.driver = "ena", .held = Native}).order,
              (Order{Native, Generic, Tc}));
    EXPECT_EQ(plan_attach(Auto, {.driver = "ena", .held = Native}).why, "");
}

TEST(AttachPlan, ADriverNameIsShownSafely) {
    const auto plan = plan_attach(Auto, {.driver = "evil\x1b[2J"});
    EXPECT_EQ(plan.why.find('\x1b'), std::string::npos);
}

TEST(Capabilities, NamesExactlyWhatIsMissing) {
    constexpr std::uint64_t kNetAdmin = 1ULL << 12, kSysAdmin = 1ULL << 21;
    constexpr std::uint64_t kPerfmon = 1ULL << 38, kBpf = 1ULL << 39;
    EXPECT_TRUE(missing_capabilities(kNetAdmin | kPerfmon | kBpf).empty());
    EXPECT_TRUE(missing_capabilities(kNetAdmin | kSysAdmin).empty());
    EXPECT_EQ(missing_capabilities(kNetAdmin | kPerfmon), (std::vector<std::string>{"CAP_BPF"}));
    EXPECT_EQ(missing_capabilities(0).size(), 3U);
}

TEST(Capabilities, AKernelWithoutBtfIsExitSixWithAdvice) {
    const auto result = require_btf("/nonexistent/vmlinux");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ExitCode::KernelMissing);
    EXPECT_FALSE(result.error().hint.empty());
}

TEST(Cgroup, FindsTheV2MountInHybridAndPureLayouts) {
    EXPECT_EQ(cgroup2_mount("36 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                            "40 25 0:31 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 none rw\n"),
              "/sys/fs/cgroup/unified");
    EXPECT_EQ(cgroup2_mount("30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"),
              "/sys/fs/cgroup");
    EXPECT_EQ(cgroup2_mount("1 1 0:1 / /my\\040cgroups rw - cgroup2 none rw\n"), "/my cgroups");
}

TEST(Cgroup, FindsNothingInGarbage) {
    for (const char* text : {"", "\n\n", " - cgroup2 ", "a b - cgroup2 x y", "1 1 0:1 / \\04"})
        EXPECT_EQ(cgroup2_mount(text), "") << text;
}

}  // namespace
}  // namespace portlid::kernel
