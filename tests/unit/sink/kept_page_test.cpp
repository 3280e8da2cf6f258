// SPDX-License-Identifier: Apache-2.0
#include "sink/kept_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>

#include "unit/sink/support.hpp"

namespace portlid::sink {
namespace {

class KeptPageTest : public testing::Test {
protected:
    static std::uint64_t& number(const KeptPage& page) {
        return *static_cast<std::uint64_t*>(page.data());
    }
    // What stands in the state directory.
    [[nodiscard]] std::uint64_t kept() const {
        std::uint64_t value = 0;
        std::ifstream file(path_, std::ios::binary);
        file.read(reinterpret_cast<char*>(&value), sizeof value);
        return value;
    }
    std::shared_ptr<KeptPage> open(PageKeeper& keeper) const {
        auto page = keeper.open(path_, sizeof(std::uint64_t));
        EXPECT_TRUE(page) << page.error().message;
        return page ? *page : nullptr;
    }
    // A process that writes it and is killed at once.
    void killed_with(std::uint64_t value) const {
        const pid_t child = ::fork();
        if (child == 0) {
            PageKeeper keeper(live_);
            const auto page = open(keeper);
            number(*page) = value;
            ::raise(SIGKILL);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
    }

    TemporaryDirectory directory_;
    std::string path_ = directory_.file("page");
    std::string live_ = directory_.file("live");
};

TEST_F(KeptPageTest, AnEndLeavesItWhereItIsKeptAndNothingInMemory) {
    {
        PageKeeper keeper(live_);
        number(*open(keeper)) = 5;
    }
    EXPECT_EQ(kept(), 5U);
    EXPECT_FALSE(std::filesystem::exists(live_));
    PageKeeper again(live_);
    EXPECT_EQ(number(*open(again)), 5U);
}

TEST_F(KeptPageTest, IsCopiedWithinTwoSecondsOfALook) {
    PageKeeper keeper(live_);
    const auto page = open(keeper);
    number(*page) = 6;
    keeper.look();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (kept() != 6 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(kept(), 6U);
}

TEST_F(KeptPageTest, KillNineLosesNothing) {
    ASSERT_NO_FATAL_FAILURE(killed_with(7));
    EXPECT_EQ(kept(), 0U) << "copied already: this test shows nothing";
    PageKeeper keeper(live_);
    EXPECT_EQ(number(*open(keeper)), 7U);
}

TEST_F(KeptPageTest, AfterARebootWhatIsKeptCounts) {
    std::filesystem::create_directory(live_);
    {
        PageKeeper keeper(live_);
        number(*open(keeper)) = 8;
    }
    std::filesystem::remove_all(live_);
    PageKeeper keeper(live_);
    EXPECT_EQ(number(*open(keeper)), 8U);
}

TEST_F(KeptPageTest, AFileMadeAnewStartsAtZeroWhateverIsInMemory) {
    {
        PageKeeper keeper(live_);
        number(*open(keeper)) = 9;
        std::filesystem::copy(live_, directory_.file("left"));
    }
    std::filesystem::remove_all(live_);
    std::filesystem::rename(directory_.file("left"), live_);  // as after kill -9
    std::filesystem::remove(path_);
    PageKeeper keeper(live_);
    EXPECT_EQ(number(*open(keeper)), 0U);
}

TEST_F(KeptPageTest, WhatSomebodyElseWroteSinceCounts) {
    ASSERT_NO_FATAL_FAILURE(killed_with(7));
    {
        PageKeeper elsewhere(directory_.file("other"));
        number(*open(elsewhere)) = 100;
    }
    PageKeeper keeper(live_);
    EXPECT_EQ(number(*open(keeper)), 100U);
}

TEST_F(KeptPageTest, WithoutMemoryItIsMappedWhereItIsKept) {
    std::ofstream(live_) << "no directory";
    PageKeeper keeper(live_);
    number(*open(keeper)) = 11;
    EXPECT_EQ(kept(), 11U);
}

TEST_F(KeptPageTest, RefusesASecondProcessWhereOnlyOneMay) {
    PageKeeper keeper(live_);
    const auto page = keeper.open(path_, sizeof(std::uint64_t), true);
    ASSERT_TRUE(page);
    PageKeeper other(directory_.file("other"));
    const auto second = other.open(path_, sizeof(std::uint64_t), true);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().hint, testing::HasSubstr("--state-dir"));
}

}  // namespace
}  // namespace portlid::sink
