// SPDX-License-Identifier: Apache-2.0
// Loading, adopting what an earlier run pinned, and taking everything away again.
#include <bpf/bpf.h>
#include <sys/stat.h>

#include <fstream>

#include "kernel/pin_directory.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

using LoadTest = SensorTest;

TEST_F(LoadTest, LoadsEveryProgramAndPinsItsMapsInAPrivateDirectory) {
    load();
    EXPECT_FALSE(sensor_->adopted());
    EXPECT_EQ(sensor_->generation(), 0U);
    EXPECT_TRUE(std::filesystem::exists(pins() / "maps" / "listeners"));
    struct stat facts {};
    ASSERT_EQ(::stat((pins() / "maps").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0700U);
}

TEST_F(LoadTest, AdoptsTheMapsOfAnEarlierRunAndWhatIsInThem) {
    load();
    const std::set<IpAddress> own{*IpAddress::parse("192.0.2.1")};
    ASSERT_TRUE(sensor_->set_local_addresses(own));
    ASSERT_TRUE(sensor_->publish(policy_of(true)));
    ASSERT_TRUE(sensor_->publish(policy_of(false)));
    sensor_.reset();
    load();
    EXPECT_TRUE(sensor_->adopted());
    EXPECT_EQ(sensor_->generation(), 2U);
    EXPECT_EQ(sensor_->publish(policy_of(true)), 3U);
}

TEST_F(LoadTest, RefusesAPinnedMapOfAnotherShapeAndNamesTheWayOut) {
    load();
    sensor_.reset();
    const auto pin = pins() / "maps" / "flows";
    ASSERT_EQ(::unlink(pin.c_str()), 0);
    const UniqueFd other(bpf_map_create(BPF_MAP_TYPE_HASH, "flows", 4, 4, 1, nullptr));
    ASSERT_EQ(bpf_obj_pin(other.get(), pin.c_str()), 0);
    const auto loaded = Sensor::load(options());
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().message.find("flows"), std::string::npos) << loaded.error().message;
    EXPECT_NE(loaded.error().hint.find("portlid detach"), std::string::npos);
}

TEST_F(LoadTest, RefusesADirectoryThatIsNotOnABpfFileSystem) {
    auto wrong = options();
    wrong.bpffs = "/tmp/portlid-not-a-bpffs";
    const auto loaded = Sensor::load(wrong);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ExitCode::KernelMissing);
    EXPECT_NE(loaded.error().hint.find("mount -t bpf"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(wrong.bpffs));
}

TEST_F(LoadTest, RefusesACgroupThatIsNone) {
    auto wrong = options();
    wrong.cgroup = "/tmp";
    const auto loaded = Sensor::load(wrong);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().message.find("not a cgroup v2 directory"), std::string::npos);
}

TEST_F(LoadTest, MountsABpfFileSystemAtTheUsualPlaceAndTakesItAwayAgain) {
    // Whatever is mounted there is hidden in this namespace only.
    while (::umount2("/sys/fs/bpf", MNT_DETACH) == 0) continue;
    auto usual = options();
    usual.bpffs = "/sys/fs/bpf/portlid";
    auto loaded = Sensor::load(usual);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE(std::filesystem::exists("/sys/fs/bpf/portlid"));
    (*loaded)->detach_all();
    EXPECT_FALSE(std::filesystem::exists("/sys/fs/bpf/portlid"));
    EXPECT_NE(shell("grep -q ' /sys/fs/bpf bpf' /proc/self/mounts"), 0);
}

TEST_F(LoadTest, AFailedLoadLeavesNoPinBehind) {
    load();
    sensor_->detach_all();
    sensor_.reset();
    std::filesystem::create_directories(pins() / "maps" / "listeners");
    EXPECT_FALSE(Sensor::load(options()));
    std::filesystem::remove(pins() / "maps" / "listeners");
    EXPECT_TRUE(std::filesystem::is_empty(pins() / "maps") || !std::filesystem::exists(pins()));
}

TEST_F(LoadTest, TakesOverTheLinksOfAnotherAbiVersionAndDropsItsMaps) {
    load();
    ASSERT_TRUE(sensor_->attach_sockets());
    sensor_.reset();
    const auto old = options().bpffs / "v999";
    ASSERT_EQ(std::rename(pins().c_str(), old.c_str()), 0);
    load();
    EXPECT_FALSE(sensor_->adopted());
    EXPECT_FALSE(std::filesystem::exists(old));
    EXPECT_TRUE(std::filesystem::exists(pins() / "links" / "post_bind4"));
    EXPECT_TRUE(sensor_->attach_sockets());
}

TEST_F(LoadTest, SocketsOnlyNeedsNoPacketPrograms) {
    auto only = options();
    only.sockets_only = true;
    auto loaded = Sensor::load(only);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE((*loaded)->attach_sockets());
}

TEST_F(LoadTest, DetachSaysHowMuchItRemovedAndFindsNothingTheSecondTime) {
    load();
    ASSERT_TRUE(sensor_->attach_sockets());
    sensor_.reset();
    const auto first = detach_pins(options().bpffs);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_GE(first->links, 6U);
    EXPECT_GE(first->maps, 15U);
    EXPECT_FALSE(std::filesystem::exists(options().bpffs));
    const auto second = detach_pins(options().bpffs);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->links + second->maps, 0U);
}

TEST_F(LoadTest, APinDirectoryWithADotIsRefusedBeforeAnythingIsMade) {
    const auto pins = PinDirectory::create(options().bpffs.parent_path() / "a.b");
    ASSERT_FALSE(pins);
    EXPECT_EQ(pins.error().code, ExitCode::Usage);
    EXPECT_NE(pins.error().message.find("dots"), std::string::npos) << pins.error().message;
}

}  // namespace
}  // namespace portlid::kernel
