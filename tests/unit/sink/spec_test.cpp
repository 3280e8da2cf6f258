// SPDX-License-Identifier: Apache-2.0
#include "sink/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/sink.hpp"

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

TEST(SinkSpec, SaysWhichSinksAndFormatsAreNotBuiltYet) {
    for (const auto* spec : {"journald", "syslog+udp://h:514", "syslog+tcp://h",
                             "syslog+tls://h:6514", "https://siem.example/in?format=ecs",
                             "-?format=ecs", "file:/x?format=ocsf", "file:/x?format=cef"}) {
        SCOPED_TRACE(spec);
        const auto refused = parse_spec(spec);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message,
                    HasSubstr("is not built yet in this version (issue: SIEM exports)"));
        EXPECT_EQ(refused.error().code, ExitCode::Usage);
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

TEST(SinkSpec, CanBeCheckedWithoutOpeningAnything) {
    EXPECT_TRUE(check_sink("file:/no/such/directory/x"));
    EXPECT_FALSE(check_sink("https://x"));
    EXPECT_FALSE(open_sink("file:/no/such/directory/x"));
}

}  // namespace
}  // namespace portlid::sink
