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

TEST(Redaction, TakesFieldsAndLeavesTheEnvelope) {
    const auto text = *encode(Format::Native, native_line("secret"), 0,
                              {"target.container.*", "target.exe", "id", "kind", "*.name"});
    const auto json = Json::parse(text);
    EXPECT_EQ(json["target"]["container"]["name"], "[redacted]");
    EXPECT_EQ(json["target"]["exe"], "[redacted]");
    EXPECT_EQ(json["kind"], "net.verdict");
    EXPECT_NE(json["id"], "[redacted]");
    EXPECT_EQ(json["src"]["ip"], "203.0.113.7");
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
