// SPDX-License-Identifier: Apache-2.0
#include "sink/spool.hpp"

#include <fstream>
#include <numeric>
#include <thread>

#include "sink/courier.hpp"
#include "sink/encode/encoder.hpp"
#include "sink/spool_format.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Record record(std::uint64_t seq, event::Kind kind = event::Kind::SocketBind,
              std::size_t padding = 0) {
    auto event = sample("n" + std::to_string(seq), padding);
    event.seq = seq;
    event.kind = kind;
    return Record(event);
}

std::unique_ptr<Spool> open_spool(const std::string& path, std::uint64_t segment = 1000) {
    auto spool = Spool::open(path, segment);
    EXPECT_TRUE(spool) << spool.error().message;
    return std::move(*spool);
}

std::vector<std::uint64_t> seqs_of(const Spool& spool, std::uint64_t from = 0) {
    SpoolReader reader(spool);
    SpooledRecord one;
    std::vector<std::uint64_t> seqs;
    while (reader.next(from, one)) {
        seqs.push_back(one.seq);
        from = one.next;
    }
    return seqs;
}

class SpoolTest : public testing::Test {
protected:
    TemporaryDirectory directory_;
    std::string path_ = directory_.file("spool");
    void fill(Spool& spool, std::uint64_t from, std::uint64_t to) {
        for (auto seq = from; seq <= to; ++seq) {
            const auto one = record(seq);
            ASSERT_TRUE(spool.append({&one, 1}));
        }
    }
    [[nodiscard]] std::vector<std::filesystem::path> segments() const {
        std::vector<std::filesystem::path> found;
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            if (entry.path().extension() == ".seg") found.push_back(entry.path());
        std::sort(found.begin(), found.end());
        return found;
    }
};

TEST_F(SpoolTest, KeepsRecordsInOrderAcrossSegmentsAndRestarts) {
    fill(*open_spool(path_), 1, 30);
    EXPECT_GT(segments().size(), 3U);
    const auto again = open_spool(path_);
    fill(*again, 31, 40);
    std::vector<std::uint64_t> expected(40);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(seqs_of(*again), expected);
}

TEST_F(SpoolTest, CutsATornRecordOffTheEnd) {
    fill(*open_spool(path_), 1, 10);
    const auto last = segments().back();
    std::filesystem::resize_file(last, std::filesystem::file_size(last) - 3);
    const auto again = open_spool(path_);
    EXPECT_EQ(seqs_of(*again).back(), 9U);
    fill(*again, 11, 12);
    EXPECT_EQ(seqs_of(*again).back(), 12U);
}

TEST_F(SpoolTest, GoesOnBehindADamagedRecord) {
    fill(*open_spool(path_), 1, 30);
    const auto victim = segments()[1];
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(kRecordHeader + 20));
    file.put('#');
    file.close();
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

TEST(SpoolFormat, RefusesEveryDamagedByte) {
    std::string bytes;
    append_record(bytes, record(7));
    SpooledRecord into;
    ASSERT_TRUE(read_record(bytes, into, true));
    EXPECT_EQ(into.seq, 7U);
    for (std::size_t i = 4; i < bytes.size(); ++i) {
        auto damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(read_record(damaged, into, true)) << i;
    }
}

bool wait_until(const std::function<bool()>& fact) {
    for (int i = 0; i < 1000; ++i) {
        if (fact()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

class CourierTest : public SpoolTest {
protected:
    SinkSpec spec_ = [this] {
        auto spec = *parse_spec("file:" + directory_.file("out"));
        spec.spool = {.bytes = 1U << 20U, .given = true};
        return spec;
    }();
    std::unique_ptr<FanOut> start(const SinkSpec& spec) {
        auto fan_out = std::move(*FanOut::open(directory_.file("sequence")));
        const auto added = add_sinks(*fan_out, {spec}, path_);
        EXPECT_TRUE(added) << added.error().message;
        return fan_out;
    }
    std::vector<Json> lines() {
        std::vector<Json> all;
        std::istringstream text(content(directory_.file("out")));
        for (std::string line; std::getline(text, line);) all.push_back(Json::parse(line));
        return all;
    }
};

TEST_F(CourierTest, DeliversEverythingOnceAcrossRestarts) {
    for (int run = 0; run < 3; ++run) {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 50; ++i) fan_out->emit(sample("x"));
    }
    start(spec_).reset();
    const auto all = lines();
    ASSERT_EQ(all.size(), 150U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]["seq"], i + 1);
}

TEST_F(CourierTest, NumbersAFilteredSinkWithoutHolesAcrossRestarts) {
    spec_.kinds = {"socket.*"};
    for (int run = 0; run < 2; ++run) {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 20; ++i) {
            auto event = sample("x");
            if (i % 3 == 0) event.kind = event::Kind::SocketBind;
            fan_out->emit(event);
        }
    }
    start(spec_).reset();
    const auto all = lines();
    ASSERT_EQ(all.size(), 14U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]["sink_seq"], i + 1);
}

// A peer that is not there for a long time costs its oldest events, and the count is exact.
TEST_F(CourierTest, GivesUpTheOldestOverTheCapAndSaysHowManyExactly) {
    spec_ = *parse_spec("syslog+tcp://127.0.0.1:1");  // nobody listens
    spec_.spool = {.bytes = 256U << 10U, .given = true};
    auto fan_out = start(spec_);
    constexpr std::uint64_t kEvents = 2000;
    for (std::uint64_t i = 0; i < kEvents; ++i) fan_out->emit(sample("x", 800));
    const auto given_up = [&] { return fan_out->states()[0].spool_lost; };
    std::uint64_t told = 0;
    ASSERT_TRUE(wait_until([&] {
        for (const auto& gap : fan_out->take_gaps()) {
            EXPECT_STREQ(gap.cause, "spool");
            told += gap.count;
        }
        return given_up() > 1500;
    }));
    EXPECT_FALSE(fan_out->states()[0].up);
    EXPECT_THAT(fan_out->states()[0].why, HasSubstr("127.0.0.1"));
    fan_out.reset();
    // The rest arrives when the same cursor finds a way out; given up + delivered = all.
    const auto spool = open_spool(path_, 64U << 10U);
    auto cursor = Cursor::open(path_ + "/" + file_stem(spec_) + ".cursor", spool->tail());
    ASSERT_TRUE(cursor);
    const auto rest = seqs_of(*spool, (*cursor)->position);
    EXPECT_EQ((*cursor)->lost + rest.size(), kEvents);
    EXPECT_EQ(rest.back(), kEvents);
    EXPECT_EQ((*cursor)->told, told);
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
