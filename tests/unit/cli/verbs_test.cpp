// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <fstream>

#include "cli/json_access.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using kernel::CheckState;
using testing::HasSubstr;

const std::string kPolicyFile = std::string(PORTLID_SOURCE_DIR) + "/policy/default.yaml";

TEST_F(Cli, AsksTheDaemonToExplain) {
    backend_.answers["/v1/explain"] = R"({"verdict":"drop","reason":"no_service","steps":[]})";
    ASSERT_EQ(portlid({"explain", "any", "to", "[2001:db8::1]:53/udp", "--interface", "eth0"}), 0);
    EXPECT_EQ(backend_.asked.back(),
              "/v1/explain?source=any&destination=%5B2001%3Adb8%3A%3A1%5D%3A53%2Fudp"
              "&interface=eth0");
    EXPECT_THAT(console_.data, HasSubstr("=> dropped: no_service"));
}

TEST_F(Cli, ExplainsFromAPolicyFileWithoutADaemon) {
    ASSERT_EQ(portlid({"explain", "203.0.113.9", ":5432", "--offline", "--policy", kPolicyFile,
                       "-o", "json"}),
              0)
        << console_.messages;
    const auto document = Json::parse(console_.data);
    EXPECT_EQ(document["schema"], "portlid.explain/v1");
    EXPECT_EQ(document["enforced"], "drop");
    EXPECT_EQ(document["reason"], "no_service");
    EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(Cli, RefusesAQuestionThatItDoesNotUnderstand) {
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"explain", "any", "from", ":80"},
                                               {"explain", "any", ":99999"},
                                               {"explain", "nobody", ":80"},
                                               {"explain", "any", ":80/sctp"},
                                               {"explain", "any", ":80", "--offline"},
                                               {"explain", "any", ":80", "--offline", "--policy",
                                                kPolicyFile, "--zone", "nowhere"}}) {
        SCOPED_TRACE(testing::PrintToString(words));
        EXPECT_EQ(portlid(words), 2);
        EXPECT_TRUE(backend_.asked.empty());
    }
}

TEST_F(Cli, ChecksAndShowsAPolicy) {
    EXPECT_EQ(portlid({"policy", "check", kPolicyFile}), 0);
    EXPECT_THAT(console_.data, HasSubstr("default.yaml: ok"));
    EXPECT_EQ(portlid({"policy", "check", "-o", "json", kPolicyFile}), 0);
    EXPECT_EQ(Json::parse(console_.data)["ok"], true);
    EXPECT_EQ(portlid({"policy", "show", kPolicyFile}), 0);
    EXPECT_THAT(console_.data, HasSubstr("version: 1"));
}

TEST_F(Cli, TestsAPolicyOfflineAndExitsWith1WhenATestFails) {
    const auto example = std::string(PORTLID_SOURCE_DIR) + "/policy/examples/web-host.yaml";
    EXPECT_EQ(portlid({"policy", "test", example}), 0);
    EXPECT_THAT(console_.data, HasSubstr("4 tests, 0 failed"));
    const std::string wrong = "from 198.51.100.9 to 22/tcp zone public expect allow";
    EXPECT_EQ(portlid({"policy", "test", example, "--packet", wrong, "-o", "tap"}), 1);
    EXPECT_THAT(console_.data, HasSubstr("not ok 5 - " + wrong));
    EXPECT_THAT(console_.messages, HasSubstr("portlid explain 198.51.100.9 to :22/tcp"));
    EXPECT_EQ(portlid({"policy", "test", example, "--packet", "from 198.51.100.9 to 22/tcp"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("is drop (source_not_allowed: ssh"));
    EXPECT_EQ(portlid({"policy", "test", example, "--packet", "hello"}), 2);
    EXPECT_EQ(portlid({"policy", "test", kPolicyFile}), 0);
    EXPECT_THAT(console_.messages, HasSubstr("has no tests"));
    EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(Cli, ComparesTwoPoliciesOffline) {
    const auto example = std::string(PORTLID_SOURCE_DIR) + "/policy/examples/web-host.yaml";
    EXPECT_EQ(portlid({"policy", "diff", kPolicyFile, example}), 0);
    EXPECT_THAT(console_.data, HasSubstr("+ public: 80/tcp, 443/tcp, 443/udp opens to everybody"));
    EXPECT_THAT(console_.data, HasSubstr("~ zone public mode: monitor -> enforce"));
    EXPECT_EQ(portlid({"policy", "diff", "--exit-code", "-o", "json", example, kPolicyFile}), 10);
    EXPECT_EQ(Json::parse(console_.data)["schema"], "portlid.diff/v1");
    EXPECT_EQ(portlid({"policy", "diff", "--exit-code", example, example}), 0);
    EXPECT_EQ(portlid({"policy", "diff", example, "/nonexistent"}), 5);
}

TEST_F(Cli, ExitsWith5OnAnInvalidPolicy) {
    const std::string path = testing::TempDir() + "portlid-cli-invalid.yaml";
    std::ofstream(path) << "version: 1\nmode: monitr\n";
    EXPECT_EQ(portlid({"policy", "check", path}), 5);
    EXPECT_THAT(console_.messages, HasSubstr(path + ":2:7"));
    EXPECT_EQ(console_.data, "");
    EXPECT_EQ(portlid({"policy", "check", "-o", "json", path}), 5);
    EXPECT_EQ(Json::parse(console_.data)["ok"], false);
    EXPECT_EQ(portlid({"policy", "show", path}), 5);
    EXPECT_EQ(portlid({"policy", "test", path}), 5);
    EXPECT_EQ(portlid({"policy", "test", "-o", "json", path}), 5);
    EXPECT_EQ(Json::parse(console_.data)["errors"][0]["line"], 2);
    EXPECT_EQ(portlid({"explain", "any", ":1", "--offline", "--policy", path}), 5);
    ::unlink(path.c_str());
    EXPECT_EQ(portlid({"policy", "check", path}), 5);
}

TEST_F(Cli, DetachesWhatASensorLeftButNotARunningOne) {
    ASSERT_EQ(portlid({"detach"}), 0);
    EXPECT_EQ(backend_.detached, "/sys/fs/bpf/portlid");
    EXPECT_THAT(console_.data, HasSubstr("removed 3 links and 7 maps"));
    backend_.detached.clear();
    backend_.answers["/v1/status"] = "{}";
    EXPECT_EQ(portlid({"detach"}), 1);
    EXPECT_THAT(console_.messages, HasSubstr("a sensor is running"));
    EXPECT_TRUE(backend_.detached.empty());
    EXPECT_EQ(portlid({"detach", "--bpffs", "/sys/fs/bpf/other"}), 0);
    EXPECT_EQ(backend_.detached, "/sys/fs/bpf/other");
}

TEST_F(Cli, DoctorSaysWhatToDoAboutWhatIsDegraded) {
    backend_.checks = {{"btf", CheckState::Ok, "/sys/kernel/btf/vmlinux", ""},
                       {"tcx", CheckState::Degraded, "no tcx links", "Linux 6.6 has them"}};
    backend_.files = {"/run/docker.sock", "/usr/sbin/nft"};
    backend_.engine = R"({"Platform":{"Name":"Docker"},"Version":"20.10","ApiVersion":"1.41"})";
    ASSERT_EQ(portlid({"doctor", "--interface", "eth9"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("degraded  no tcx links"));
    EXPECT_THAT(console_.data, HasSubstr("next:     Linux 6.6 has them"));
    EXPECT_THAT(console_.data, HasSubstr("interface eth9"));
    EXPECT_THAT(console_.data, HasSubstr("Docker 20.10, API 1.41"));
    EXPECT_THAT(console_.data, HasSubstr("present at /usr/sbin/nft"));
    EXPECT_THAT(console_.data, HasSubstr("not running on"));
    ASSERT_EQ(portlid({"doctor", "-o", "json"}), 0);
    EXPECT_EQ(Json::parse(console_.data)["schema"], "portlid.doctor/v1");
}

TEST_F(Cli, DoctorFailsWhenSomethingNeededIsMissing) {
    backend_.checks = {{"btf", CheckState::Missing, "no BTF", "another kernel"}};
    EXPECT_EQ(portlid({"doctor"}), ::geteuid() == 0 ? 6 : 4);
}

TEST_F(Cli, DoctorNamesAnEngineThatDoesNotAnswer) {
    backend_.files = {"/run/docker.sock"};
    ASSERT_EQ(portlid({"doctor"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("cannot open unix:///run/docker.sock"));
    backend_.engine = "<html>";
    ASSERT_EQ(portlid({"doctor", "--docker", "unix:///x"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("its answer is not JSON"));
}

}  // namespace
}  // namespace portlid::cli
