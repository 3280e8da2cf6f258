// SPDX-License-Identifier: Apache-2.0
// The verbs that change the sensor: what they send, and what they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "cli/json_access.hpp"
#include "unit/cli/support.hpp"

namespace portlid::cli {
namespace {

using ::testing::HasSubstr;

class RolloutVerbs : public Cli {
protected:
    void SetUp() override { ::unsetenv("SSH_CONNECTION"); }
    [[nodiscard]] Json sent() const { return Json::parse(backend_.posted); }
};

TEST_F(RolloutVerbs, ApplySendsAnAbsolutePathTheWindowAndTheCallersWayIn) {
    backend_.files.insert(std::filesystem::absolute("new.yaml"));
    backend_.answers["/v1/apply"] =
        R"({"generation":12,"mode":"enforce","pending":{"deadline":"2026-03-01T10:15:02Z"}})";
    ::setenv("SSH_CONNECTION", "203.0.113.7 50000 192.0.2.1 22", 1);
    EXPECT_EQ(portlid({"apply", "new.yaml", "--confirm-within", "60s"}), 0);
    EXPECT_EQ(sent()["file"], std::filesystem::absolute("new.yaml").string());
    EXPECT_EQ(sent()["confirm_within"], "60s");
    EXPECT_EQ(sent()["ssh_connection"], "203.0.113.7 50000 192.0.2.1 22");
    EXPECT_THAT(console_.data, HasSubstr("generation 12 is in force (enforce)"));
    EXPECT_THAT(console_.data, HasSubstr("portlid confirm"));
}

TEST_F(RolloutVerbs, ApplyOfAMissingFileIsAMistakeOfTheCaller) {
    EXPECT_EQ(portlid({"apply", "nowhere.yaml"}), 2);
    EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(RolloutVerbs, ModeSendsItsScope) {
    backend_.answers["/v1/mode"] = R"({"generation":3,"mode":"monitor","pending":null})";
    EXPECT_EQ(portlid({"mode", "monitor", "--zone", "public", "--rule", "ssh", "--for", "1h"}), 0);
    EXPECT_EQ(sent()["mode"], "monitor");
    EXPECT_EQ(sent()["zone"], "public");
    EXPECT_EQ(sent()["rule"], "ssh");
    EXPECT_EQ(sent()["for"], "1h");
    EXPECT_EQ(portlid({"mode", "off"}), 2);
}

TEST_F(RolloutVerbs, RollbackTakesTheNumberOfAGeneration) {
    backend_.answers["/v1/rollback"] = R"({"generation":9,"mode":"enforce","pending":null})";
    EXPECT_EQ(portlid({"rollback", "7"}), 0);
    EXPECT_EQ(sent()["generation"], 7);
    EXPECT_EQ(portlid({"rollback", "seven"}), 2);
}

TEST_F(RolloutVerbs, BanSaysUntilWhen) {
    backend_.answers["/v1/ban"] = R"({"source":"203.0.113.9","until":"2026-03-01T10:15:02Z"})";
    EXPECT_EQ(portlid({"ban", "203.0.113.9", "--for", "1h", "--reason", "ssh"}), 0);
    EXPECT_EQ(sent()["for"], "1h");
    EXPECT_THAT(console_.data, HasSubstr("203.0.113.9 is banned until 2026-03-01"));
}

TEST_F(RolloutVerbs, RollbackListsWhatWasInForceAndByWhom) {
    backend_.answers["/v1/generations"] =
        R"({"generation":5,"items":[{"generation":5,"state":"in force","time":"2026-03-01T10:15:02.1Z",)"
        R"("how":"apply","by":{"uid":0,"pid":77,"user":"root"},"file":"/etc/p.yaml",)"
        R"("text":"sha256:abcdef0123456789","confirmed":true,"modes":[],"copy_of":null},)"
        R"({"generation":2,"state":"earlier","time":"2026-03-01T09:00:00Z","how":"rollback",)"
        R"("by":{"uid":0,"pid":0,"user":"root"},"file":"/etc/p.yaml","text":"x","confirmed":true,)"
        R"("modes":[{"mode":"enforce","zone":null,"rule":"ssh"}],"copy_of":1}]})";
    EXPECT_EQ(portlid({"rollback", "--list"}), 0);
    EXPECT_EQ(backend_.asked, std::vector<std::string>{"/v1/generations"});
    EXPECT_THAT(console_.data, HasSubstr("root (uid 0, pid 77)"));
    EXPECT_THAT(console_.data, HasSubstr("2026-03-01T10:15:02Z"));
    EXPECT_THAT(console_.data, HasSubstr("rollback to 1"));
    EXPECT_THAT(console_.data, HasSubstr("enforce rule ssh"));
}

TEST_F(RolloutVerbs, UnbanTakesASourceAReasonBothOrAll) {
    backend_.answers["/v1/unban"] = R"({"lifted":["203.0.113.9","203.0.113.10"]})";
    EXPECT_EQ(portlid({"unban", "--reason", "fail2ban sshd"}), 0);
    EXPECT_EQ(sent(), (Json{{"reason", "fail2ban sshd"}}));
    EXPECT_THAT(console_.data, HasSubstr("2 sources are no longer banned"));
    EXPECT_EQ(portlid({"unban", "203.0.113.9", "--reason", "x", "--if-banned"}), 0);
    EXPECT_EQ(sent(), (Json{{"source", "203.0.113.9"}, {"reason", "x"}, {"if_banned", true}}));
    EXPECT_EQ(portlid({"unban", "--all"}), 0);
    EXPECT_EQ(sent(), (Json{{"all", true}}));
    backend_.answers["/v1/unban"] = R"({"lifted":[]})";
    EXPECT_EQ(portlid({"unban", "--all"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("nobody was banned"));
    EXPECT_EQ(portlid({"unban"}), 2);
    EXPECT_EQ(portlid({"unban", "--all", "203.0.113.9"}), 2);
}

TEST_F(RolloutVerbs, StatusAndDoctorSayThatARescueHoldsAndHowToLeaveIt) {
    backend_.answers["/v1/status"] =
        R"({"ready":true,"mode":{"requested":"enforce","effective":"monitor","capped":false,)"
        R"("rescue":{"why":"the file /etc/portlid/monitor exists","leave":"rm it"}}})";
    EXPECT_EQ(portlid({"status"}), 0);
    EXPECT_THAT(console_.data,
                HasSubstr("the file /etc/portlid/monitor exists: nothing is dropped"));
    EXPECT_THAT(console_.data, HasSubstr("next: rm it"));
    backend_.rescued = {"portlid.mode=monitor is on the kernel command line", "boot without it"};
    EXPECT_EQ(portlid({"doctor"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("kernel command line: a sensor here only monitors"));
    EXPECT_THAT(console_.data, HasSubstr("boot without it"));
    EXPECT_THAT(console_.data, HasSubstr("only monitors: the file /etc/portlid/monitor exists"));
}

TEST_F(RolloutVerbs, StatusListsWhatWasChangedAtRunTimeAndWhatIsLeftOfIt) {
    backend_.answers["/v1/status"] =
        R"({"ready":true,"overrides":{"bans":2,)"
        R"("modes":[{"mode":"enforce","zone":null,"rule":"ssh","remaining_s":59,"hits":7}],)"
        R"("allow":[{"ports":"8080/tcp","from":["203.0.113.9"],"zone":"public","remaining_s":null}],)"
        R"("sets":[{"set":"home","member":"203.0.113.7","change":"add","remaining_s":5}]}})";
    EXPECT_EQ(portlid({"status"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("mode enforce rule ssh, 59 s left, 7 hits"));
    EXPECT_THAT(console_.data,
                HasSubstr("allow 8080/tcp from 203.0.113.9 zone public, until ended by hand"));
    EXPECT_THAT(console_.data, HasSubstr("set add home 203.0.113.7, 5 s left"));
    EXPECT_THAT(console_.data, HasSubstr("2 bans: portlid bans"));
}

TEST_F(RolloutVerbs, BansListsWhatIsLeftAndWhatTheyCaught) {
    backend_.answers["/v1/bans"] =
        R"({"items":[{"source":"203.0.113.9","since":"T","remaining_s":59,"hits":3,"reason":null},)"
        R"({"source":"::/1","since":"T","remaining_s":null,"hits":0,"reason":"x"}]})";
    EXPECT_EQ(portlid({"bans"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("59 s"));
    EXPECT_THAT(console_.data, HasSubstr("for ever"));
}

TEST_F(RolloutVerbs, AllowAndSetSendWhatTheyWereTold) {
    backend_.answers["/v1/allow"] = R"({"rule":"allow 8080/tcp","until":null})";
    EXPECT_EQ(portlid({"allow", "8080/tcp", "--from", "203.0.113.9", "--for", "0"}), 0);
    EXPECT_EQ(sent()["from"], Json::array({"203.0.113.9"}));
    EXPECT_THAT(console_.data, HasSubstr("allow 8080/tcp until ended by hand"));
    backend_.answers["/v1/set"] = R"({"set":"home","member":"203.0.113.9","until":null})";
    EXPECT_EQ(portlid({"set", "del", "home", "203.0.113.9"}), 0);
    EXPECT_EQ(sent()["action"], "del");
    EXPECT_THAT(console_.data, HasSubstr("is no longer in home"));
}

TEST_F(RolloutVerbs, PlanComparesAFileWithWhatIsInForce) {
    const Json in_force = {{"generation", 4},
                           {"text",
                            "version: 1\nmode: enforce\nzones: { public: { interfaces: [eth0] } }\n"
                            "services: [{ name: ssh, ports: [22/tcp] }]\n"}};
    backend_.answers["/v1/policy"] = in_force.dump();
    const auto file = std::filesystem::temp_directory_path() / "portlid-plan-test.yaml";
    std::ofstream(file) << "version: 1\nmode: enforce\nzones: { public: { interfaces: [eth0] } }\n"
                           "services: [{ name: ssh, ports: [22/tcp] }, "
                           "{ name: web, ports: [80/tcp] }]\n";
    EXPECT_EQ(portlid({"plan", file.string()}), 0);
    EXPECT_THAT(console_.data, HasSubstr("80/tcp"));
    EXPECT_THAT(console_.data, testing::Not(HasSubstr("22/tcp")));
    EXPECT_EQ(portlid({"plan", file.string(), "--exit-code"}), 10);
    EXPECT_EQ(portlid({"plan", file.string(), "--replay", "soon"}), 2);
    std::filesystem::remove(file);
    EXPECT_EQ(portlid({"plan", file.string()}), 5);
}

TEST_F(RolloutVerbs, ARefusalKeepsItsExitCodeAndNextCommand) {
    backend_.refusal = Error{"this would lock you out", "add the rule", ExitCode::Failed, 0};
    EXPECT_EQ(portlid({"mode", "enforce"}), 1);
    EXPECT_THAT(console_.messages, HasSubstr("lock you out"));
    EXPECT_THAT(console_.messages, HasSubstr("add the rule"));
}

}  // namespace
}  // namespace portlid::cli
