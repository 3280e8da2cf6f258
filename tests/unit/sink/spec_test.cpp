// SPDX-License-Identifier: Apache-2.0
#include "sink/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portlid::sink {
namespace {

using testing::HasSubstr;

TEST(SinkSpec, TakesStdoutAndFilesWithTheNativeFormat) {
    EXPECT_EQ(parse_spec("-")->kind, SinkKind::Stdout);
    EXPECT_EQ(parse_spec("-?format=native")->name, "-");
    const auto file = parse_spec("file:/var/log/a b.jsonl?format=native");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->path, "/var/log/a b.jsonl");
    EXPECT_EQ(file->name, "file:/var/log/a b.jsonl");
}

TEST(SinkSpec, TakesEverySinkOfTheContract) {
    const auto tls = parse_spec("syslog+tls://siem.example:6514?format=ecs&ca=/etc/ca.pem");
    ASSERT_TRUE(tls);
    EXPECT_EQ(tls->kind, SinkKind::SyslogTls);
    EXPECT_EQ(tls->host, "siem.example");
    EXPECT_EQ(tls->port, 6514);
    EXPECT_EQ(tls->format, Format::Ecs);
    EXPECT_EQ(tls->ca, "/etc/ca.pem");
    EXPECT_EQ(tls->name, "syslog+tls://siem.example:6514");
    EXPECT_EQ(parse_spec("syslog+udp://10.0.0.1")->port, 514);
    EXPECT_EQ(parse_spec("syslog+tcp://[2001:db8::1]:601")->host, "2001:db8::1");
    EXPECT_EQ(parse_spec("journald?format=ocsf")->kind, SinkKind::Journald);
    const auto https = parse_spec("https://h/in?pipeline=x&format=ocsf&preset=elasticsearch");
    ASSERT_TRUE(https);
    EXPECT_EQ(https->url, "https://h/in?pipeline=x");
    EXPECT_EQ(https->preset, Preset::Elasticsearch);
}

TEST(SinkSpec, RefusesWhatIsNoAddress) {
    for (const auto* spec :
         {"syslog+tls://", "syslog+tls:siem", "syslog+udp://h:0", "syslog+udp://h:65536",
          "syslog+udp://h:x", "syslog+tcp://h/path", "https://user:secret@h/", "journald:x",
          "syslog+tcp://[::1", "syslog+udp://a b", "syslog+tcp://h?ca=/x", "-?token=/x",
          "syslog+tls://h?cert=/x", "https://h?preset=kafka"}) {
        SCOPED_TRACE(spec);
        const auto refused = parse_spec(spec);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ExitCode::Usage);
        EXPECT_EQ(refused.error().message.find("secret@"), std::string::npos);
    }
}

TEST(SinkSpec, SuggestsTheWordThatWasMeant) {
    struct Row {
        const char* spec;
        const char* hint;
    };
    for (const auto& row :
         {Row{"fil:/x", "`file`"}, Row{"jurnald", "`journald`"}, Row{"-?format=nativ", "`native`"},
          Row{"-?fromat=native", "`format`"}, Row{"file", "`file`"}}) {
        SCOPED_TRACE(row.spec);
        const auto refused = parse_spec(row.spec);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().hint, HasSubstr(row.hint));
        EXPECT_EQ(refused.error().code, ExitCode::Usage);
    }
}

// A query may hold a key: status, metrics, the log and `export list` show these two.
TEST(SinkSpec, HidesTheQueryOfAnAddress) {
    const auto spec = parse_spec("https://h/in?code=s3cret&format=ecs");
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->url, "https://h/in?code=s3cret");
    EXPECT_EQ(spec->name, "https://h/in?…");
    EXPECT_EQ(spec->target, "https://h/in?…");
    EXPECT_EQ(parse_spec("https://h/in")->target, "https://h/in");
    const auto refused = parse_spec("https://h:0/in?code=s3cret");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos);
}

TEST(SinkSpec, RefusesATokenInPlaceOfItsFileWithoutRepeatingIt) {
    const auto refused = parse_spec("https://h/?token=hunter2secret");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("`token` wants the path of a file (or a "));
    EXPECT_EQ((refused.error().message + refused.error().hint).find("hunter2"), std::string::npos);
    EXPECT_TRUE(parse_spec("https://h/?token=/etc/portlid/token"));
}

TEST(SinkSpec, NamesTheKeyThatDoesNotFit) {
    SinkSpec spec{.kind = SinkKind::Https, .target = "https://h/"};
    const auto key_of = [&](std::initializer_list<std::string_view> given) {
        const auto wrong = find_misfit(spec, std::vector<std::string_view>(given));
        return wrong ? wrong->key : "";
    };
    spec.index = "main";
    EXPECT_EQ(key_of({"preset", "index"}), "index");
    spec.preset = Preset::Splunk;
    EXPECT_EQ(key_of({"preset", "index", "spool"}), "");
    spec.preset = Preset::Elasticsearch;
    for (const auto* name : {"portlid-ecs", "logs-portlid.net-prod", "<portlid-{now/d}>"}) {
        spec.index = name;
        EXPECT_EQ(key_of({"index"}), "") << name;
    }
    for (const auto* name : {"bad index", "Portlid", "_all", "a*", ".."}) {
        spec.index = name;
        EXPECT_EQ(key_of({"index"}), "index") << name;
    }
    EXPECT_EQ(key_of({"rotate"}), "rotate");
    EXPECT_EQ(key_of({"ca"}), "ca");  // empty
    spec.cert = "/c";
    EXPECT_EQ(key_of({"cert"}), "cert");  // without its key
    spec = {.kind = SinkKind::Stdout, .target = "-"};
    EXPECT_EQ(key_of({"spool"}), "spool");
    EXPECT_EQ(key_of({"preset"}), "preset");
}

TEST(SinkSpec, RefusesTwoSinksThatWriteOneFileOrAreOne) {
    EXPECT_TRUE(parse_specs({"-", "file:/a", "file:/b", "journald", "https://h/?x=1"}));
    const std::vector<std::string> rows[] = {{"file:/a", "file:/x/../a"},
                                             {"-", "-?format=ecs"},
                                             {"journald", "journald?format=ecs"},
                                             {"https://h/?x=1", "https://h/?x=2"}};
    for (const auto& row : rows) {
        const auto refused = parse_specs(row);
        ASSERT_FALSE(refused) << row.back();
        EXPECT_EQ(refused.error().code, ExitCode::Usage);
    }
}

TEST(SinkSpec, RefusesAFileWithoutAnAbsolutePath) {
    EXPECT_FALSE(parse_spec("file:"));
    EXPECT_FALSE(parse_spec("file:events.jsonl"));
    EXPECT_FALSE(parse_spec(std::string("file:/a\0b", 9)));
}

TEST(SinkSpec, ShowsHostileTextEscaped) {
    const auto refused = parse_spec("\x1b[31mred\n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.find('\x1b'), std::string::npos);
    EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace portlid::sink
