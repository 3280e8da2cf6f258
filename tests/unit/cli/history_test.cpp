// SPDX-License-Identifier: Apache-2.0
// The verbs that read the history: learn, plan --replay, events --since.
#include <fstream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/json_access.hpp"
#include "history/flow.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

history::Flow used(const char* source, std::uint16_t port) {
    history::Flow flow;
    flow.source = *IpAddress::parse(source);
    flow.zone = "public";
    flow.protocol = 6;
    flow.port = {port};
    flow.verdict = VERDICT_would_drop;
    flow.why = REASON_no_service;
    flow.destination = *IpAddress::parse("198.51.100.10");
    flow.destination_kind = "own";
    flow.listener = true;
    auto target = std::make_shared<history::Target>();
    target->exe = "/usr/sbin/sshd";
    flow.target = std::move(target);
    flow.first = flow.last = wall_now();
    flow.packets = 10;
    flow.syns = 1;
    flow.acks = 9;
    return flow;
}

class HistoryVerbs : public Cli {
protected:
    void SetUp() override {
        const Json in_force = {
            {"generation", 4},
            {"text", "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0] } }\n"}};
        backend_.answers["/v1/policy"] = in_force.dump();
        backend_.answers["/v1/history?what="] = "{\"run\":7}\n";
    }
    void one_page(const std::string& lines) {
        backend_.answers["/v1/history?run=7"] = "{\"next\":null}\n" + lines;
    }
};

TEST_F(HistoryVerbs, LearnPrintsAPolicyThatChecks) {
    one_page(history::to_line(used("203.0.113.8", 22)) + "\n" +
             history::to_line(used("203.0.113.9", 22)) + "\n");
    ASSERT_EQ(portlid({"learn", "--since", "1h"}), 0) << console_.messages;
    EXPECT_THAT(console_.data, HasSubstr("  - name: \"sshd\"\n    ports: [22/tcp]\n"
                                         "    from: [\"203.0.113.8\", \"203.0.113.9\"]\n"));
    EXPECT_THAT(console_.data, HasSubstr("20 packets of 2 sources; /usr/sbin/sshd"));
    EXPECT_THAT(backend_.asked[1], HasSubstr("what=flows&since_ns="));
    const auto file = std::filesystem::temp_directory_path() / "portlid-learnt-test.yaml";
    std::ofstream(file) << console_.data;
    EXPECT_EQ(portlid({"policy", "check", file.string()}), 0) << console_.messages;
    std::filesystem::remove(file);
}

TEST_F(HistoryVerbs, LearnOfNothingSaysSoAndPrintsNoPolicy) {
    one_page("");
    EXPECT_EQ(portlid({"learn"}), 1);
    EXPECT_EQ(console_.data, "");
    EXPECT_THAT(console_.messages, HasSubstr("nothing was used in the last 7d"));
    EXPECT_EQ(portlid({"learn", "--since", "yesterday"}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("is not a duration"));
    one_page("{\"no\":\"flow\"}\n");
    EXPECT_EQ(portlid({"learn"}), 1);
    EXPECT_THAT(console_.messages, HasSubstr("not understood"));
}

TEST_F(HistoryVerbs, PlanReplayNamesWhomTheNewPolicyCuts) {
    one_page(history::to_line(used("203.0.113.8", 22)) + "\n" +
             history::to_line(used("203.0.113.9", 22)) + "\n");
    const auto file = std::filesystem::temp_directory_path() / "portlid-replay-test.yaml";
    std::ofstream(file) << "version: 1\nmode: enforce\nzones: { public: { interfaces: [eth0] } }\n"
                           "services: [{ name: ssh, ports: [22/tcp], from: [203.0.113.9] }]\n";
    ASSERT_EQ(portlid({"plan", file.string(), "--replay", "1h"}), 0) << console_.messages;
    EXPECT_THAT(console_.data, HasSubstr("2 flows, 2 judged differently; 1 cut, 1 of them in use"));
    EXPECT_THAT(console_.data, HasSubstr("would_drop -> drop"));
    ASSERT_EQ(portlid({"plan", file.string(), "--replay", "1h", "-o", "json"}), 0);
    const auto document = Json::parse(console_.data);
    EXPECT_EQ(document["replay"]["cut_uses"], 1);
    EXPECT_EQ(document["replay"]["changed"][0]["source"], "203.0.113.8");
    std::filesystem::remove(file);
}

TEST_F(HistoryVerbs, EventsSinceJoinsDiskAndMemoryWithoutADouble) {
    const auto line = [](std::uint64_t seq, std::chrono::minutes ago, const char* severity) {
        return fmt::format(
            "{{\"v\":1,\"id\":\"{0}\",\"rev\":0,\"seq\":{0},\"time\":\"{1}\",\"kind\":"
            "\"sensor.heartbeat\",\"severity\":\"{2}\"}}\n",
            seq, to_rfc3339(wall_now() - ago), severity);
    };
    using std::chrono::minutes;
    backend_.answers["/v1/events"] = line(5, minutes(2), "info") + line(6, minutes(1), "high");
    one_page(line(3, minutes(40), "info") + line(4, minutes(30), "high") +
             line(5, minutes(2), "info"));
    ASSERT_EQ(portlid({"events", "--since", "1h", "-o", "jsonl"}), 0);
    std::vector<std::uint64_t> told;
    for (const auto text : split(console_.data, '\n'))
        if (!text.empty()) told.push_back(Json::parse(text)["seq"]);
    EXPECT_THAT(told, testing::ElementsAre(3, 4, 5, 6));
    ASSERT_EQ(portlid({"events", "--since", "1h", "--severity", "high", "-o", "jsonl"}), 0);
    EXPECT_THAT(backend_.asked, testing::Contains(HasSubstr("severity=3")));
    EXPECT_THAT(console_.data, Not(HasSubstr("\"info\"")));
    ASSERT_EQ(portlid({"events", "--since", "1h", "--first", "2", "-o", "jsonl"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("\"seq\":4"));
    EXPECT_THAT(console_.data, Not(HasSubstr("\"seq\":5")));
    EXPECT_EQ(portlid({"events", "--severity", "hihg"}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("info|low|medium|high|critical"));
}

TEST_F(HistoryVerbs, StatusSaysWhatIsRipeAndTheCommandForIt) {
    const auto rule = [](const char* name, int clean, bool ripe) {
        return Json{{"name", name},        {"mode", "monitor"}, {"days_observed", 9},
                    {"days_clean", clean}, {"days_needed", 7},  {"hits", 12},
                    {"would_drops", 3},    {"ripe", ripe},      {"last_would_drop", nullptr}};
    };
    const Json document = {{"ready", true},
                           {"history", {{"state", "up"}, {"bytes", 3145728}, {"lost", 2}}},
                           {"rules", {rule("ssh", 2, false), rule("public default", 8, true)}}};
    backend_.answers["/v1/status"] = document.dump();
    ASSERT_EQ(portlid({"status", "-v"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("5 more clean days"));
    EXPECT_THAT(console_.data, HasSubstr("sudo portlid mode enforce --rule 'public default' "
                                         "--confirm-within 5m"));
    EXPECT_THAT(console_.data, HasSubstr("3.0 MiB, 2 records lost"));
    ASSERT_EQ(portlid({"status"}), 0);
    EXPECT_THAT(console_.data, Not(HasSubstr("mode enforce")));
}

}  // namespace
}  // namespace portlid::cli
