// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>

#include "base/unique_fd.hpp"
#include "sink/stream_sink.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Pipe {
    UniqueFd read_end, write_end;
    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read_end = UniqueFd(ends[0]);
        write_end = UniqueFd(ends[1]);
    }
    [[nodiscard]] UniqueFd shared() const { return UniqueFd(::dup(write_end.get())); }
    [[nodiscard]] std::string read_some() const {
        std::string buffer(65536, '\0');
        const auto got = ::read(read_end.get(), buffer.data(), buffer.size());
        buffer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return buffer;
    }
};

class DescriptorSinkTest : public testing::Test {
protected:
    void SetUp() override { before_ = std::signal(SIGPIPE, SIG_IGN); }
    void TearDown() override { std::signal(SIGPIPE, before_); }

private:
    void (*before_)(int) = nullptr;
};

TEST_F(DescriptorSinkTest, WritesOneLineForAnEvent) {
    const Pipe pipe;
    const auto sink = make_descriptor_sink(pipe.shared(), "-");
    sink->write(sample("hello\nworld"));
    const auto text = pipe.read_some();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_THAT(text, HasSubstr("sensor.heartbeat"));
    EXPECT_EQ(sink->state().lag, 0U);
}

TEST_F(DescriptorSinkTest, NeverBlocksOnAReaderThatDoesNotReadAndCountsWhatItLost) {
    const Pipe pipe;
    const auto sink = make_descriptor_sink(pipe.shared(), "-", 10000);
    for (int i = 0; i < 100; ++i) sink->write(sample("x", 1500));
    const auto full = sink->state();
    EXPECT_TRUE(full.up);
    EXPECT_FALSE(full.has_room);
    EXPECT_GT(full.lag, 0U);
    EXPECT_GT(full.lost, 0U);
    std::size_t lines = 0;
    while (sink->state().lag > 0) {
        const auto text = pipe.read_some();
        lines += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
        sink->pump();
    }
    const auto rest = pipe.read_some();
    lines += static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n'));
    EXPECT_EQ(lines + sink->state().lost, 100U);
}

TEST_F(DescriptorSinkTest, LeavesTheFlagsOfTheSharedDescriptorAlone) {
    const Pipe pipe;
    const int before = ::fcntl(pipe.write_end.get(), F_GETFL);
    const auto sink = make_descriptor_sink(pipe.shared(), "-");
    sink->write(sample("x"));
    EXPECT_EQ(::fcntl(pipe.write_end.get(), F_GETFL), before);
}

TEST_F(DescriptorSinkTest, GoesDownWhenItsReaderGoesAway) {
    Pipe pipe;
    const auto sink = make_descriptor_sink(pipe.shared(), "-");
    pipe.read_end.reset();
    sink->write(sample("a"));
    sink->write(sample("b"));
    EXPECT_FALSE(sink->state().up);
    EXPECT_THAT(sink->state().why, HasSubstr("Broken pipe"));
    EXPECT_EQ(sink->state().lost, 2U);
    EXPECT_EQ(sink->state().lag, 0U);
}

TEST_F(DescriptorSinkTest, KeepsItsQueueWhileTheDiskBehindStdoutIsFull) {
    const auto sink = make_descriptor_sink(UniqueFd(::open("/dev/full", O_WRONLY)), "-");
    sink->write(sample("a"));
    EXPECT_FALSE(sink->state().up);
    EXPECT_EQ(sink->state().lag, 1U);
    EXPECT_EQ(sink->state().lost, 0U);
}

TEST(FileSink, AppendsToAFileThatOnlyItsOwnerWritesAndItsGroupReads) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    for (const auto* note : {"first", "second"}) {
        auto sink = make_file_sink(path);
        ASSERT_TRUE(sink) << sink.error().message;
        (*sink)->write(sample(note));
    }
    EXPECT_THAT(content(path), testing::ContainsRegex("first.*\n.*second.*\n$"));
    struct stat facts {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0137U, 0U);
}

TEST(FileSink, WhatAKillLeftHalfWrittenSpoilsNoLine) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    for (const auto* before : {"{\"a\":1}\n{\"half", "{\"a\":1}\n"}) {
        std::ofstream(path) << before;
        auto sink = make_file_sink(path);
        ASSERT_TRUE(sink);
        (*sink)->write(sample("whole"));
        EXPECT_THAT(content(path), testing::MatchesRegex("\\{\"a\":1\\}\n.*whole.*\n"));
        EXPECT_THAT(content(path), Not(HasSubstr("half")));
    }
}

TEST(FileSink, GoesOnInANewFileAfterReopen) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    auto sink = make_file_sink(path);
    ASSERT_TRUE(sink);
    (*sink)->write(sample("old"));
    std::filesystem::rename(path, path + ".1");
    (*sink)->write(sample("still old"));
    (*sink)->reopen();
    (*sink)->write(sample("new"));
    EXPECT_THAT(content(path + ".1"), HasSubstr("still old"));
    EXPECT_THAT(content(path), HasSubstr("new"));
    EXPECT_THAT(content(path), Not(HasSubstr("old")));
}

// Nobody told: the file is looked for once a second.
TEST(FileSink, GoesOnUnderItsNameWhenTheFileWasTakenAway) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    auto sink = make_file_sink(path);
    ASSERT_TRUE(sink);
    (*sink)->write(sample("first"));
    std::filesystem::remove(path);
    ::usleep(1'100'000);
    (*sink)->write(sample("second"));
    EXPECT_THAT(content(path), HasSubstr("second"));
    std::filesystem::rename(path, path + ".moved");
    ::usleep(1'100'000);
    (*sink)->pump();
    (*sink)->write(sample("third"));
    EXPECT_THAT(content(path), testing::AllOf(HasSubstr("third"), Not(HasSubstr("second"))));
    EXPECT_TRUE((*sink)->state().up);
}

// The file lives on under another name: until a new one can be made, it goes on there.
TEST(FileSink, GoesOnInAMovedFileWhileNoNewOneCanBeMade) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.file("log"));
    const auto path = directory.file("log/events.jsonl");
    auto sink = make_file_sink(path);
    ASSERT_TRUE(sink);
    std::filesystem::rename(path, directory.file("moved"));
    std::filesystem::remove(directory.file("log"));
    ::usleep(1'100'000);
    (*sink)->write(sample("kept"));
    EXPECT_TRUE((*sink)->state().up);
    EXPECT_THAT(content(directory.file("moved")), HasSubstr("kept"));
}

TEST(FileSink, RotatesOldestOut) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    auto sink = make_file_sink(path, kQueueBytes, {.bytes = 1000, .keep = 2});
    ASSERT_TRUE(sink);
    for (const auto* note : {"one", "two", "three", "four"}) (*sink)->write(sample(note, 700));
    EXPECT_THAT(content(path), HasSubstr("four"));
    EXPECT_THAT(content(path + ".1"), HasSubstr("three"));
    EXPECT_THAT(content(path + ".2"), HasSubstr("two"));
    EXPECT_FALSE(std::filesystem::exists(path + ".3"));
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

// Each write tries again to rotate, and none of the kept files goes while that fails.
TEST(FileSink, ARotationThatFailsTakesNoKeptFile) {
    for (const auto* in_the_way : {".new", ".4"}) {
        const TemporaryDirectory directory;
        const auto path = directory.file("events.jsonl");
        std::filesystem::create_directories(path + in_the_way + "/full");
        for (const auto* age : {".1", ".2", ".3"}) std::ofstream(path + age) << age;
        auto sink = make_file_sink(path, kQueueBytes, {.bytes = 1000, .keep = 4});
        ASSERT_TRUE(sink);
        for (const auto* note : {"one", "two", "three", "four"}) (*sink)->write(sample(note, 700));
        EXPECT_TRUE((*sink)->state().up);
        std::string all;
        for (const auto* age : {"", ".1", ".2", ".3"}) all += content(path + age);
        for (const auto* part : {"one", "two", "three", "four", ".1", ".2", ".3"})
            EXPECT_THAT(all, HasSubstr(part)) << in_the_way;
    }
}

TEST(FileSink, WithoutOlderFilesARotationThatFailsKeepsThePresentOne) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    auto sink = make_file_sink(path, kQueueBytes, {.bytes = 1000, .keep = 0});
    ASSERT_TRUE(sink);
    (*sink)->write(sample("one", 700));
    (*sink)->write(sample("two", 700));
    EXPECT_THAT(content(path), Not(HasSubstr("one")));
    std::filesystem::create_directories(path + ".new/full");
    (*sink)->write(sample("three", 700));
    EXPECT_THAT(content(path), testing::AllOf(HasSubstr("two"), HasSubstr("three")));
}

TEST(FileSink, SaysWhyItIsDownWhenTheDiskIsFullAndCountsWhatItLost) {
    auto sink = make_file_sink("/dev/full", 4000);
    ASSERT_TRUE(sink);
    for (int i = 0; i < 10; ++i) (*sink)->write(sample("x", 1000));
    const auto state = (*sink)->state();
    EXPECT_FALSE(state.up);
    EXPECT_THAT(state.why, HasSubstr("No space left"));
    EXPECT_EQ(state.lag + state.lost, 10U);
    EXPECT_GT(state.lost, 0U);
}

TEST(FileSink, FinishesTheLineItHadBegunWhenThereIsSpaceAgain) {
    const TemporaryDirectory directory;
    const auto path = directory.file("events.jsonl");
    auto sink = make_file_sink(path);
    ASSERT_TRUE(sink);
    auto* const before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const rlimit small{300, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    (*sink)->write(sample("a", 500));
    const auto full = (*sink)->state();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    std::signal(SIGXFSZ, before);
    EXPECT_FALSE(full.up);
    (*sink)->pump();
    EXPECT_TRUE((*sink)->state().up);
    const auto text = content(path);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_TRUE(nlohmann::json::accept(text)) << text;
}

TEST(FileSink, ComesBackWhenItsDirectoryDoes) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.file("log"));
    const auto path = directory.file("log/events.jsonl");
    auto sink = make_file_sink(path);
    ASSERT_TRUE(sink);
    std::filesystem::remove_all(directory.file("log"));
    (*sink)->reopen();
    (*sink)->write(sample("kept"));
    EXPECT_FALSE((*sink)->state().up);
    EXPECT_EQ((*sink)->state().lag, 1U);
    std::filesystem::create_directory(directory.file("log"));
    (*sink)->pump();
    EXPECT_TRUE((*sink)->state().up);
    EXPECT_THAT(content(path), HasSubstr("kept"));
}

TEST(FileSink, TellsWhichDirectoryIsMissing) {
    const auto sink = make_file_sink("/no/such/place/events.jsonl");
    ASSERT_FALSE(sink);
    EXPECT_THAT(sink.error().message, HasSubstr("/no/such/place/events.jsonl"));
    EXPECT_EQ(sink.error().hint, "mkdir -p /no/such/place");
}

TEST(FileSink, DoesNotHangOnAFifoWithoutReader) {
    const TemporaryDirectory directory;
    ASSERT_EQ(::mkfifo(directory.file("fifo").c_str(), 0600), 0);
    EXPECT_FALSE(make_file_sink(directory.file("fifo")));
}

}  // namespace
}  // namespace portlid::sink
