// SPDX-License-Identifier: Apache-2.0
#include "identity/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/unique_fd.hpp"

namespace portlid::identity {
namespace {

const std::filesystem::path kRecorded =
    std::filesystem::path(PORTLID_SOURCE_DIR) / "tests/data/proc";
const std::string kWebId = "e52603ec746a" + std::string(52, '0');

TEST(RecordedProc, ListsProcessesInAscendingOrderAndNothingElse) {
    EXPECT_EQ(ProcRoot(kRecorded).pids(),
              (std::vector<std::uint32_t>{1, 700, 812, 8079, 9001, 9100}));
}

TEST(RecordedProc, ReadsAHostServiceWithItsUnit) {
    const auto dockerd = ProcRoot(kRecorded).read(700);
    ASSERT_TRUE(dockerd);
    EXPECT_EQ(dockerd->comm, "dockerd");
    EXPECT_EQ(dockerd->exe, "/usr/sbin/dockerd");
    EXPECT_EQ(dockerd->ppid, 1U);
    EXPECT_EQ(dockerd->unit, "docker.service");
    EXPECT_EQ(dockerd->container_id, "");
    EXPECT_EQ(dockerd->start_ticks, 4300U);
    EXPECT_EQ(dockerd->netns, 4026531840U);
    EXPECT_EQ(dockerd->user, "root");
}

TEST(RecordedProc, ReadsDockerProxyWithItsArguments) {
    const auto proxy = ProcRoot(kRecorded).read(8079);
    ASSERT_TRUE(proxy);
    EXPECT_EQ(proxy->ppid, 700U);
    ASSERT_EQ(proxy->argv.size(), 7U);
    EXPECT_EQ(proxy->argv[2], "tcp");
    EXPECT_EQ(proxy->argv.back(), "8080");
}

TEST(RecordedProc, SurvivesACommandNameThatLooksLikeStatFieldsAndUidLines) {
    const auto liar = ProcRoot(kRecorded).read(9001);
    ASSERT_TRUE(liar);
    EXPECT_EQ(liar->comm, "a) S 1 (b\nUid:\t0");
    EXPECT_EQ(liar->ppid, 812U);
    EXPECT_EQ(liar->uid, 64321U);
    EXPECT_EQ(liar->user, "64321");
    EXPECT_EQ(liar->start_ticks, 9990U);
}

TEST(RecordedProc, FindsTheContainerInAHybridHostsVersionOneHierarchies) {
    const auto web = ProcRoot(kRecorded).read(812);
    ASSERT_TRUE(web);
    EXPECT_EQ(web->container_id, kWebId);
    EXPECT_EQ(web->cgroup, "/docker/" + kWebId);
    EXPECT_EQ(web->unit, "");
}

TEST(RecordedProc, ClaimsNoContainerWhenHierarchiesDisagree) {
    const auto torn = ProcRoot(kRecorded).read(9100);
    ASSERT_TRUE(torn);
    EXPECT_EQ(torn->container_id, "");
}

TEST(RecordedProc, MapsSocketInodesToEveryHolderOnce) {
    const auto holders = ProcRoot(kRecorded).socket_holders();
    EXPECT_EQ(holders.at(5001), (std::vector<Descriptor>{{8079, 2}}));
    EXPECT_EQ(holders.at(5002), (std::vector<Descriptor>{{812, 1}, {9001, 0}}));
    EXPECT_EQ(holders.size(), 2U);
}

TEST(RecordedProc, NamesOneProcessOfEachNetworkNamespace) {
    const auto namespaces = ProcRoot(kRecorded).network_namespaces();
    EXPECT_EQ(namespaces.at(4026531840U), 1U);
    EXPECT_EQ(namespaces.at(4026532573U), 812U);
    EXPECT_EQ(namespaces.size(), 2U);
}

TEST(ProcRoot, HasNoAnswerForAProcessThatIsNotThere) {
    EXPECT_FALSE(ProcRoot(kRecorded).read(4));
    EXPECT_FALSE(ProcRoot("/nowhere").read(1));
    EXPECT_TRUE(ProcRoot("/nowhere").pids().empty());
    EXPECT_TRUE(ProcRoot("/nowhere").socket_holders().empty());
}

TEST(ProcRoot, ReadsThisVeryProcess) {
    const auto self = ProcRoot().read(static_cast<std::uint32_t>(::getpid()));
    ASSERT_TRUE(self);
    EXPECT_EQ(self->ppid, static_cast<std::uint32_t>(::getppid()));
    EXPECT_EQ(self->uid, ::getuid());
    EXPECT_NE(self->netns, 0U);
    EXPECT_NE(self->start_ticks, 0U);
    EXPECT_EQ(exe_name(self->exe), "unit_identity");
}

TEST(ProcRoot, HasNoAnswerForAProcessThatHasJustGone) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_FALSE(ProcRoot().read(static_cast<std::uint32_t>(child)));
}

TEST(ProcRoot, KeepsTheRawBytesOfAHostileCommandName) {
    char before[16];
    ::prctl(PR_GET_NAME, before);
    ::prctl(PR_SET_NAME, "x) R 1\n\x1b[31m\xff");
    const auto self = ProcRoot().read(static_cast<std::uint32_t>(::getpid()));
    ::prctl(PR_SET_NAME, before);
    ASSERT_TRUE(self);
    EXPECT_EQ(self->comm, "x) R 1\n\x1b[31m\xff");
    EXPECT_EQ(self->ppid, static_cast<std::uint32_t>(::getppid()));
}

TEST(ProcRoot, FindsTheHolderOfASocketByInode) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct stat facts {};
    ASSERT_EQ(::fstat(socket.get(), &facts), 0);
    const auto holders = ProcRoot().socket_holders();
    ASSERT_TRUE(holders.contains(facts.st_ino));
    const Descriptor mine{static_cast<std::uint32_t>(::getpid()),
                          static_cast<std::uint32_t>(socket.get())};
    EXPECT_EQ(holders.at(facts.st_ino).front(), mine);
    EXPECT_TRUE(ProcRoot().holds(mine, facts.st_ino));
    EXPECT_FALSE(ProcRoot().holds(mine, facts.st_ino + 1));
    EXPECT_FALSE(ProcRoot().holds({mine.pid, 9999}, facts.st_ino));
}

TEST(ProcRoot, WalksTenThousandDescriptorsInWellUnderASecond) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 10100) GTEST_SKIP() << "RLIMIT_NOFILE allows fewer than 10100 files";
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &raised), 0);
    std::vector<UniqueFd> sockets;
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    while (sockets.size() < 10000) sockets.emplace_back(::dup(sockets.front().get()));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(ProcRoot().socket_holders().empty());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    sockets.clear();
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(ProcRoot, CapsTheArgumentsOfAProcess) {
    const auto root =
        std::filesystem::temp_directory_path() / ("portlid-argv-" + std::to_string(::getpid()));
    std::filesystem::create_directories(root);
    std::filesystem::copy(
        kRecorded / "1", root / "1",
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    std::ofstream long_line(root / "1" / "cmdline", std::ios::binary);
    long_line << std::string(100000, 'x') << '\0';
    for (unsigned i = 0; i < 200; ++i) long_line << "arg" << '\0';
    long_line.close();
    const auto process = ProcRoot(root).read(1);
    ASSERT_TRUE(process);
    EXPECT_EQ(process->argv.size(), 64U);
    EXPECT_EQ(process->argv.front().size(), 4096U);
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace portlid::identity
