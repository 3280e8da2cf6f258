// SPDX-License-Identifier: Apache-2.0
// What survives a restart, a reboot, and somebody's editor.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "policy/load.hpp"
#include "rollout/state.hpp"

namespace portlid::rollout {
namespace {

namespace fs = std::filesystem;

struct Directory {
    fs::path path;
    Directory() {
        std::string name = (fs::temp_directory_path() / "rollout-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Directory() { fs::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
};

State full(BootTime until) {
    State state;
    state.last_number = 12;
    ModeOverride then;
    then.mode = policy::Mode::Monitor;
    then.rule = "ssh";
    state.history.push_back(
        {12, "sha256:a", "apply", "/p.yaml", WallTime{}, {0, 42}, true, {then}, 9});
    state.refused = {"sha256:bad"};
    state.pending = Pending{13, "sha256:b", "/new.yaml", until};
    ModeOverride mode;
    mode.mode = policy::Mode::Enforce;
    mode.zone = "public";
    mode.until = until;
    mode.hits = 3;
    state.overlays.modes.push_back(mode);
    state.overlays.openings.push_back({{policy::PortProtocol::Udp, 53, 53},
                                       {*Cidr::parse("2001:db8::/48")},
                                       "lan",
                                       std::nullopt,
                                       {0, 1},
                                       4});
    state.overlays.sets.push_back({"office", *Cidr::parse("192.0.2.1"), false, until, {}, 5});
    LabelAsk ask{std::string(64, 'b'),
                 "web",
                 {{policy::PortProtocol::Tcp, 80, 81}},
                 {"office"},
                 "1h",
                 "t",
                 until,
                 {}};
    state.overlays.labels.push_back(ask);
    state.bans.push_back({*Cidr::parse("198.51.100.0/24"), until, "brute\nforce", WallTime{}, {}});
    return state;
}

// All but when it was saved.
std::string without_time(const std::string& text) {
    auto json = nlohmann::ordered_json::parse(text);
    json.erase("saved_unix_ns");
    return json.dump();
}

TEST(State, ComesBackInTheSameBootToTheNanosecond) {
    const auto until = BootTime{boot_now().ns + 60'000'000'000};
    const auto text = to_json(full(until), "boot-1");
    const auto back = from_json(text, "boot-1");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(without_time(to_json(*back, "boot-1")), without_time(text));
    EXPECT_EQ(back->pending->deadline, until);
    EXPECT_EQ(back->overlays.modes[0].hits, 3U);
    EXPECT_EQ(back->overlays.openings[0].hits, 4U);
    EXPECT_EQ(back->overlays.sets[0].hits, 5U);
    EXPECT_EQ(back->bans[0].reason, "brute\nforce");
}

TEST(State, AfterARebootInstantsFollowTheWallClock) {
    const auto until = BootTime{boot_now().ns + 60'000'000'000};
    const auto back = from_json(to_json(full(until), "boot-1"), "boot-2");
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->overlays.labels.empty());  // every container starts anew
    // Here the clocks did not really restart, so it must be the same instant again.
    EXPECT_NEAR(static_cast<double>(back->pending->deadline.ns), static_cast<double>(until.ns),
                1e9);
    const auto past = from_json(to_json(full(BootTime{1}), "boot-1"), "boot-2");
    EXPECT_LT(past->pending->deadline, boot_now());
}

TEST(State, AClockThatIsBehindAfterARebootProlongsNothing) {
    constexpr std::int64_t kTenYears = 10LL * 365 * 86400 * 1'000'000'000;
    const auto until = BootTime{boot_now().ns + 60'000'000'000};
    auto json = nlohmann::ordered_json::parse(to_json(full(until), "boot-1"));
    // Saved by a clock that was ten years ahead of what it says now.
    json["saved_unix_ns"] = json["saved_unix_ns"].get<std::int64_t>() + kTenYears;
    auto& deadline = json["pending"]["deadline"]["unix_ns"];
    deadline = deadline.get<std::int64_t>() + kTenYears;
    const auto back = from_json(json.dump(), "boot-2");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_NEAR(static_cast<double>(back->pending->deadline.ns), static_cast<double>(until.ns),
                1e9);
}

TEST(State, TakesWhatAVersionWroteThatCountedNoHits) {
    auto text = to_json(full(BootTime{5}), "b");
    for (const char* hits : {",\n   \"hits\": 3", ",\n   \"hits\": 4", ",\n   \"hits\": 5"}) {
        const auto at = text.find(hits);
        ASSERT_NE(at, std::string::npos) << text;
        text.erase(at, std::string_view(hits).size());
    }
    const auto back = from_json(text, "b");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->overlays.openings[0].hits, 0U);
}

TEST(State, RefusesWhatItDoesNotUnderstand) {
    const auto text = to_json(full(BootTime{5}), "b");
    for (const char* wrong : {"", "[]", "{}", "{\"version\":2}"})
        EXPECT_FALSE(from_json(wrong, "b")) << wrong;
    EXPECT_FALSE(from_json(text.substr(0, text.size() / 2), "b"));
    auto other = text;
    other.replace(other.find("198.51.100.0/24"), 15, "198.51.100.0/99");
    EXPECT_FALSE(from_json(other, "b"));
}

TEST(Store, AnEmptyDirectoryIsAnEmptyState) {
    const Directory directory;
    const auto store = Store::open(directory.path);
    ASSERT_TRUE(store);
    EXPECT_EQ(store->state().last_number, 0U);
}

TEST(Store, KeepsAGenerationWholeWithItsSetFiles) {
    const Directory directory;
    std::ofstream(directory.path / "bad.netset") << "203.0.113.0/24\n";
    auto loaded = policy::load_text(
        "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0] } }\n"
        "sets: { bad: { file: bad.netset } }\ndeny: [bad]\nservices: []\n",
        "policy.yaml", directory.path);
    ASSERT_TRUE(loaded.ok()) << policy::to_string(loaded.diagnostics.front());
    auto store = Store::open(directory.path);
    ASSERT_TRUE(store);
    Generation entry;
    entry.number = 7;
    entry.confirmed = true;
    ASSERT_TRUE(store->keep(entry, loaded.policy));
    fs::remove(directory.path / "bad.netset");
    const auto again = policy::load_file(store->file_of(7));
    ASSERT_TRUE(again.ok()) << policy::to_string(again.diagnostics.front());
    EXPECT_EQ(again.policy.deny, loaded.policy.deny);
}

TEST(Store, ForgetsTheOldestGenerations) {
    const Directory directory;
    auto store = Store::open(directory.path);
    const auto loaded = policy::load_text(
        "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0] } }\nservices: []\n",
        "p.yaml", ".");
    for (std::uint64_t number = 1; number <= kHistory + 3; ++number) {
        Generation entry;
        entry.number = number;
        entry.confirmed = number % 2 == 1;
        ASSERT_TRUE(store->keep(entry, loaded.policy));
    }
    EXPECT_EQ(store->state().history.size(), kHistory);
    EXPECT_EQ(store->find(3), nullptr);
    EXPECT_FALSE(fs::exists(store->file_of(3)));
    EXPECT_EQ(store->confirmed_before(23)->number, 21U);
    ASSERT_TRUE(store->save());
    EXPECT_EQ(Store::open(directory.path)->state().history.size(), kHistory);
}

struct History {
    Directory directory;
    Store store = std::move(Store::open(directory.path).value());
    policy::LoadOutcome loaded = policy::load_text(
        "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0] } }\nservices: []\n",
        "p.yaml", ".");

    Generation keep(std::uint64_t number, const char* how, const char* text, bool confirmed = true,
                    std::vector<ModeOverride> modes = {}, std::uint64_t copy_of = 0) {
        const Generation entry{number,           text,   how, "/p.yaml", WallTime{}, {}, confirmed,
                               std::move(modes), copy_of};
        EXPECT_TRUE(store.keep(entry, loaded.policy));
        return entry;
    }
    std::uint64_t back(const Generation& now) {
        const auto* way = store.way_back(now);
        return way == nullptr ? 0 : way->number;
    }
};

TEST(Store, TheWayBackIsTheNewestConfirmedOneThatDiffers) {
    History history;
    history.keep(1, "start", "A");
    history.keep(2, "apply", "B");
    history.keep(3, "apply", "C", false);
    const auto now = history.keep(4, "start", "B");
    EXPECT_EQ(history.back(now), 1U) << "the same text is no way back, an unconfirmed one neither";
    history.store.refuse("A");
    EXPECT_EQ(history.back(now), 0U);
}

TEST(Store, AModeIsSomethingToGoBackFrom) {
    ModeOverride enforce;
    enforce.mode = policy::Mode::Enforce;
    History history;
    history.keep(1, "start", "A");
    const auto now = history.keep(2, "mode", "A", true, {enforce});
    EXPECT_EQ(history.back(now), 1U);
    enforce.until = BootTime{1};  // has ended: the same as none
    EXPECT_EQ(history.back(history.keep(3, "mode", "A", true, {enforce})), 2U);
}

TEST(Store, ASecondRollbackGoesFurtherBackThanTheFirst) {
    History history;
    history.keep(1, "start", "A");
    history.keep(2, "apply", "B");
    history.keep(3, "apply", "C");
    EXPECT_EQ(history.back(history.keep(4, "rollback", "B", true, {}, 2)), 1U);
}

TEST(Store, StartsInARowAreOneEntry) {
    History history;
    for (std::uint64_t number = 1; number <= 5; ++number) history.keep(number, "start", "A");
    ASSERT_EQ(history.store.state().history.size(), 1U);
    EXPECT_EQ(history.store.state().history[0].number, 5U);
    EXPECT_FALSE(fs::exists(history.store.file_of(4)));
    history.keep(6, "start", "B");
    EXPECT_EQ(history.store.state().history.size(), 2U);
}

TEST(State, ReadsAHistoryThatAnEarlierVersionWrote) {
    auto text = to_json(full(BootTime{5}), "b");
    const auto modes = text.rfind("\"modes\"", text.find("\"copy_of\""));
    const auto end = text.find('}', text.find("\"copy_of\""));
    text.replace(text.rfind(',', modes), end - text.rfind(',', modes), "");
    const auto back = from_json(text, "b");
    ASSERT_TRUE(back) << back.error().message << text;
    EXPECT_TRUE(back->history[0].modes.empty());
    EXPECT_EQ(back->history[0].copy_of, 0U);
}

TEST(Store, ARefusedTextIsForgivenWhenAppliedAgain) {
    const Directory directory;
    auto store = Store::open(directory.path);
    store->refuse("sha256:x");
    EXPECT_TRUE(store->refused("sha256:x"));
    store->accept("sha256:x");
    EXPECT_FALSE(store->refused("sha256:x"));
}

}  // namespace
}  // namespace portlid::rollout
