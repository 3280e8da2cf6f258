// SPDX-License-Identifier: Apache-2.0
// `portlid verify` against a scripted sensor.
#include <unistd.h>

#include <fstream>

#include "support.hpp"

namespace portlid::cli {
namespace {

const std::string kRunning =
    R"({"schema":"portlid.verify/v1","state":"running","run":7,"asked":10,"of":100})";

std::string done(const std::string& differences, bool ok) {
    return R"({"schema":"portlid.verify/v1","state":"done","run":7,"ok":)" +
           std::string(ok ? "true" : "false") +
           R"(,"took_ms":1234,"asked":262144,"differing_ports":)" + (ok ? "0" : "1") +
           R"(,"code":[{"interface":"eth0","hook":"xdp","same":true}],
 "entrances":[{"interface":"eth0","zone":"public","hook":"xdp"}],
 "sources":[{"name":"anyone else","stranger":true,"ipv4":"198.51.100.77","ipv6":null},
            {"name":"office","stranger":false,"ipv4":"203.0.113.1","ipv6":null}],
 "addresses":["192.0.2.1"],"not_asked":["ipv6: this host has no address of the family"],
 "differences":[)" +
           differences + R"(],
 "matrix":[
  {"zone":"public","protocol":"tcp","family":"ipv4","source":"anyone else","source_index":0,
   "to":"192.0.2.1","named":false,"allow":["80"],"would_drop":["6000-6001"],"drop":["0-79"]},
  {"zone":"public","protocol":"udp","family":"ipv4","source":"anyone else","source_index":0,
   "to":"192.0.2.1","named":false,"allow":[],"would_drop":[],"drop":["0-65535"]},
  {"zone":"public","protocol":"tcp","family":"ipv4","source":"office","source_index":1,
   "to":"192.0.2.1","named":false,"allow":["0-65535"],"would_drop":[],"drop":[]}]})";
}

const char* const kDifference =
    R"({"zone":"public","interface":"eth0","protocol":"tcp","family":"ipv4","source":"anyone else",
 "from":"198.51.100.77","to":"192.0.2.1","ports":"5432",
 "kernel":{"verdict":"allow","reason":"allowed"},"policy":{"verdict":"drop","reason":"no_service"}})";

class VerifyVerb : public Cli {
protected:
    void SetUp() override {
        backend_.answers["/v1/verify"] = kRunning;
        backend_.answers["/v1/verify?run=7"] = done("", true);
    }
    void TearDown() override {
        if (!scan_.empty()) ::unlink(scan_.c_str());
    }
    std::string scan(const std::string& ports) {
        scan_ = testing::TempDir() + "portlid-scan-" + std::to_string(::getpid()) + ".xml";
        std::ofstream(scan_) << "<nmaprun><host><status state=\"up\"/><address addr=\"192.0.2.1\" "
                                "addrtype=\"ipv4\"/><ports>"
                             << ports << "</ports></host></nmaprun>";
        return scan_;
    }
    static std::string port(int number, const std::string& state) {
        return "<port protocol=\"tcp\" portid=\"" + std::to_string(number) + "\"><state state=\"" +
               state + "\"/></port>";
    }

private:
    std::string scan_;
};

TEST_F(VerifyVerb, WaitsForTheRunAndShowsTheMatrix) {
    EXPECT_EQ(portlid({"verify"}), 0);
    EXPECT_EQ(backend_.asked, (std::vector<std::string>{"/v1/verify", "/v1/verify?run=7"}));
    EXPECT_THAT(console_.data, testing::HasSubstr("anyone else"));
    EXPECT_THAT(console_.data, testing::HasSubstr("80"));
    EXPECT_THAT(console_.data, testing::HasSubstr("6000-6001"));
    EXPECT_THAT(console_.data, testing::ContainsRegex("office .* all"));
    EXPECT_THAT(console_.messages,
                testing::HasSubstr("262144 questions in 1.2 s: kernel and policy agree"));
    EXPECT_THAT(console_.messages, testing::HasSubstr("not asked: ipv6"));
    EXPECT_THAT(console_.messages, testing::Not(testing::HasSubstr("%"))) << "no terminal";
}

TEST_F(VerifyVerb, ExitsOneAndNamesThePortWhenKernelAndPolicyDiffer) {
    backend_.answers["/v1/verify?run=7"] = done(kDifference, false);
    EXPECT_EQ(portlid({"verify"}), 1);
    EXPECT_THAT(console_.data, testing::ContainsRegex("5432 .*allow \\(allowed\\).*drop"));
    EXPECT_THAT(console_.messages, testing::HasSubstr("differ on 1 port;"));
}

TEST_F(VerifyVerb, PrintsTheDocumentAsItCame) {
    EXPECT_EQ(portlid({"verify", "-o", "json"}), 0);
    EXPECT_EQ(nlohmann::json::parse(console_.data),
              nlohmann::json::parse(backend_.answers["/v1/verify?run=7"]));
}

TEST_F(VerifyVerb, ComparesAScanFromOutside) {
    const auto file = scan(port(5432, "open") + port(80, "filtered") + port(6000, "open"));
    EXPECT_EQ(portlid({"verify", "--nmap", file}), 0);
    EXPECT_THAT(console_.data, testing::ContainsRegex("5432 .*leak"));
    EXPECT_THAT(console_.data, testing::ContainsRegex("80 .*blocked"));
    EXPECT_THAT(console_.data, testing::ContainsRegex("6000 .*exposed"));
    EXPECT_EQ(portlid({"verify", "--nmap", file, "--exit-code"}), 10);
    EXPECT_EQ(portlid({"verify", "--nmap", file, "-o", "json"}), 0);
    const auto document = nlohmann::json::parse(console_.data);
    EXPECT_EQ(document["scan"]["compared"], 3);
    EXPECT_EQ(document["scan"]["findings"].size(), 3U);
}

TEST_F(VerifyVerb, CallsAScanThatFitsNoFinding) {
    const auto file = scan(port(80, "open") + port(5432, "filtered"));
    EXPECT_EQ(portlid({"verify", "--nmap", file, "--exit-code"}), 0);
}

TEST_F(VerifyVerb, AsksAsTheScannerWhoseAddressIsGiven) {
    const auto file = scan(port(80, "open"));
    EXPECT_EQ(portlid({"verify", "--nmap", file, "--from", "2001:DB8::9"}), 2)
        << "the scripted answer knows no scanner";
    EXPECT_EQ(backend_.asked.front(), "/v1/verify?scanner=2001%3Adb8%3A%3A9");
    EXPECT_EQ(portlid({"verify", "--nmap", file, "--from", "nowhere"}), 2);
    EXPECT_EQ(portlid({"verify", "--from", "192.0.2.9"}), 2) << "without a scan";
}

TEST_F(VerifyVerb, RefusesAScanThatItCannotReadBeforeItAsksTheSensor) {
    EXPECT_EQ(portlid({"verify", "--nmap", "/nonexistent/scan.xml"}), 1);
    EXPECT_TRUE(backend_.asked.empty());
    EXPECT_EQ(portlid({"verify", "--zone", "x"}), 2);
}

TEST_F(VerifyVerb, PassesOnWhatTheSensorRefuses) {
    backend_.answers.clear();
    EXPECT_EQ(portlid({"verify"}), 3);
}

}  // namespace
}  // namespace portlid::cli
