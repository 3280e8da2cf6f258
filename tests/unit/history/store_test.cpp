// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <fstream>

namespace portlid::history {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using StoreTest = InDirectory;

Batch batch_of(std::vector<Flow> flows) {
    Batch batch;
    batch.flows = std::move(flows);
    batch.now = noon();
    return batch;
}

TEST_F(StoreTest, AFlowComesBackWithEverythingThatWasKnownOfIt) {
    auto store = open(options());
    auto written = used("203.0.113.9", 22);
    auto target = std::make_shared<Target>();
    *target = {"9f3c", "shop-db-1", "postgres:16", "shop", "db", "/usr/sbin/docker-proxy"};
    written.target = target;
    ASSERT_TRUE(store.write(batch_of({written})));
    ASSERT_THAT(flows(), SizeIs(1));
    EXPECT_EQ(to_line(flows()[0]), to_line(written));
}

TEST_F(StoreTest, TheSameKindWithinAnHourIsOneRowAndAnotherHourAnother) {
    auto store = open(options());
    auto later = used("203.0.113.9", 22, noon() + std::chrono::minutes(30));
    ASSERT_TRUE(store.write(batch_of({flow("203.0.113.9", 22), later})));
    ASSERT_TRUE(store.write(batch_of({used("203.0.113.9", 22, noon() + hours(1))})));
    ASSERT_THAT(flows(), SizeIs(2));
    EXPECT_EQ(flows()[0].packets, 7U);
    EXPECT_EQ(flows()[0].first, noon());
    EXPECT_EQ(flows()[0].last, later.last);
    EXPECT_TRUE(flows()[0].listener);
    EXPECT_EQ(flows()[0].target->exe, "/usr/sbin/sshd");
    EXPECT_THAT(flows(noon() + hours(1)), SizeIs(1));
}

TEST_F(StoreTest, PagesOfFlowsComeSortedBySourceAndMissNone) {
    auto store = open(options());
    std::vector<Flow> many;
    for (int i = 0; i < 10'000; ++i)
        many.push_back(flow(fmt::format("203.0.{}.{}", i / 250, i % 250).c_str(), 22));
    ASSERT_TRUE(store.write(batch_of(many)));
    const auto read = flows();
    ASSERT_THAT(read, SizeIs(10'000));
    EXPECT_TRUE(std::is_sorted(read.begin(), read.end(),
                               [](const auto& a, const auto& b) { return a.source < b.source; }));
    EXPECT_FALSE(read_flows(options().file, {}, "nonsense"));
}

TEST_F(StoreTest, EventsAreFoundByTimeKindVerdictAndSeverity) {
    auto store = open(options());
    Batch batch;
    batch.now = noon();
    for (std::uint64_t seq = 1; seq <= 10; ++seq)
        batch.events.push_back(
            event_line(seq, noon() + hours(seq), seq % 2 != 0 ? "net.verdict" : "socket.bind"));
    ASSERT_TRUE(store.write(batch));
    EXPECT_THAT(events(noon() + hours(6)), SizeIs(5));
    EXPECT_THAT(events(noon() + hours(6) + std::chrono::nanoseconds(1)), SizeIs(4));
    EXPECT_THAT(read_events(options().file, {noon(), "", {"socket.*"}, {}, 0})->lines, SizeIs(5));
    EXPECT_THAT(read_events(options().file, {noon(), "", {}, {"drop"}, 0})->lines, IsEmpty());
    EXPECT_THAT(read_events(options().file, {noon(), "", {}, {}, 4})->lines, IsEmpty());
    EXPECT_THAT(read_events(options().file, {noon(), "", {}, {}, 3})->lines, SizeIs(10));
    EXPECT_EQ(store.last_seq(), 10U);
}

TEST_F(StoreTest, EventsOfManyPagesComeOnceEachInOrder) {
    auto store = open(options());
    Batch batch;
    for (std::uint64_t seq = 1; seq <= 5000; ++seq)
        batch.events.push_back(event_line(seq, noon(), "net.verdict", std::string(1000, 'x')));
    ASSERT_TRUE(store.write(batch));
    std::vector<std::string> all;
    EventQuery query{noon()};
    do {
        const auto page = read_events(options().file, query);
        ASSERT_TRUE(page);
        all.insert(all.end(), page->lines.begin(), page->lines.end());
        query.after = page->next;
    } while (!query.after.empty());
    ASSERT_THAT(all, SizeIs(5000));
    EXPECT_EQ(all.front(), batch.events.front().second);
    EXPECT_EQ(all.back(), batch.events.back().second);
}

TEST_F(StoreTest, WhatIsOlderThanItsAgeGoes) {
    auto small = options();
    small.age = hours(24);
    auto store = open(small);
    Batch batch =
        batch_of({flow("203.0.113.1", 22, noon()), flow("203.0.113.2", 22, noon() + hours(20))});
    batch.events = {event_line(1, noon()), event_line(2, noon() + hours(20))};
    ASSERT_TRUE(store.write(batch));
    ASSERT_TRUE(store.prune(noon() + hours(23)));
    EXPECT_THAT(events({}), SizeIs(2));
    ASSERT_TRUE(store.prune(noon() + hours(30)));
    EXPECT_THAT(events({}), SizeIs(1));
    ASSERT_THAT(flows(), SizeIs(1));
    EXPECT_EQ(flows()[0].source.to_string(), "203.0.113.2");
}

TEST_F(StoreTest, TheOldestGoesWhenTheFileIsTooBig) {
    auto small = options();
    small.bytes = kLeastBytes;
    auto store = open(small);
    std::uint64_t seq = 0;
    for (int round = 0; round < 40; ++round) {
        Batch batch;
        for (int i = 0; i < 100; ++i)
            batch.events.push_back(event_line(++seq, noon() + std::chrono::minutes(seq),
                                              "net.verdict", std::string(1000, 'x')));
        ASSERT_TRUE(store.write(batch)) << round;
        ASSERT_TRUE(store.prune(noon() + std::chrono::minutes(seq)));
    }
    EXPECT_LE(store.bytes(), small.bytes);
    EXPECT_LE(std::filesystem::file_size(small.file), small.bytes + 64 * 4096);
    const auto left = events({});
    ASSERT_THAT(left, testing::Not(IsEmpty()));
    EXPECT_THAT(left.back(), HasSubstr("\"seq\":4000"));
}

TEST_F(StoreTest, AFullFileRefusesAndShedMakesRoom) {
    auto small = options();
    small.bytes = kLeastBytes;
    auto store = open(small);
    Result<> done;
    std::uint64_t seq = 0;
    while (done && seq < 10'000) {
        Batch batch;
        for (int i = 0; i < 100; ++i)
            batch.events.push_back(event_line(++seq, noon() + std::chrono::minutes(seq),
                                              "net.verdict", std::string(1000, 'x')));
        done = store.write(batch);
    }
    ASSERT_FALSE(done);
    EXPECT_TRUE(store.full());
    EXPECT_FALSE(store.damaged());
    const auto before = store.bytes();
    ASSERT_GT(*store.shed(), 0U);
    EXPECT_LT(store.bytes(), before);
    Batch one;
    one.events.push_back(event_line(++seq, noon() + std::chrono::minutes(seq)));
    EXPECT_TRUE(store.write(one));
}

TEST_F(StoreTest, ADamagedOrForeignFileIsMovedAwayAloud) {
    std::ofstream(options().file) << std::string(8192, 'x');
    auto store = open(options());
    EXPECT_THAT(moved_, HasSubstr("history.db.bad"));
    EXPECT_TRUE(std::filesystem::exists(options().file.string() + ".bad"));
    EXPECT_TRUE(store.write(batch_of({flow("203.0.113.9", 22)})));
    EXPECT_EQ(std::filesystem::status(options().file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

    Options foreign{directory_ / "foreign.db"};
    {
        auto database = Database::open(foreign.file, false);
        ASSERT_TRUE(database);
        ASSERT_EQ(database->run("CREATE TABLE other(x)"), SQLITE_OK);
    }
    moved_.clear();
    (void)open(foreign);
    EXPECT_THAT(moved_, HasSubstr("not a history"));
}

TEST_F(StoreTest, ASymbolicLinkIsNotFollowed) {
    std::filesystem::create_symlink(directory_ / "elsewhere", options().file);
    EXPECT_FALSE(Store::open(options(), moved_));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "elsewhere"));
}

TEST_F(StoreTest, WhatWasWrittenIsThereAfterAnotherOpen) {
    {
        auto store = open(options());
        ASSERT_TRUE(store.write(batch_of({used("203.0.113.9", 22)})));
    }
    auto store = open(options());
    EXPECT_THAT(moved_, IsEmpty());
    EXPECT_THAT(flows(), SizeIs(1));
}

TEST_F(StoreTest, ARuleIsCleanSinceTheLastUseThatItWouldHaveDropped) {
    auto store = open(options());
    for (int day = 0; day < 9; ++day) {
        Batch batch;
        batch.now = noon() + hours(24 * day);
        batch.monitored = {"public default"};
        if (day == 1) batch.flows = {used("203.0.113.9", 22, batch.now)};
        if (day == 5) batch.flows = {flow("203.0.113.77", 23, batch.now)};  // nobody listens there
        ASSERT_TRUE(store.write(batch));
    }
    const auto rules = store.rules();
    ASSERT_THAT(rules, SizeIs(1));
    EXPECT_EQ(rules[0].rule, "public default");
    EXPECT_EQ(rules[0].days_observed, 9U);
    EXPECT_EQ(rules[0].days_clean, 7U);
    EXPECT_EQ(rules[0].hits, 7U);
    EXPECT_EQ(rules[0].would_drops, 7U);
    EXPECT_EQ(rules[0].last_cut, noon() + hours(24));
    EXPECT_EQ(rules[0].last_would_drop, noon() + hours(24 * 5));
}

}  // namespace
}  // namespace portlid::history
