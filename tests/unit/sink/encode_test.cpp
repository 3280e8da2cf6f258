// SPDX-License-Identifier: Apache-2.0
#include "sink/encode/encoder.hpp"

#include "sink/filter.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// What a process, a container or a host may call itself to forge or break a record.
const std::vector<std::string>& hostile() {
    static const std::vector<std::string> names = {
        "a\nb",
        "a\r\n<13>1 2026-01-01T00:00:00Z h forged - - - -",
        "\x1b[31mred\x1b[0m",
        "\xe2\x80\xae"
        "gnp.exe",
        "\xff\xfe\xc3",
        "quote\"quote'",
        "a|b|c",
        "k=v src=1.2.3.4",
        "back\\slash\\",
        std::string("nul\0nul", 7),
        "\xc2\x85next\xe2\x80\xa8line\xe2\x80\xa9para",
        "{\"json\":1}",
        "\x7f\x01\x1f",
        std::string(5000, '='),
    };
    return names;
}

std::string native_line(const std::string& name) {
    auto event = event::make_event(event::Kind::NetVerdict, event::Severity::High);
    event.seq = 7;
    event.body = {{"mode", "monitor"},
                  {"verdict", "would_drop"},
                  {"reason", "no_service"},
                  {"rule", {{"name", name}, {"source", name}}},
                  {"host", {{"name", name}, {"boot_id", name}}},
                  {"sensor", {{"version", "0.1.0"}, {"hook", "xdp"}, {"policy", name}}},
                  {"net",
                   {{"family", "ipv4"},
                    {"transport", "tcp"},
                    {"interface", name},
                    {"zone", name},
                    {"vlan", 0},
                    {"bytes", 60}}},
                  {"src", {{"ip", "203.0.113.7"}, {"port", 51322}}},
                  {"dst", {{"ip", "198.51.100.10"}, {"port", 5432}}},
                  {"target",
                   {{"pid", 8079},
                    {"exe", name},
                    {"container", {{"id", "9f3c"}, {"name", name}, {"image", name}}},
                    {"inner", "172.18.0.3:5432"}}},
                  {"count", 1}};
    return event::to_json_line(event);
}

// No byte that ends a record or moves a cursor, and valid UTF-8 (a JSON parser says so).
void expect_one_clean_record(const std::string& text) {
    for (const char c : text) ASSERT_TRUE((c >= 0x20 || c < 0) && c != 0x7f) << int(c);
    for (const auto* bad : {"\xe2\x80\xae", "\xe2\x80\xa8", "\xc2\x85"})
        EXPECT_EQ(text.find(bad), std::string::npos);
    EXPECT_NO_THROW(static_cast<void>(Json(text).dump()));
}

TEST(Encoders, MakeOneCleanRecordOfAnEventWithHostileNames) {
    for (const auto& name : hostile()) {
        SCOPED_TRACE(testing::PrintToString(name));
        for (const auto format : {Format::Native, Format::Ecs, Format::Ocsf, Format::Cef}) {
            SCOPED_TRACE(to_string(format));
            const auto text = encode(format, native_line(name), 3, {});
            ASSERT_TRUE(text);
            expect_one_clean_record(*text);
            if (format == Format::Cef)
                EXPECT_THAT(*text, StartsWith("CEF:0|Portlid|portlid|0.1.0|net.verdict|"));
            else
                EXPECT_TRUE(Json::parse(*text, nullptr, false).is_object());
        }
    }
}

// Splits as a CEF reader does: a backslash takes the next character's meaning away.
std::vector<std::string> cef_header(const std::string& line, std::string& extension) {
    std::vector<std::string> fields(1);
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\' && i + 1 < line.size()) {
            fields.back() += line[++i];
        } else if (line[i] == '|') {
            if (fields.size() == 7) {
                extension = line.substr(i + 1);
                return fields;
            }
            fields.emplace_back();
        } else {
            fields.back() += line[i];
        }
    }
    return fields;
}

// Keys that stand in front of an equals sign that nothing escapes.
std::vector<std::string> cef_keys(const std::string& extension) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < extension.size(); ++i) {
        if (extension[i] == '\\') {
            ++i;
        } else if (extension[i] == '=') {
            const auto space = extension.rfind(' ', i);
            keys.push_back(extension.substr(space == std::string::npos ? 0 : space + 1,
                                            i - (space == std::string::npos ? 0 : space + 1)));
        }
    }
    return keys;
}

TEST(Cef, HasSevenHeaderFieldsAndTheSameKeysWhateverTheNamesAre) {
    std::string extension;
    static_cast<void>(cef_header(*encode(Format::Cef, native_line("plain"), 0, {}), extension));
    const auto expected = cef_keys(extension);
    EXPECT_GT(expected.size(), 15U);
    for (const auto& name : hostile()) {
        SCOPED_TRACE(testing::PrintToString(name));
        const auto fields = cef_header(*encode(Format::Cef, native_line(name), 0, {}), extension);
        ASSERT_EQ(fields.size(), 7U);
        EXPECT_EQ(fields[4], "net.verdict");
        EXPECT_EQ(fields[6], "8");
        EXPECT_EQ(cef_keys(extension), expected);
    }
}

TEST(Cef, PutsIPv6IntoTheSlotsThatAreMadeForIt) {
    auto native = Json::parse(native_line("x"));
    native["src"]["ip"] = "2001:db8::7";
    const auto line = cef_line(native);
    EXPECT_THAT(line, HasSubstr("c6a2=2001:db8::7 c6a2Label=Source IPv6 Address"));
    EXPECT_THAT(line, HasSubstr(" dst=198.51.100.10"));
    EXPECT_EQ(line.find(" src="), std::string::npos);
}

Json body_of(event::Kind kind, const Json& body) {
    auto event = event::make_event(kind, event::Severity::Info);
    event.body = body;
    return Json::parse(event::to_json_line(event));
}

TEST(Cef, SaysWhatWasLostWhereAndSinceWhen) {
    const auto gap = cef_line(body_of(event::Kind::SensorGap, {{"gap",
                                                                {{"cause", "spool"},
                                                                 {"count", 12},
                                                                 {"since", "2026-03-01T10:15:02Z"},
                                                                 {"sink", "siem"},
                                                                 {"total", 34}}}}));
    EXPECT_THAT(gap, HasSubstr("cn3=12 cn3Label=lost flexNumber2=34 flexNumber2Label=lostEver "
                               "flexString1=spool flexString1Label=gapCause flexString2=siem "
                               "flexString2Label=gapSink deviceCustomDate1=1772360102000 "
                               "deviceCustomDate1Label=since"));
    const auto beat = cef_line(body_of(
        event::Kind::SensorHeartbeat,
        {{"events", {{"emitted", 99}, {"lost", {{"ring", 1}, {"queue", 2}, {"spool", 3}}}}}}));
    EXPECT_THAT(beat, HasSubstr("flexNumber2=99 flexNumber2Label=emitted cs1=1 cs1Label=lostRing "
                                "cs2=2 cs2Label=lostQueue cs3=3 cs3Label=lostSpool"));
}

TEST(Cef, SaysUntilWhenASourceIsBanned) {
    const Json ban = {{"source", "203.0.113.9"}, {"until", "2026-03-01T10:15:02Z"}, {"hits", 5}};
    EXPECT_THAT(cef_line(body_of(event::Kind::BanAdded, {{"ban", ban}})),
                HasSubstr(" src=203.0.113.9 cn1=0 cn1Label=seq cn2=0 cn2Label=rev cn3=5 "
                          "cn3Label=hits flexString1=203.0.113.9 flexString1Label=banSource "
                          "deviceCustomDate1=1772360102000 deviceCustomDate1Label=until"));
    const auto network =
        cef_line(body_of(event::Kind::BanAdded, {{"ban", {{"source", "2001:db8::/48"}}}}));
    EXPECT_THAT(network, HasSubstr("flexString1=2001:db8::/48"));
    EXPECT_EQ(network.find("c6a2"), std::string::npos);  // no address
}

TEST(Cef, SaysWhichPortIsExposed) {
    Json body = {{"transport", "tcp"}, {"address", "0.0.0.0"}, {"port", 8080}};
    EXPECT_THAT(cef_line(body_of(event::Kind::ExposureOpened, body)),
                HasSubstr(" dst=0.0.0.0 dpt=8080 proto=tcp "));
    body["address"] = "::";
    body["ports"] = {{"first", 8080}, {"last", 8090}};
    body["published"] = {{"container_port", 80}};
    const auto line = cef_line(body_of(event::Kind::ExposureOpened, body));
    EXPECT_THAT(line, HasSubstr(" c6a3=:: c6a3Label=Destination IPv6 Address dpt=8080 "));
    EXPECT_THAT(line, HasSubstr(" cn3=8090 cn3Label=lastPort destinationTranslatedPort=80 "));
}

TEST(Ecs, SaysWhatHappenedInEcsWords) {
    const auto ecs = ecs_document(Json::parse(native_line("name")));
    EXPECT_EQ(ecs["event"]["action"], "net.verdict");
    EXPECT_EQ(ecs["event"]["type"], Json::array({"connection", "info"}));
    EXPECT_EQ(ecs["event"]["severity"], 4);
    EXPECT_EQ(ecs["source"]["ip"], "203.0.113.7");
    EXPECT_EQ(ecs["destination"]["nat"]["port"], 5432);
    EXPECT_EQ(ecs["portlid"]["verdict"], "would_drop");
    EXPECT_EQ(ecs["related"]["ip"].size(), 3U);
}

// Elasticsearch takes the type of `portlid.mode` from the first document and refuses the others.
TEST(Ecs, GivesTheModeAsAnObjectNamesOfItsOwn) {
    auto native = Json::parse(native_line("name"));
    EXPECT_EQ(ecs_document(native)["portlid"]["mode"], "monitor");
    native["mode"] = {{"scope", "sensor"}, {"from", "monitor"}, {"to", "enforce"}};
    native["kind"] = "mode.changed";
    auto ecs = ecs_document(native);
    EXPECT_EQ(ecs["portlid"]["mode_change"]["to"], "enforce");
    EXPECT_FALSE(ecs["portlid"].contains("mode"));
    native["mode"] = {{"requested", "enforce"}, {"effective", "monitor"}};
    native["kind"] = "sensor.started";
    ecs = ecs_document(native);
    EXPECT_EQ(ecs["portlid"]["mode_state"]["effective"], "monitor");
    EXPECT_FALSE(ecs["portlid"].contains("mode"));
    EXPECT_EQ(ocsf_document(native)["unmapped"]["mode_state"]["effective"], "monitor");
}

TEST(Ocsf, ChoosesClassActionAndDispositionByVerdict) {
    auto native = Json::parse(native_line("name"));
    auto ocsf = ocsf_document(native);
    EXPECT_EQ(ocsf["class_uid"], 4001);
    EXPECT_EQ(ocsf["type_uid"], 400101);
    EXPECT_EQ(ocsf["action_id"], 3);
    EXPECT_EQ(ocsf["disposition_id"], 15);
    native["verdict"] = "drop";
    ocsf = ocsf_document(native);
    EXPECT_EQ(ocsf["activity_id"], 5);
    EXPECT_EQ(ocsf["action_id"], 2);
    native["kind"] = "exposure.opened";
    EXPECT_EQ(ocsf_document(native)["class_uid"], 2004);
    native["kind"] = "policy.loaded";
    EXPECT_EQ(ocsf_document(native)["class_uid"], 5019);
    native["kind"] = "sensor.started";
    EXPECT_EQ(ocsf_document(native)["class_uid"], 6002);
}

TEST(Native, GoesOutAsItIsOrWithTheSinksOwnNumber) {
    const auto line = native_line("x");
    EXPECT_EQ(*encode(Format::Native, line, 0, {}), line);
    const auto numbered = Json::parse(*encode(Format::Native, line, 12, {}));
    EXPECT_EQ(numbered["sink_seq"], 12);
    EXPECT_EQ(numbered["seq"], 7);
    EXPECT_FALSE(encode(Format::Ecs, "{broken", 0, {}));
}

TEST(Filter, PassesKindsBySeverityAndGapsAlways) {
    const Filter filter({"net.*", "exposure.opened"}, event::Severity::Medium);
    EXPECT_TRUE(filter.passes(event::Kind::NetVerdict, event::Severity::High));
    EXPECT_FALSE(filter.passes(event::Kind::NetVerdict, event::Severity::Low));
    EXPECT_TRUE(filter.passes(event::Kind::ExposureOpened, event::Severity::High));
    EXPECT_FALSE(filter.passes(event::Kind::ExposureClosed, event::Severity::High));
    EXPECT_TRUE(filter.passes(event::Kind::SensorGap, event::Severity::Info));
}

}  // namespace
}  // namespace portlid::sink
