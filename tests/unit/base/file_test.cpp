// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "base/sha256.hpp"
#include "base/unique_fd.hpp"

namespace portlid {
namespace {

class Files : public testing::Test {
protected:
    Files() {
        std::string pattern = "/tmp/portlid-base-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    ~Files() override { std::filesystem::remove_all(directory_); }
    [[nodiscard]] std::filesystem::path path(const char* name) const { return directory_ / name; }
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(directory_), {}));
    }

private:
    std::filesystem::path directory_;
};

TEST_F(Files, AreReadWholeUpToTheLimitAndNotOneByteMore) {
    std::ofstream(path("a")) << "12345";
    EXPECT_EQ(read_file(path("a"), 5).value(), "12345");
    const auto refused = read_file(path("a"), 4);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("larger than 4 bytes"));
}

TEST_F(Files, OfProcfsAreReadToTheirEnd) {
    const auto text = read_file("/proc/self/status", 1 << 20);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, testing::HasSubstr("Pid:"));
}

TEST_F(Files, ThatAreNotThereAreNamedWithTheReason) {
    const auto missing = read_file(path("nothing"), 10);
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, testing::HasSubstr("nothing: No such file"));
    EXPECT_EQ(missing.error().errno_value, ENOENT);
}

TEST_F(Files, AreReplacedInOneStepWithTheModeAskedFor) {
    ASSERT_TRUE(write_file_atomically(path("a"), "old"));
    ASSERT_TRUE(write_file_atomically(path("a"), std::string_view("n\0w", 3), 0600));
    EXPECT_EQ(read_file(path("a"), 10).value(), std::string("n\0w", 3));
    struct stat facts {};
    ASSERT_EQ(::stat(path("a").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
    EXPECT_EQ(count(), 1U);
}

TEST_F(Files, KeepTheirOldContentWhenTheNewCannotBeWritten) {
    ASSERT_TRUE(write_file_atomically(path("a"), "old"));
    auto* const before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const rlimit small{10, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto failed = write_file_atomically(path("a"), std::string(100, 'x'));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    std::signal(SIGXFSZ, before);
    ASSERT_FALSE(failed);
    EXPECT_EQ(read_file(path("a"), 10).value(), "old");
    EXPECT_EQ(count(), 1U);
}

TEST_F(Files, AreNotWrittenThroughALinkThatSomebodyPlanted) {
    std::filesystem::create_symlink(path("victim"), path("a.new"));
    EXPECT_FALSE(write_file_atomically(path("a"), "x"));
    EXPECT_FALSE(std::filesystem::exists(path("victim")));
}

TEST_F(Files, InADirectoryThatIsNotThereAreAnError) {
    EXPECT_FALSE(write_file_atomically(path("no/such"), "x"));
}

TEST_F(Files, ThatWereReplacedAreKnownByTheirNumber) {
    EXPECT_EQ(file_inode(path("a")), 0U);
    EXPECT_EQ(inodes_in(path("none")).error().errno_value, ENOENT);
    std::ofstream(path("a")) << "1";
    std::filesystem::create_symlink("nowhere", path("b"));
    const auto before = inodes_in(path("a").parent_path()).value();
    EXPECT_THAT(before, testing::UnorderedElementsAre(testing::Pair("a", file_inode(path("a"))),
                                                      testing::Pair("b", file_inode(path("b")))));
    std::ofstream(path("c")) << "2";
    std::filesystem::rename(path("c"), path("a"));
    const auto after = inodes_in(path("a").parent_path()).value();
    EXPECT_NE(after.at("a"), before.at("a"));
    EXPECT_EQ(after.at("b"), before.at("b"));
}

TEST(UniqueFd, ClosesOnceAndMoves) {
    const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        UniqueFd first(raw);
        UniqueFd second(std::move(first));
        EXPECT_EQ(second.get(), raw);
        UniqueFd third;
        third = std::move(second);
        EXPECT_TRUE(third.valid());
        EXPECT_NE(::fcntl(raw, F_GETFD), -1);
    }
    EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

TEST(UniqueFd, GivesUpWhatItReleases) {
    const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    { EXPECT_EQ(UniqueFd(raw).release(), raw); }
    EXPECT_NE(::fcntl(raw, F_GETFD), -1);
    const UniqueFd again(raw);
}

TEST(Sha256, AgreesWithTheStandard) {
    EXPECT_EQ(sha256("abc"),
              "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256(""),
              "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace portlid
