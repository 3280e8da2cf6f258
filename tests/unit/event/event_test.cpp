// SPDX-License-Identifier: Apache-2.0
#include "event/event.hpp"

#include <gtest/gtest.h>

#include <set>

#include "event/escape.hpp"

namespace portlid::event {
namespace {

using nlohmann::ordered_json;

std::vector<std::string> keys_of(const ordered_json& json) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.push_back(key);
    return keys;
}

TEST(Event, BeginsWithTheEnvelopeInTheContractsOrder) {
    auto event = make_event(Kind::NetVerdict, Severity::High);
    event.seq = 48121;
    event.body["mode"] = "monitor";
    const auto line = ordered_json::parse(to_json_line(event));
    const std::vector<std::string> expected = {"v",    "id",   "rev",      "seq",
                                               "time", "kind", "severity", "mode"};
    EXPECT_EQ(keys_of(line), expected);
    EXPECT_EQ(line["v"], 1);
    EXPECT_EQ(line["kind"], "net.verdict");
    EXPECT_EQ(line["severity"], "high");
    EXPECT_EQ(line["seq"], 48121);
}

TEST(Event, DoesNotLetABodyReplaceTheEnvelope) {
    auto event = make_event(Kind::SensorGap, Severity::Medium);
    event.seq = 7;
    event.body["seq"] = 1;
    event.body["kind"] = "sensor.heartbeat";
    const auto line = ordered_json::parse(to_json_line(event));
    EXPECT_EQ(line["seq"], 7);
    EXPECT_EQ(line["kind"], "sensor.gap");
}

TEST(Event, SurvivesABodyThatIsNoObject) {
    auto event = make_event(Kind::SensorHeartbeat, Severity::Info);
    event.body = ordered_json::array({1, 2});
    EXPECT_EQ(ordered_json::parse(to_json_line(event)).size(), 7U);
    event.body = nullptr;
    EXPECT_EQ(ordered_json::parse(to_json_line(event)).size(), 7U);
}

TEST(EventId, IsAUuidOfVersionSevenThatSortsByTime) {
    const auto first = make_event(Kind::SensorStarted, Severity::Info);
    ASSERT_EQ(first.id.size(), 36U);
    EXPECT_EQ(first.id[14], '7');
    EXPECT_NE(std::string("89ab").find(first.id[19]), std::string::npos);
    std::string later;
    while ((later = make_event(Kind::SensorStarted, Severity::Info).id).substr(0, 13) ==
           first.id.substr(0, 13)) {
    }
    EXPECT_LT(first.id, later);
}

TEST(EventId, IsNeverTheSameTwice) {
    std::set<std::string> ids;
    for (int i = 0; i < 10000; ++i) ids.insert(make_event(Kind::NetVerdict, Severity::Low).id);
    EXPECT_EQ(ids.size(), 10000U);
}

std::string line_with_comm(const std::string& comm) {
    auto event = make_event(Kind::SocketListen, Severity::Info);
    event.body["comm"] = comm;
    return to_json_line(event);
}

TEST(EventLine, NeverHoldsARawControlOrInvisibleCharacter) {
    const std::string hostile =
        "a\n\r\x1b[2J\x7f\xc2\x9b"  // newline, ESC, DEL, C1 CSI
        "\xe2\x80\xae\xe2\x81\xa6"  // RLO, LRI
        "\xe2\x80\xa8\xef\xbb\xbf"  // line separator, BOM
        "\xf3\xa0\x81\x81z";        // a tag character
    const auto line = line_with_comm(hostile);
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        EXPECT_TRUE(byte >= 0x20 && byte < 0x7f) << static_cast<int>(byte);
    }
    EXPECT_EQ(ordered_json::parse(line)["comm"], hostile);
}

TEST(EventLine, ReplacesBytesThatAreNotUtf8) {
    for (const char* bad : {"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "cut\xe2\x82", "\x80"}) {
        const auto line = line_with_comm(bad);
        const auto parsed = ordered_json::parse(line, nullptr, false);
        ASSERT_FALSE(parsed.is_discarded()) << line;
        EXPECT_NE(parsed["comm"].get<std::string>().find("\xef\xbf\xbd"), std::string::npos);
    }
}

TEST(EventLine, MakesKeysSafeToo) {
    auto event = make_event(Kind::SocketListen, Severity::Info);
    event.body["labels"] = {{"a\n\xff\x7f", "x"}};
    const auto line = to_json_line(event);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x7f'), std::string::npos);
    EXPECT_FALSE(ordered_json::parse(line, nullptr, false).is_discarded());
}

TEST(EventLine, KeepsOrdinaryTextReadable) {
    EXPECT_NE(line_with_comm("gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x9a\xa2")
                  .find("gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x9a\xa2"),
              std::string::npos);
}

TEST(Escape, WritesAstralCharactersAsSurrogatePairs) {
    EXPECT_EQ(escape_invisible("\xf3\xa0\x80\x81"), "\\udb40\\udc01");
    EXPECT_EQ(escape_invisible("\xe2\x80\x8e"), "\\u200e");
    EXPECT_EQ(escape_invisible("plain"), "plain");
}

TEST(Escape, DoesNotReadBehindACutSequence) {
    EXPECT_EQ(escape_invisible("\xe2\x80"), "\xe2\x80");
    EXPECT_EQ(escape_invisible(""), "");
}

TEST(Kinds, AllHaveTheWordOfTheContract) {
    EXPECT_STREQ(to_string(Kind::SocketRefused), "socket.refused");
    EXPECT_STREQ(to_string(Kind::PolicyRolledBack), "policy.rolled_back");
    EXPECT_STREQ(to_string(Kind::SensorHeartbeat), "sensor.heartbeat");
    EXPECT_STREQ(to_string(Severity::Critical), "critical");
}

}  // namespace
}  // namespace portlid::event
