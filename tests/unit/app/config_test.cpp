// SPDX-License-Identifier: Apache-2.0
#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace portlid::app {
namespace {

using testing::HasSubstr;

TEST(Config, ReadsSinksAndEngines) {
    const auto config = parse_config(
        "version: 1\n"
        "sinks:\n"
        "  - { name: local, to: \"file:/var/log/portlid/events.jsonl\", format: native }\n"
        "  - { name: screen, to: \"-\" }\n"
        "engines: [\"unix:///run/docker.sock\"]\n"
        "events: { window: 10s, first: 32, first_per_source: 8 }\n",
        "portlid.yaml");
    ASSERT_TRUE(config) << config.error().message;
    ASSERT_EQ(config->sinks.size(), 2U);
    EXPECT_EQ(config->sinks[0].path, "/var/log/portlid/events.jsonl");
    EXPECT_EQ(config->sinks[0].format, sink::Format::Native);
    EXPECT_EQ(config->sinks[1].kind, sink::SinkKind::Stdout);
    EXPECT_THAT(config->engines, testing::ElementsAre("unix:///run/docker.sock"));
}

TEST(Config, ReadsHowLongAndHowBigTheHistoryMayBe) {
    const auto given = parse_config("version: 1\nhistory: { age: 7d, bytes: 64MiB }\n", "x");
    ASSERT_TRUE(given) << given.error().message;
    EXPECT_EQ(given->history.age, std::chrono::hours(7 * 24));
    EXPECT_EQ(given->history.bytes, 64U << 20U);
    const auto absent = parse_config("version: 1\n", "x");
    EXPECT_EQ(absent->history.age, std::chrono::hours(30 * 24));
    EXPECT_EQ(absent->history.bytes, 512U << 20U);
}

TEST(Config, TellsAnEmptyListOfEnginesFromNone) {
    EXPECT_FALSE(parse_config("version: 1\n", "x")->engines_given);
    EXPECT_TRUE(parse_config("version: 1\nengines: []\n", "x")->engines_given);
}

TEST(Config, RefusesWithFileLineAndColumn) {
    struct Row {
        const char* why;
        const char* text;
        const char* expected;
    };
    const Row rows[] = {
        {"unknown key", "version: 1\nsink: []\n", "p.yaml:2:1: "},
        {"did you mean", "version: 1\nsink: []\n", "sinks"},
        {"no version", "sinks: []\n", "version"},
        {"other version", "version: 2\n", "p.yaml:1:10: "},
        {"duplicate key", "version: 1\nversion: 1\n", "p.yaml:2:1: "},
        {"not yaml", "version: [1\n", "p.yaml:"},
        {"not a map", "- 1\n", "p.yaml:1:1: "},
        {"name twice", "version: 1\nsinks: [{name: a, to: \"-\"}, {name: a, to: \"-\"}]\n",
         "twice"},
        {"no target", "version: 1\nsinks: [{name: a}]\n", "to"},
        {"engine by tcp", "version: 1\nengines: [\"tcp://1.2.3.4:2375\"]\n", "p.yaml:2:11: "},
        {"bad size", "version: 1\nhistory: {bytes: 512MB}\n", "is not a size"},
        {"size beyond 64 bits", "version: 1\nhistory: {bytes: 99999999999TiB}\n", "is not a size"},
        {"bad duration", "version: 1\nhistory: {age: 3 moons}\n", "is not a duration"},
        {"history too short", "version: 1\nhistory: {age: 10s}\n", "less than an hour"},
        {"history too small", "version: 1\nhistory: {bytes: 1KiB}\n", "less than 1MiB"},
        {"history unknown key", "version: 1\nhistory: {size: 1MiB}\n", "p.yaml:2:11: "},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.why);
        const auto config = parse_config(row.text, "p.yaml");
        ASSERT_FALSE(config);
        EXPECT_THAT(config.error().message, HasSubstr(row.expected));
        EXPECT_EQ(config.error().code, ExitCode::Usage);
        EXPECT_FALSE(config.error().hint.empty());
    }
}

TEST(Config, ReadsTheSinksOfTheContract) {
    const auto config = parse_config(
        "version: 1\n"
        "sinks:\n"
        "  - { name: local, to: \"file:/var/log/portlid/events.jsonl\", rotate: { size: 100MiB, "
        "keep: 7 } }\n"
        "  - { name: siem, to: \"syslog+tls://siem.example:6514\", format: ecs, ca: /etc/ca.pem,\n"
        "      cert: /etc/me.pem, key: /etc/me.key, kinds: [\"net.*\", \"exposure.*\", "
        "\"sensor.*\"],\n"
        "      spool: { bytes: 1GiB, age: 7d }, severity: low, redact: [\"process.exe\"] }\n",
        "p.yaml");
    ASSERT_TRUE(config) << config.error().message;
    ASSERT_EQ(config->sinks.size(), 2U);
    EXPECT_EQ(config->sinks[0].name, "local");
    EXPECT_EQ(config->sinks[0].rotate.bytes, 100ULL << 20U);
    const auto& siem = config->sinks[1];
    EXPECT_EQ(siem.format, sink::Format::Ecs);
    EXPECT_EQ(siem.key, "/etc/me.key");
    EXPECT_EQ(siem.kinds.size(), 3U);
    EXPECT_EQ(siem.spool.bytes, 1ULL << 30U);
    EXPECT_EQ(siem.spool.age, std::chrono::hours(168));
    EXPECT_EQ(siem.severity, event::Severity::Low);
}

TEST(Config, RefusesWhatNoSinkCanMean) {
    const std::pair<const char*, const char*> rows[] = {
        {"{name: a, to: \"-\", format: ecz}", "unknown format"},
        {"{name: a, to: \"-\", rotate: {size: 1MiB}}", "does not fit"},
        {"{name: a, to: \"-\", ca: /etc/ca.pem}", "does not fit"},
        {"{name: a, to: \"-\", kinds: [\"nett.*\"]}", "no event kind matches"},
        {"{name: a, to: \"-\", kinds: []}", "kinds"},
        {"{name: a, to: \"file:/x\", spool: {bytes: 1KiB}}", "below 1MiB"},
        {"{name: a, to: \"file:/x\", spool: {age: soon}}", "is not a duration"},
        {"{name: a, to: \"syslog+tls://h\", cert: /c}", "has no `key`"},
        {"{name: a, to: \"https://h\", preset: kafka}", "unknown preset"},
        {"{name: a, to: \"-\", severity: loud}", "unknown severity"},
    };
    for (const auto& [sink, expected] : rows) {
        SCOPED_TRACE(sink);
        const auto config =
            parse_config(std::string("version: 1\nsinks: [") + sink + "]\n", "p.yaml");
        ASSERT_FALSE(config);
        EXPECT_THAT(config.error().message, HasSubstr(expected));
        EXPECT_THAT(config.error().message, HasSubstr("p.yaml:2:"));
    }
}

TEST(Config, SaysWhereAKeyStandsThatDoesNotFit) {
    struct Row {
        const char* sink;
        const char* place;
        const char* expected;
    };
    const Row rows[] = {
        {"{name: a, to: \"https://h\",\n index: x}", "3:9", "`index` does not fit"},
        {"{name: a, to: \"file:/x\",\n index: x}", "3:9", "`index` does not fit"},
        {"{name: a, to: \"-\",\n preset: ndjson}", "3:10", "`preset` does not fit"},
        {"{name: a, to: \"-\",\n spool: {bytes: 1MiB}}", "3:9", "`spool` does not fit"},
        {"{name: a, to: \"file:/x\",\n spool: {age: 0s}}", "3:15", "`spool.age` keeps nothing"},
        {"{name: a, to: \"file:/x\",\n spool: {bytes: 0}}", "3:17", "below 1MiB"},
        {"{name: a, to: \"https://h\",\n token: hunter2secret}", "3:9", "wants the path of a file"},
        {"{name: a, to: \"file:/x\",\n redact: [src.ipp]}", "3:11", "no field of an event"},
        {"{name: a, to: \"file:/x\",\n redact: [time]}", "3:11", "is never left out"},
        {"{name: a, to: \"file:/x\"},\n {name: b, to: \"file:/x\"}", "3:16", "two sinks write"},
        {"{name: a, to: \"-\"},\n {name: b, to: \"-\"}", "3:16", "two sinks write"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sink);
        const auto config =
            parse_config(std::string("version: 1\nsinks: [") + row.sink + "]\n", "p.yaml");
        ASSERT_FALSE(config);
        EXPECT_THAT(config.error().message, HasSubstr(std::string("p.yaml:") + row.place + ": "));
        EXPECT_THAT(config.error().message, HasSubstr(row.expected));
        EXPECT_EQ(config.error().message.find("hunter2"), std::string::npos);
    }
    EXPECT_TRUE(
        parse_config("version: 1\nsinks: [{name: a, to: \"https://h\", preset: splunk, "
                     "index: main, spool: {age: 1h}}]\n",
                     "p.yaml"));
}

TEST(Config, RefusesEventBudgetsThatTheProgramIsNotBuiltWith) {
    const auto config = parse_config("version: 1\nevents: {window: 20s, first: 33}\n", "p.yaml");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr("`events.window` is fixed at 10s"));
    EXPECT_THAT(config.error().message, HasSubstr("`events.first` is fixed at 32"));
}

TEST(Config, NamesEveryRefusalNotOnlyTheFirst) {
    const auto config = parse_config("version: 3\nfoo: 1\nengines: 7\n", "p.yaml");
    ASSERT_FALSE(config);
    const auto& message = config.error().message;
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 2);
}

TEST(Config, MayBeAbsentUnlessItWasAskedFor) {
    EXPECT_TRUE(load_config("/no/such/portlid.yaml", false));
    const auto required = load_config("/no/such/portlid.yaml", true);
    ASSERT_FALSE(required);
    EXPECT_THAT(required.error().message, HasSubstr("/no/such/portlid.yaml"));
}

TEST(Config, RefusesAFileThatAnybodyMayWrite) {
    const std::string path = testing::TempDir() + "portlid-config-test.yaml";
    std::ofstream(path) << "version: 1\n";
    std::filesystem::permissions(path, std::filesystem::perms::all);
    EXPECT_FALSE(load_config(path, true));
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    EXPECT_TRUE(load_config(path, true));
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace portlid::app
