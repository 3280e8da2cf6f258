// SPDX-License-Identifier: Apache-2.0
#include "cli/program.hpp"

#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;

TEST_F(Cli, ExplainsItselfWithoutArguments) {
    EXPECT_EQ(portlid({}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("portlid needs a verb"));
    EXPECT_EQ(portlid({"--help"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("Examples:"));
    EXPECT_THAT(console_.data, HasSubstr("Exit codes:"));
}

TEST_F(Cli, HasEveryVerbOfTheContractWithAHelpThatTeaches) {
    for (const auto* verb :
         {"run",    "status",  "ports",    "events",     "explain", "policy", "plan",
          "apply",  "confirm", "rollback", "mode",       "learn",   "import", "ban",
          "unban",  "bans",    "allow",    "set",        "audit",   "verify", "detach",
          "doctor", "export",  "version",  "completion", "top",     "report"}) {
        SCOPED_TRACE(verb);
        EXPECT_EQ(portlid({verb, "--help"}), 0);
        EXPECT_THAT(console_.data, HasSubstr("Examples:"));
        EXPECT_THAT(console_.data, HasSubstr(std::string("portlid ") + verb));
    }
    for (const auto* verb : {"check", "show", "test", "diff", "schema", "export"}) {
        SCOPED_TRACE(verb);
        EXPECT_EQ(portlid({"policy", verb, "--help"}), 0);
        EXPECT_THAT(console_.data, HasSubstr(std::string("portlid policy ") + verb));
    }
}

TEST_F(Cli, SuggestsTheVerbOrFlagThatWasMeant) {
    struct Row {
        std::vector<std::string> words;
        const char* message;
        const char* hint;
    };
    const Row rows[] = {
        {{"statsu"}, "portlid has no verb `statsu`", "did you mean `status`?"},
        {{"port"}, "has no verb", "did you mean `ports`?"},
        {{"policy", "chek", "x"}, "portlid policy has no verb `chek`", "did you mean `check`?"},
        {{"run", "--polcy", "x"}, "portlid run has no flag `--polcy`", "did you mean `--policy`?"},
        {{"ports", "--al"}, "portlid ports has no flag", "did you mean `--all`?"},
        {{"ports", "--colour=never"}, "has no flag `--colour=never`", "did you mean `--color`?"},
        {{"ports", "-o", "jsn"}, "`jsn` is not one of", "portlid ports --help"},
        {{"run", "--mode", "enfroce"}, "did you mean `enforce`?", "portlid run --help"},
        {{"status", "extra"}, "portlid status does not take the word `extra`", "--help"},
        {{"events", "--since", "10"}, "is not a duration", "portlid events --help"},
        {{"events", "--verdict", "would-drop"}, "is no verdict", "`would_drop`"},
        {{"explain"}, "portlid explain", "--help"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(testing::PrintToString(row.words));
        EXPECT_EQ(portlid(row.words), 2);
        EXPECT_THAT(console_.messages, HasSubstr(row.message));
        EXPECT_THAT(console_.messages, HasSubstr(row.hint));
        EXPECT_THAT(console_.messages, testing::StartsWith("portlid: "));
        EXPECT_EQ(console_.data, "");
    }
}

TEST_F(Cli, SaysOfEveryLaterVerbThatItIsNotBuiltYetAndWhatToDoInstead) {
    const std::vector<std::vector<std::string>> rows = {
        {"top"},
        {"report", "--html", "f"},
    };
    for (const auto& words : rows) {
        SCOPED_TRACE(testing::PrintToString(words));
        EXPECT_EQ(portlid(words), 2);
        EXPECT_THAT(console_.messages, HasSubstr("is not built yet in this version"));
        EXPECT_THAT(console_.messages, HasSubstr("  next: "));
    }
}

TEST_F(Cli, TakesCommonFlagsBeforeAndAfterTheVerb) {
    backend_.answers["/v1/status"] = R"({"ready":true})";
    EXPECT_EQ(portlid({"-o", "json", "--socket", "/a", "status"}), 0);
    EXPECT_EQ(backend_.asked_socket, "/a");
    EXPECT_THAT(console_.data, HasSubstr("{\"ready\":true}"));
    EXPECT_EQ(portlid({"status", "-o", "json", "--socket", "/b"}), 0);
    EXPECT_EQ(backend_.asked_socket, "/b");
}

TEST_F(Cli, TakesTheSocketFromTheEnvironmentUnlessAFlagSaysOtherwise) {
    ::setenv("PORTLID_SOCKET", "/from/env.sock", 1);
    portlid({"status"});
    EXPECT_EQ(backend_.asked_socket, "/from/env.sock");
    portlid({"--socket", "/flag", "status"});
    EXPECT_EQ(backend_.asked_socket, "/flag");
    ::unsetenv("PORTLID_SOCKET");
    portlid({"status"});
    EXPECT_EQ(backend_.asked_socket, "/run/portlid/portlid.sock");
}

TEST_F(Cli, TurnsAnErrorIntoTwoLinesOnStderrAndItsExitCode) {
    EXPECT_EQ(portlid({"status"}), 3);
    EXPECT_EQ(console_.messages,
              "portlid: no sensor is running at /run/portlid/portlid.sock\n"
              "  next: sudo portlid run\n");
    backend_.refusal = Error{"no permission", "sudo", ExitCode::NoPermission, 0};
    EXPECT_EQ(portlid({"ports"}), 4);
}

TEST_F(Cli, RefusesAFormThatAVerbDoesNotHave) {
    EXPECT_EQ(portlid({"status", "-o", "csv"}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("-o takes table, json, jsonl, wide"));
    EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(Cli, PrintsItsVersion) {
    EXPECT_EQ(portlid({"version"}), 0);
    EXPECT_THAT(console_.data, testing::MatchesRegex("portlid [0-9.]+\n"));
    EXPECT_EQ(portlid({"--version"}), 0);
    EXPECT_THAT(console_.data, testing::MatchesRegex("portlid [0-9.]+\n"));
}

TEST_F(Cli, ShowsHostileArgumentsEscaped) {
    EXPECT_EQ(portlid({"\x1b[31mred\n"}), 2);
    EXPECT_EQ(console_.messages.find('\x1b'), std::string::npos);
    EXPECT_EQ(portlid({"events", "--since", "\x1b[31m"}), 2);
    EXPECT_EQ(console_.messages.find('\x1b'), std::string::npos);
}

TEST(ErrorText, IndentsWhatComesOnSeveralLines) {
    EXPECT_EQ(error_text({"a:1:2: bad\na:3:4: worse", "fix it", ExitCode::Usage, 0}),
              "portlid: a:1:2: bad\n  a:3:4: worse\n  next: fix it\n");
}

TEST(Color, FollowsFlagEnvironmentAndTerminal) {
    CaptureConsole console;
    ::unsetenv("NO_COLOR");
    ::setenv("TERM", "xterm", 1);
    EXPECT_FALSE(console.color(ColorChoice::Auto));
    EXPECT_TRUE(console.color(ColorChoice::Always));
    console.terminal = true;
    EXPECT_TRUE(console.color(ColorChoice::Auto));
    EXPECT_FALSE(console.color(ColorChoice::Never));
    ::setenv("NO_COLOR", "1", 1);
    EXPECT_FALSE(console.color(ColorChoice::Auto));
    ::unsetenv("NO_COLOR");
    ::setenv("TERM", "dumb", 1);
    EXPECT_FALSE(console.color(ColorChoice::Auto));
}

}  // namespace
}  // namespace portlid::cli
