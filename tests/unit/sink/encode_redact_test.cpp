// SPDX-License-Identifier: Apache-2.0
// What a sink must not see, in every format.
#include <set>

#include "sink/encode/encoder.hpp"
#include "sink/encode/fields.hpp"
#include "sink/encode/native_fields.hpp"
#include "sink/filter.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string line_of(event::Kind kind, const Json& body) {
    auto event = event::make_event(kind, event::Severity::High);
    event.body = body;
    return event::to_json_line(event);
}

std::string packet() {
    return line_of(event::Kind::NetVerdict,
                   {{"verdict", "drop"},
                    {"reason", "no_service"},
                    {"host", {{"name", "web1"}, {"boot_id", "4b2c"}}},
                    {"src", {{"ip", "203.0.113.7"}, {"port", 51322}}},
                    {"dst", {{"ip", "198.51.100.10"}, {"port", 5432}}},
                    {"target",
                     {{"pid", 8079},
                      {"exe", "/usr/bin/secret"},
                      {"container", {{"name", "shop"}, {"compose", nullptr}}},
                      {"inner", "172.18.0.3:5432"}}},
                    {"first", "2026-03-01T10:15:02.123456789Z"}});
}

Json seen(Format format, const std::string& line, const std::vector<std::string>& redacted) {
    return Json::parse(*encode(format, line, 0, redacted));
}

TEST(Redaction, ReplacesTextAndLeavesTheEnvelope) {
    const auto json =
        seen(Format::Native, packet(), {"target.container.*", "target.exe", "id", "kind", "*"});
    EXPECT_EQ(json["target"]["container"]["name"], "[redacted]");
    EXPECT_EQ(json["target"]["exe"], "[redacted]");
    EXPECT_TRUE(json["target"]["container"]["compose"].is_null());
    EXPECT_EQ(json["kind"], "net.verdict");
    EXPECT_EQ(json["severity"], "high");
    EXPECT_NE(json["id"], "[redacted]");
}

// A document with "[redacted]" where an index wants an address or a number is refused as a whole.
TEST(Redaction, LeavesNumbersAddressesAndTimesOut) {
    const std::vector<std::string> paths = {"src.*", "target.pid", "target.inner", "first"};
    const auto native = seen(Format::Native, packet(), paths);
    EXPECT_FALSE(native.contains("src"));
    EXPECT_FALSE(native.contains("first"));
    EXPECT_FALSE(native["target"].contains("pid"));
    EXPECT_EQ(native["dst"]["port"], 5432);
    const auto ecs = seen(Format::Ecs, packet(), paths);
    EXPECT_FALSE(ecs.contains("source"));
    EXPECT_EQ(ecs["related"]["ip"], Json::array({"198.51.100.10"}));
    EXPECT_THAT(ecs.dump(), Not(HasSubstr("203.0.113.7")));
    EXPECT_THAT(ecs["message"].get<std::string>(), HasSubstr(" to 198.51.100.10 port 5432"));
    const auto ocsf = seen(Format::Ocsf, packet(), paths);
    EXPECT_FALSE(ocsf.contains("src_endpoint"));
    EXPECT_THAT(*encode(Format::Cef, packet(), 0, paths), Not(HasSubstr("203.0.113.7")));
}

TEST(Redaction, TakesWhatStandsBelowAPathAndKeepsItsShape) {
    const auto json = seen(Format::Native, packet(), {"target", "dst"});
    EXPECT_EQ(json["target"]["exe"], "[redacted]");
    EXPECT_EQ(json["target"]["container"]["name"], "[redacted]");
    EXPECT_FALSE(json.contains("dst"));
}

TEST(Redaction, OfTheSourceMeansTheBusiestSourcesToo) {
    const auto summary = line_of(
        event::Kind::NetSummary,
        {{"sources", Json::array({{{"ip", "203.0.113.7"}, {"count", 6}}})}, {"estimates", {"x"}}});
    EXPECT_EQ(seen(Format::Native, summary, {"src.ip"})["sources"], Json::array({{{"count", 6}}}));
    const auto all = seen(Format::Native, summary, {"sources.*", "estimates"});
    EXPECT_FALSE(all.contains("sources"));
    EXPECT_EQ(all["estimates"], Json::array({"[redacted]"}));
}

TEST(Redaction, SaysOfAPathWhetherItIsHidden) {
    for (const auto* glob : {"host.name", "host", "host.*", "*.name", "*"})
        EXPECT_TRUE(hides({"src.ip", glob}, "host.name")) << glob;
    for (const auto* glob : {"host.boot_id", "name", "hos"})
        EXPECT_FALSE(hides({glob}, "host.name")) << glob;
}

TEST(Redaction, RefusesPathsThatMeanNothing) {
    for (const auto* path : {"src.ip", "src", "process.*", "*.image", "*", "ban.until", "mode.to",
                             "exposure.published.host_ip", "errors.message"})
        EXPECT_TRUE(check_redact(path)) << path;
    const std::pair<const char*, const char*> rows[] = {{"src.ipp", "did you mean `src.ip`?"},
                                                        {"procss.exe", "`process.exe`"},
                                                        {"sources[].ip", "`sources.ip`"},
                                                        {"source.address.of.nobody", "src.ip"},
                                                        {"time", "severity stay"},
                                                        {"sink_seq", "severity stay"},
                                                        {"kin?", "severity stay"}};
    for (const auto& [path, hint] : rows) {
        SCOPED_TRACE(path);
        const auto refused = check_redact(path);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().hint, HasSubstr(hint));
        EXPECT_EQ(refused.error().code, ExitCode::Usage);
    }
}

TEST(Redaction, OfEveryFieldLeavesOneRecordInEveryFormat) {
    for (const auto& field : native_fields())
        for (const auto format : {Format::Native, Format::Ecs, Format::Ocsf, Format::Cef})
            EXPECT_TRUE(encode(format, packet(), 1, {std::string(field.path)})) << field.path;
}

// ---- the table of fields and the published schema ----------------------------------------------

FieldType type_in(const Json& schema) {
    const auto text = schema.dump();
    if (text.find("#/$defs/time") != std::string::npos) return FieldType::Time;
    if (text.find("#/$defs/address") != std::string::npos) return FieldType::Address;
    if (text.find("#/$defs/port") != std::string::npos) return FieldType::Number;
    if (text.find("\"integer\"") != std::string::npos) return FieldType::Number;
    return text.find("\"boolean\"") != std::string::npos ? FieldType::Flag : FieldType::Text;
}

using Fields = std::set<std::pair<std::string, FieldType>>;

// The node itself, what it refers to, its alternatives and its elements.
void collect(const Json& root, const Json& node, const std::string& path, Fields& into) {
    bool leaf = true;
    const auto below = [&](const Json& next) {
        leaf = false;
        collect(root, next, path, into);
    };
    if (const auto ref = text_at(node, "$ref");
        !ref.empty() && root.contains(Json::json_pointer(ref.substr(1))))
        if (const auto& target = root.at(Json::json_pointer(ref.substr(1)));
            target.contains("properties"))
            below(target);
    if (node.contains("anyOf"))
        for (const auto& one : node["anyOf"])
            if (text_at(one, "type") != "null") below(one);
    if (node.contains("items") && text_at(node, "items.type") != "string") below(node["items"]);
    if (node.contains("properties"))
        for (const auto& [key, value] : node["properties"].items()) {
            leaf = false;
            collect(root, value, path.empty() ? key : path + "." + key, into);
        }
    if (leaf) into.emplace(path, type_in(node));
}

TEST(NativeFields, AreThoseOfTheSchema) {
    const auto schema =
        Json::parse(content(PORTLID_SOURCE_DIR "/userspace/sink/schema/event.schema.json"));
    Fields published;
    collect(schema, schema, "", published);
    for (const auto* name : {"v", "id", "rev", "seq", "sink_seq", "time", "kind", "severity"})
        std::erase_if(published, [&](const auto& one) { return one.first == name; });
    Fields known;
    for (const auto& field : native_fields()) known.emplace(field.path, field.type);
    EXPECT_EQ(known, published);
}

}  // namespace
}  // namespace portlid::sink
