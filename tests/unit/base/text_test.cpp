// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace portlid {
namespace {

TEST(Printable, LeavesHonestTextAlone) {
    for (const auto* text : {"", "nginx: worker", "größe", "日本語", "🐳"})
        EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesWhatCouldForgeALineOrTakeATerminal) {
    struct Row {
        const char* what;
        std::string text;
        std::string shown;
    };
    for (const auto& row :
         {Row{"newline", "a\nb", "a\\u000ab"}, Row{"escape", "\x1b[31m", "\\u001b[31m"},
          Row{"delete", "\x7f", "\\u007f"}, Row{"C1", "\xc2\x9b", "\\u009b"},
          Row{"bidi override", "\xe2\x80\xae", "\\u202e"},
          Row{"isolate", "\xe2\x81\xa6", "\\u2066"},
          Row{"line separator", "\xe2\x80\xa8", "\\u2028"},
          Row{"byte order mark", "\xef\xbb\xbf", "\\ufeff"},
          Row{"NUL", std::string("a\0b", 3), "a\\u0000b"}}) {
        SCOPED_TRACE(row.what);
        EXPECT_EQ(printable(row.text), row.shown);
    }
}

TEST(Printable, ReplacesBytesThatAreNoUtf8) {
    const std::string mark = "\xef\xbf\xbd";
    EXPECT_EQ(printable("\xff"), mark);
    EXPECT_EQ(printable("a\xc3"), "a" + mark);
    EXPECT_EQ(printable("\xc0\xaf"), mark + mark);             // overlong
    EXPECT_EQ(printable("\xed\xa0\x80"), mark + mark + mark);  // surrogate
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), mark + mark + mark + mark);
}

TEST(Printable, CutsOnACharacter) {
    EXPECT_EQ(printable("abcdef", 3), "abc");
    EXPECT_EQ(printable("aéé", 4), "aé");
    EXPECT_EQ(printable("a\n", 4), "a");
}

TEST(FixedText, StopsAtTheFirstNulOrTheEnd) {
    const char with_nul[8] = {'a', 'b', '\0', 'c'};
    const char full[3] = {'a', 'b', 'c'};
    EXPECT_EQ(fixed_text(with_nul), "ab");
    EXPECT_EQ(fixed_text(full), "abc");
}

TEST(Nearest, FindsWhatWasMeantAndNothingFarAway) {
    constexpr std::array<std::string_view, 4> words = {"status", "ports", "events", "explain"};
    EXPECT_EQ(nearest("statsu", words), "status");
    EXPECT_EQ(nearest("port", words), "ports");
    EXPECT_EQ(nearest("ports", words), "ports");
    EXPECT_EQ(nearest("firewall", words), "");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest("x", {}), "");
}

TEST(Glob, MatchesStarsAndQuestionMarksOverTheWholeText) {
    struct Row {
        const char* pattern;
        const char* text;
        bool match;
    };
    for (const auto& row :
         {Row{"wg*", "wg0", true}, Row{"wg*", "wg", true}, Row{"wg*", "awg0", false},
          Row{"*", "", true}, Row{"", "", true}, Row{"", "a", false}, Row{"eth?", "eth0", true},
          Row{"eth?", "eth", false}, Row{"eth?", "eth10", false}, Row{"a*b*c", "aXbYbZc", true},
          Row{"a*b*c", "aXbYbZ", false}, Row{"[a]", "a", false}, Row{"[a]", "[a]", true},
          Row{"*a*", "bab", true}})
        EXPECT_EQ(glob_match(row.pattern, row.text), row.match) << row.pattern << " " << row.text;
}

TEST(Glob, TakesNoTimeOnAPatternMadeToHang) {
    const std::string stars = "*a*a*a*a*a*a*a*a*a*a*a*a*b";
    EXPECT_FALSE(glob_match(stars, std::string(20000, 'a')));
}

TEST(Split, KeepsEmptyPieces) {
    EXPECT_THAT(split("a,,b,", ','), testing::ElementsAre("a", "", "b", ""));
    EXPECT_THAT(split("", ','), testing::ElementsAre(""));
}

TEST(PrintableLines, KeepsLineBreaksAndNothingElse) {
    EXPECT_EQ(printable_lines("a\n  b\x1b[31m\n\r", 100), "a\n  b\\u001b[31m\n\\u000d");
    EXPECT_EQ(printable_lines("ab\ncd", 4), "ab\nc");
}

TEST(Trim, TakesOnlyWhatIsAtTheEnds) {
    EXPECT_EQ(trim(" \ta b\r"), "a b");
    EXPECT_EQ(trim(" \t\r"), "");
    EXPECT_EQ(trim(""), "");
}

}  // namespace
}  // namespace portlid
