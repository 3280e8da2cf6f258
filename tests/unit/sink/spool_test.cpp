// SPDX-License-Identifier: Apache-2.0
#include "sink/spool.hpp"

#include "spool_fixture.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(SpoolTest, KeepsRecordsInOrderAcrossSegmentsAndRestarts) {
    fill(*open_spool(path_), 1, 30);
    EXPECT_GT(segments().size(), 3U);
    const auto again = open_spool(path_);
    fill(*again, 31, 40);
    std::vector<std::uint64_t> expected(40);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(seqs_of(*again), expected);
}

TEST_F(SpoolTest, GoesOnBehindATornEndAndWritesNoPlaceTwice) {
    fill(*open_spool(path_), 1, 10);
    const auto last = segments().back();
    std::filesystem::resize_file(last, std::filesystem::file_size(last) - 3);
    const auto again = open_spool(path_);
    EXPECT_EQ(seqs_of(*again).back(), 9U);
    EXPECT_EQ(again->ordinal(), 9U);
    const auto torn = again->tail();
    fill(*again, 11, 12);
    EXPECT_GT(again->tail(), torn);
    std::vector<std::uint64_t> expected = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12};
    EXPECT_EQ(seqs_of(*again), expected);
    EXPECT_EQ(seqs_of(*open_spool(path_)), expected);
}

TEST_F(SpoolTest, GoesOnBehindADamagedRecord) {
    fill(*open_spool(path_), 1, 30);
    const auto victim = segments()[1];
    damage(victim, kRecordHeader + 20);
    const auto again = open_spool(path_);
    const auto seqs = seqs_of(*again);
    EXPECT_LT(seqs.size(), 30U);
    EXPECT_GT(seqs.size(), 20U);
    EXPECT_EQ(seqs.front(), 1U);
    EXPECT_EQ(seqs.back(), 30U);
}

TEST_F(SpoolTest, ForgetsWholeSegmentsInFrontOfAPosition) {
    const auto spool = open_spool(path_);
    fill(*spool, 1, 30);
    const auto before = segments().size();
    spool->forget(spool->tail() / 2);
    EXPECT_LT(segments().size(), before);
    EXPECT_EQ(seqs_of(*spool, spool->head()).back(), 30U);
    spool->forget(spool->tail());
    EXPECT_EQ(segments().size(), 1U);
}

// A full disk gets room again only when nobody holds what was removed.
TEST_F(SpoolTest, AReaderThatHasReadAllHoldsNoFile) {
    const auto spool = open_spool(path_);
    fill(*spool, 1, 30);
    SpoolReader reader(*spool);
    SpooledRecord record;
    for (std::uint64_t at = 0; reader.next(at, record); at = record.next) {
    }
    EXPECT_EQ(record.seq, 30U);
    fill(*spool, 31, 60);
    spool->forget(spool->tail());
    for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        EXPECT_THAT(std::filesystem::read_symlink(open, gone).string(),
                    Not(HasSubstr("(deleted)")));
    }
    EXPECT_TRUE(reader.next(record.next, record));
    EXPECT_GT(record.seq, 30U);
}

TEST(SpoolFormat, RefusesEveryDamagedByte) {
    std::string bytes;
    append_record(bytes, record(7), 3);
    SpooledRecord into;
    ASSERT_TRUE(read_record(bytes, into, true));
    EXPECT_EQ(into.seq, 7U);
    EXPECT_EQ(into.ordinal, 3U);
    for (std::size_t i = 4; i < bytes.size(); ++i) {
        auto damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(read_record(damaged, into, true)) << i;
    }
}

// Packet verdicts may fill three quarters of a queue; binds get the rest.
TEST_F(SpoolTest, NeverShedsABindForPacketVerdicts) {
    std::filesystem::create_directories(path_);
    // A spool that takes nothing: its cap is nothing.
    Spooler spooler(open_spool(path_), 0, 0, 64U << 10U);
    const auto first = record(1);
    spooler.push(first);
    ASSERT_TRUE(wait_until([&] { return spooler.state().lag == 0; }));
    std::uint64_t refused = 0;
    for (std::uint64_t i = 2; i < 10002; ++i) {
        spooler.push(record(i, event::Kind::NetVerdict));
        refused = spooler.state().lost;
    }
    EXPECT_GT(refused, 9000U);
    for (std::uint64_t i = 0; i < 10; ++i) spooler.push(record(20000 + i));
    EXPECT_EQ(spooler.state().lost, refused);
    EXPECT_EQ(spooler.state().lag + refused, 10010U);
    EXPECT_THAT(spooler.state().why, HasSubstr("spool is full"));
}

}  // namespace
}  // namespace portlid::sink
