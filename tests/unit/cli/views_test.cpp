// SPDX-License-Identifier: Apache-2.0
#include "cli/event_view.hpp"
#include "cli/explain_view.hpp"
#include "cli/ports_view.hpp"
#include "cli/status_view.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// The line of a text that contains `part`.
std::string line_with(const std::string& text, const std::string& part) {
    const auto at = text.find(part);
    if (at == std::string::npos) return "no line with " + part;
    const auto begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
}

TEST_F(Cli, ShowsTheBypassInThePortsTable) {
    backend_.answers["/v1/ports"] = kPorts;
    ASSERT_EQ(portlid({"ports"}), 0);
    const auto row = line_with(console_.data, "5432");
    EXPECT_THAT(row, testing::MatchesRegex("0\\.0\\.0\\.0:5432 +tcp +shop-db-1 +DENY +public "
                                           "\\(bypass\\) +- +EXPOSED"));
    EXPECT_THAT(line_with(console_.data, ":22"), HasSubstr("[::]:22"));
    EXPECT_THAT(line_with(console_.data, ":22"), HasSubstr("public (some)"));
    EXPECT_THAT(line_with(console_.data, "6379"), HasSubstr("this host"));
    EXPECT_THAT(line_with(console_.data, "443"), HasSubstr("unused"));
    EXPECT_THAT(console_.messages, HasSubstr("1 exposed, 2 ok, 1 unused."));
    EXPECT_THAT(console_.messages, HasSubstr("portlid explain any to :5432/tcp"));
}

TEST_F(Cli, LeavesSocketsInsideContainersAwayUntilAsked) {
    backend_.answers["/v1/ports"] = kPorts;
    portlid({"ports"});
    EXPECT_THAT(console_.data, Not(HasSubstr("9000")));
    EXPECT_THAT(console_.messages, HasSubstr("1 inside containers: portlid ports --all"));
    portlid({"ports", "--all"});
    EXPECT_THAT(line_with(console_.data, "9000"), HasSubstr("abcdef012345 "));
    EXPECT_THAT(line_with(console_.data, "9000"), HasSubstr("its container"));
    portlid({"ports", "-o", "csv"});
    EXPECT_THAT(console_.data, HasSubstr("9000"));
}

TEST_F(Cli, PrintsPortsAsJsonLinesAndCsv) {
    backend_.answers["/v1/ports"] = kPorts;
    portlid({"ports", "-o", "json"});
    EXPECT_EQ(Json::parse(console_.data), Json::parse(kPorts));
    EXPECT_EQ(console_.messages, "");
    portlid({"ports", "-o", "jsonl"});
    EXPECT_EQ(std::count(console_.data.begin(), console_.data.end(), '\n'), 5);
    portlid({"ports", "-o", "csv"});
    EXPECT_THAT(console_.data, testing::StartsWith("host_bind,proto,holder,ufw_says,"));
    portlid({"ports", "-o", "wide"});
    EXPECT_THAT(line_with(console_.data, "5432"), HasSubstr("postgres:16"));
}

TEST_F(Cli, ExitsWith10OnlyWhenAskedAndSomethingIsExposed) {
    backend_.answers["/v1/ports"] = kPorts;
    EXPECT_EQ(portlid({"ports", "--exit-code"}), 10);
    EXPECT_EQ(portlid({"ports"}), 0);
    backend_.answers["/v1/ports"] = R"({"items":[]})";
    EXPECT_EQ(portlid({"ports", "--exit-code"}), 0);
    EXPECT_THAT(console_.messages, HasSubstr("nothing listens."));
}

TEST_F(Cli, ColoursOnlyWhenTold) {
    backend_.answers["/v1/ports"] = kPorts;
    portlid({"ports"});
    EXPECT_EQ(console_.data.find('\x1b'), std::string::npos);
    portlid({"ports", "--color", "always"});
    EXPECT_THAT(console_.data, HasSubstr("\x1b[31;1mEXPOSED\x1b[0m"));
}

TEST_F(Cli, CutsWideCellsToATerminalButNeverInAPipe) {
    const std::string name(200, 'n');
    const Json document = {
        {"items",
         {{{"port", 1}, {"host_netns", true}, {"holder", {{"comm", name}}}, {"verdict", "ok"}}}}};
    EXPECT_THAT(ports_table(document, {}).aligned(false), HasSubstr(name));
    const auto cut = ports_table(document, {}).aligned(false, 80);
    for (const auto part : {std::size_t{0}, cut.find('\n') + 1}) {
        const auto line = cut.substr(part, cut.find('\n', part) - part);
        EXPECT_LE(columns_of(line), 80U) << line;
    }
}

TEST_F(Cli, NeverLetsAnAnswerTakeOverTheTerminal) {
    const std::string hostile = "\x1b]0;owned\x07\n\xe2\x80\xae\xff";
    Json item = {{"transport", hostile}, {"address", hostile}, {"port", hostile},
                 {"host_netns", true},   {"verdict", hostile}, {"ufw", hostile},
                 {"service", hostile}};
    item["holder"] = {{"exe", hostile}, {"container", {{"name", hostile}}}};
    item["reach"] = {{{"zone", hostile}, {"now", "open"}}};
    const Json event = {{"kind", hostile},
                        {"time", hostile},
                        {"severity", hostile},
                        {hostile, hostile},
                        {"x", {{hostile, hostile}}}};
    const Json status = {{"mode", {{"effective", hostile}, {"requested", hostile}}},
                         {"policy", hostile},
                         {"hooks", {{{"name", hostile}, {"state", hostile}, {"why", hostile}}}},
                         {"sinks", {{{"name", hostile}, {"state", hostile}, {"why", hostile}}}},
                         {"events", {{"lost", {{hostile, 3}}}}},
                         {"interfaces", {{{"name", hostile}, {"why", hostile}}}}};
    const Json explanation = {{"verdict", hostile},
                              {"reason", hostile},
                              {"steps", {{{"where", hostile}, {"why", hostile}}}}};
    const PortsStyle wide{.wide = true};
    for (const auto& text :
         {ports_table({{"items", {item}}}, wide).aligned(false),
          ports_table({{"items", {item}}}, wide).csv(), event_line(event, false),
          status_text(status, {.wide = true}), explain_text(explanation, false)}) {
        EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
        EXPECT_EQ(text.find('\x07'), std::string::npos) << text;
        EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos) << text;
        EXPECT_EQ(text.find('\xff'), std::string::npos) << text;
    }
    EXPECT_EQ(event_line(event, false).find('\n'), std::string::npos);
}

TEST_F(Cli, SurvivesDocumentsOfAnyOtherShape) {
    for (const auto* body :
         {"[]", "{}", "7", "\"x\"", R"({"items":7,"interfaces":"x","hooks":{},"mode":[]})",
          R"({"items":[7,null,{},{"reach":7,"holder":[]}],"interfaces":[7],"hooks":[null]})",
          R"({"items":[{"port":-1,"reach":[null],"holder":{"container":{"id":7}}}]})"}) {
        SCOPED_TRACE(body);
        backend_.answers["/v1/"] = body;
        for (const auto* verb : {"ports", "status"})
            for (const auto* format : {"table", "wide", "json", "jsonl"})
                EXPECT_EQ(portlid({verb, "-o", format}), 0) << console_.messages;
        EXPECT_EQ(portlid({"explain", "any", ":1"}), 0);
    }
    for (const auto* body : {"", "nonsense", "{\"items\":", "null"}) {
        SCOPED_TRACE(body);
        backend_.answers["/v1/"] = body;
        EXPECT_EQ(portlid({"ports"}), 1);
    }
    backend_.answers["/v1/"] = std::string(100000, '[');
    EXPECT_EQ(portlid({"status"}), 1);
}

TEST(StatusView, SaysWhatAnOperatorMustNotMiss) {
    const auto document = Json::parse(R"({"schema":"portlid.status/v1","ready":true,
      "mode":{"requested":"enforce","effective":"monitor"},"generation":12,
      "policy":"sha256:0123456789abcdef0123","pending":{"deadline":"2026-03-01T10:15:02Z",
      "previous":11},"interfaces":[{"name":"eth0","zone":"public","attach":"generic",
      "mode":"monitor","why":"driver has no native XDP","packets":{"seen":1000,"passed":900,
      "dropped":100,"would_drop":7,"by_reason":{"no_service":100}}}],
      "hooks":[{"name":"post_bind4","state":"attached"},
      {"name":"lsm_listen","state":"unavailable","why":"not in lsm="}],
      "replies":{"flow_table":true,"conntrack":false},
      "events":{"emitted":5,"lost":{"ring":0,"queue":3}},
      "sinks":[{"name":"file:/x","state":"down","why":"No space left on device","lag":9}]})");
    const auto text = status_text(document, {});
    EXPECT_THAT(text, HasSubstr("monitor (requested enforce)"));
    EXPECT_THAT(text, HasSubstr("goes back to generation 11"));
    EXPECT_THAT(text, HasSubstr("lsm_listen unavailable (not in lsm=)"));
    EXPECT_THAT(text, HasSubstr("lost: queue 3"));
    EXPECT_THAT(text, HasSubstr("file:/x down (No space left on device), 9 events behind"));
    EXPECT_THAT(line_with(text, "eth0"), HasSubstr("driver has no native XDP"));
    EXPECT_THAT(text, Not(HasSubstr("no_service")));
    EXPECT_THAT(status_text(document, {.wide = true}), HasSubstr("no_service"));
}

TEST(ExplainView, WalksThroughTheStepsAndConcludes) {
    const auto document = Json::parse(R"x({"schema":"portlid.explain/v1","verdict":"would_drop",
      "enforced":"drop","reason":"no_service","rule":{"name":"public default",
      "source":"policy.yaml:6"},"steps":[{"where":"eth0 (zone public)","outcome":"would_drop",
      "why":"no service"},{"where":"docker","outcome":"DNAT","why":"-> 172.18.0.3:5432"}]})x");
    const auto text = explain_text(document, false);
    EXPECT_THAT(text, HasSubstr(" 1 eth0 (zone public)  would_drop  no service\n"));
    EXPECT_THAT(text, HasSubstr(" 2 docker              DNAT        -> 172.18.0.3:5432\n"));
    EXPECT_THAT(text, HasSubstr("=> would be dropped: no_service"));
    EXPECT_THAT(text, HasSubstr("rule: public default (policy.yaml:6)"));
}

TEST(Table, QuotesCsvAsRfc4180Says) {
    Table table({{"A B"}, {"C-D"}});
    table.add({"plain", "with, comma"});
    table.add({"with \"quote\"", "two\nlines"});
    EXPECT_EQ(table.csv(),
              "a_b,c_d\r\nplain,\"with, comma\"\r\n\"with \"\"quote\"\"\",\"two\nlines\"\r\n");
}

TEST(Table, AlignsByCharactersNotBytes) {
    Table table({{"NAME"}, {"N", true}});
    table.add({"äöü", "1"});
    table.add({"abcde", "22"});
    EXPECT_EQ(table.aligned(false), "NAME    N\näöü     1\nabcde  22\n");
}

}  // namespace
}  // namespace portlid::cli
