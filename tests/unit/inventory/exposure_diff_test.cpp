// SPDX-License-Identifier: Apache-2.0
#include "inventory/exposure_diff.hpp"

#include <gtest/gtest.h>

#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using event::Kind;
using event::Severity;
using policy::Reach;

Exposure exposure(std::uint16_t port, Reach now = Reach::Open, Reach enforced = Reach::Closed) {
    Exposure out;
    out.address = ip("0.0.0.0");
    out.port = {port};
    out.netns = kHost;
    out.host_netns = true;
    out.holder =
        std::make_shared<const HolderView>(HolderView{70, "/bin/httpd", "httpd", "root", "", {}});
    out.reach = {{"public", now, enforced}};
    out.verdict = now != Reach::Closed && enforced == Reach::Closed ? ExposureVerdict::Exposed
                                                                    : ExposureVerdict::Ok;
    return out;
}

TEST(Diff, SaysWhatOpenedChangedAndClosed) {
    const auto changes =
        diff({exposure(80), exposure(81)}, {exposure(80, Reach::Closed), exposure(82)});
    ASSERT_EQ(changes.size(), 3U);
    EXPECT_EQ(changes[0].kind, Kind::ExposureChanged);
    EXPECT_EQ(changes[0].previous, ExposureVerdict::Exposed);
    EXPECT_EQ(changes[1].kind, Kind::ExposureClosed);
    EXPECT_EQ(changes[1].exposure.port.value, 81);
    EXPECT_EQ(changes[2].kind, Kind::ExposureOpened);
    EXPECT_EQ(changes[2].exposure.port.value, 82);
}

TEST(Diff, AnotherPidOfTheSameProgramIsNoChange) {
    auto later = exposure(80);
    edit_holder(later, [](auto& holder) { holder.pid = 71; });
    EXPECT_TRUE(diff({exposure(80)}, {later}).empty());
    edit_holder(later, [](auto& holder) { holder.exe = "/bin/nc"; });
    EXPECT_EQ(diff({exposure(80)}, {later}).size(), 1U);
}

TEST(Diff, UnusedServicePortsAreNobodysExposure) {
    auto unused = exposure(80);
    unused.verdict = ExposureVerdict::Unused;
    unused.address.reset();
    EXPECT_TRUE(diff({}, {unused}).empty());
    EXPECT_TRUE(diff({unused}, {}).empty());
}

TEST(Diff, APublishedRangeIsOneChangeOfEachKind) {
    std::vector<Exposure> range;
    for (unsigned port = 7000; port <= 7100; ++port) {
        range.push_back(exposure(static_cast<std::uint16_t>(port)));
        edit_holder(range.back(), [&](auto& holder) { holder.pid = port; });
    }
    const auto opened = diff({}, range);
    ASSERT_EQ(opened.size(), 1U);
    EXPECT_EQ(opened[0].exposure.port.value, 7000);
    EXPECT_EQ(opened[0].last_port.value, 7100);
    EXPECT_EQ(opened[0].ports(), 101U);
    EXPECT_EQ(diff(range, {}).size(), 1U);
}

TEST(Diff, ARangeEndsWhereTheHolderOrTheFateDiffers) {
    auto other = exposure(81);
    edit_holder(other, [](auto& holder) { holder.exe = "/bin/nc"; });
    const auto changes = diff({}, {exposure(80), other, exposure(82), exposure(84)});
    ASSERT_EQ(changes.size(), 4U);
    for (const auto& change : changes) EXPECT_EQ(change.ports(), 1U);
}

TEST(Severity, FollowsReach) {
    EXPECT_EQ(severity_of(exposure(80)), Severity::High);
    EXPECT_EQ(severity_of(exposure(80, Reach::Restricted)), Severity::Medium);
    EXPECT_EQ(severity_of(exposure(80, Reach::Open, Reach::Open)), Severity::Low);
    EXPECT_EQ(severity_of(exposure(80, Reach::Closed)), Severity::Info);
    auto bypass = exposure(80);
    bypass.ufw = UfwAnswer::Deny;
    EXPECT_EQ(severity_of(bypass), Severity::Critical);
    auto dropped = exposure(80, Reach::Closed);
    dropped.verdict = ExposureVerdict::Closed;
    EXPECT_EQ(severity_of(dropped), Severity::Low);
}

TEST(Scope, IsTheWidestReach) {
    EXPECT_EQ(scope_of(exposure(80)), event::Scope::Public);
    EXPECT_EQ(scope_of(exposure(80, Reach::Restricted)), event::Scope::Zone);
    EXPECT_EQ(scope_of(exposure(80, Reach::Closed)), event::Scope::Host);
    auto inner = exposure(80);
    inner.host_netns = false;
    EXPECT_EQ(scope_of(inner), event::Scope::Container);
}

TEST(ChangeBody, NamesTheRangeAndThePreviousVerdict) {
    auto from = exposure(80);
    auto to = exposure(80, Reach::Closed);
    edit_holder(to, [](auto& holder) {
        holder.container = ContainerName{id_of('e'), "web", "tiny:1", "shop", "db"};
    });
    to.published = Published{ip("0.0.0.0"), {80}, true};
    const auto changes = diff({from}, {to});
    ASSERT_EQ(changes.size(), 1U);
    const auto body = change_body({}, changes[0]);
    EXPECT_EQ(body["previous"]["verdict"], "exposed");
    EXPECT_EQ(body["holder"]["container"]["name"], "web");
    EXPECT_FALSE(body.contains("ports"));
    const auto range = diff({}, {exposure(80), exposure(81)});
    EXPECT_EQ(change_body({}, range.at(0))["ports"]["last"], 81);
}

}  // namespace
}  // namespace portlid::inventory
