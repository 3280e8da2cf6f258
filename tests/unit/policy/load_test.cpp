// SPDX-License-Identifier: Apache-2.0
#include "policy/load.hpp"

#include <sys/stat.h>

#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kLoadZone = "zones: { public: { interfaces: [uplink], default: drop } }\n";

// The example of the contract, key for key.
constexpr const char* kEverything = R"(version: 1
mode: monitor
zones:
  public:
    interfaces: [uplink]
    default: drop
    existing: 10m
    catch_all: true
  vpn:
    interfaces: ["wg*", tailscale0]
    default: allow
sets:
  office: [203.0.113.7, 2001:db8:77::/48]
  spammers: { file: spammers.netset }
management: [office]
deny: [spammers]
services:
  - name: web
    ports: [80/tcp, 443/tcp, 443/udp]
  - name: ssh
    ports: [22/tcp]
    from: [office]
    limit: { new: 6/30s, exempt: [office] }
    mode: enforce
  - name: metrics
    ports: [9100/tcp, 9400-9410/tcp]
    zones: [vpn]
    addresses: [10.8.0.1]
  - name: shop
    ports: [8443/tcp]
    owner: { container: "shop-web-*" }
icmp: { ping: allow }
protocols: [esp, gre]
transit: allow
routed: []
failsafe:
  - { ports: [22/tcp], from: [office] }
labels: { ceiling: [ { ports: [8000-8999/tcp], from: [office], for: 24h } ] }
binds:
  default: record
  allow: [ { ports: [80/tcp], owner: { container: "web-*" } } ]
include: policy.d/*.yaml
tests:
  - { from: 198.51.100.9, to: 5432/tcp, zone: public, expect: drop }
)";

class Everything : public testing::Test {
protected:
    void SetUp() override {
        directory_.write("spammers.netset", "# list\n192.0.2.0/24\n\n2001:db8:bad::/48 # v6\r\n");
        directory_.write("policy.d/10-db.yaml",
                         "services:\n  - { name: db, ports: [5432/tcp], from: [office] }\n");
        outcome_ = load_file(directory_.write("policy.yaml", kEverything));
    }
    TemporaryDirectory directory_;
    LoadOutcome outcome_;
};

TEST_F(Everything, LoadsWithoutAnError) {
    EXPECT_TRUE(outcome_.ok()) << all_of(outcome_);
}

TEST_F(Everything, KeepsZonesInTheOrderOfTheFile) {
    const auto& zones = outcome_.policy.zones;
    ASSERT_EQ(zones.size(), 2U);
    EXPECT_EQ(zones[0].name, "public");
    EXPECT_EQ(zones[0].existing, std::chrono::minutes(10));
    EXPECT_TRUE(zones[0].catch_all);
    EXPECT_EQ(zones[1].default_action, Action::Allow);
    EXPECT_FALSE(zones[1].existing);
    EXPECT_EQ(zones[0].place.line, 4U);
}

TEST_F(Everything, ResolvesSetsOfTextAndOfFiles) {
    const auto& policy = outcome_.policy;
    EXPECT_EQ(policy.management.size(), 2U);
    ASSERT_EQ(policy.deny.size(), 2U);
    EXPECT_EQ(policy.deny[0].to_string(), "192.0.2.0/24");
    EXPECT_EQ(policy.deny[1].to_string(), "2001:db8:bad::/48");
    EXPECT_EQ(policy.sets[1].file, "spammers.netset");
}

TEST_F(Everything, ReadsEveryPartOfAService) {
    const auto& services = outcome_.policy.services;
    ASSERT_EQ(services.size(), 5U);
    EXPECT_EQ(services[0].ports.size(), 3U);
    EXPECT_TRUE(services[0].from_any);
    EXPECT_FALSE(services[1].from_any);
    EXPECT_EQ(services[1].from_text, std::vector<std::string>{"office"});
    EXPECT_EQ(services[1].mode, Mode::Enforce);
    ASSERT_TRUE(services[1].limit);
    EXPECT_EQ(services[1].limit->new_flows, 6U);
    EXPECT_EQ(services[1].limit->per, std::chrono::seconds(30));
    EXPECT_EQ(services[1].limit->exempt_members.size(), 2U);
    EXPECT_EQ(to_string(services[2].ports[1]), "9400-9410/tcp");
    EXPECT_EQ(services[2].addresses.front(), address("10.8.0.1"));
    EXPECT_EQ(services[3].owner->matches.at("container"), "shop-web-*");
}

TEST_F(Everything, MergesIncludesAndNamesTheirFiles) {
    const auto& service = outcome_.policy.services.back();
    EXPECT_EQ(service.name, "db");
    EXPECT_EQ(service.place.file, (directory_.path() / "policy.d/10-db.yaml").string());
    EXPECT_EQ(service.place.line, 2U);
}

TEST_F(Everything, ReadsTheSingleKeys) {
    const auto& policy = outcome_.policy;
    EXPECT_EQ(policy.protocols, (std::vector<std::uint8_t>{47, 50}));
    EXPECT_EQ(policy.failsafe.size(), 1U);
    EXPECT_EQ(policy.label_ceiling.front().for_at_most, std::chrono::hours(24));
    EXPECT_FALSE(policy.binds_refuse);
    EXPECT_EQ(policy.binds_allow.size(), 1U);
    ASSERT_EQ(policy.tests.size(), 1U);
    EXPECT_EQ(policy.tests[0].to.first_host, 5432);
    EXPECT_EQ(policy.tests[0].expect, Action::Drop);
}

TEST_F(Everything, SaysOfNothingThatItIsNotApplied) {
    const auto text = all_of(outcome_);
    EXPECT_EQ(text.find("not applied"), std::string::npos) << text;
    EXPECT_EQ(text.find("not enforced"), std::string::npos) << text;
}

TEST_F(Everything, HasATextHashThatCoversIncludesAndSetFiles) {
    const auto before = outcome_.text_hash;
    EXPECT_EQ(load_file(directory_.path() / "policy.yaml").text_hash, before);
    directory_.write("spammers.netset", "192.0.2.0/25\n");
    EXPECT_NE(load_file(directory_.path() / "policy.yaml").text_hash, before);
}

TEST(Load, ReportsEveryErrorInTheOrderOfTheFile) {
    const auto outcome = load(
        "version: 1\nmode: enfroce\nzones:\n  public: { interfaces: uplink }\n"
        "services:\n  - { name: a, ports: [0/tcp] }\n  - { ports: [80] }\n");
    ASSERT_EQ(outcome.diagnostics.size(), 5U) << all_of(outcome);
    for (std::size_t i = 1; i < outcome.diagnostics.size(); ++i)
        EXPECT_LE(outcome.diagnostics[i - 1].line, outcome.diagnostics[i].line);
    EXPECT_EQ(to_string(outcome.diagnostics[0]),
              "policy.yaml:2:7: `mode` must be monitor or enforce, not `enfroce`");
}

TEST(Load, AcceptsWindowsLineEndsAndAByteOrderMark) {
    const auto outcome =
        load("\xef\xbb\xbfversion: 1\r\nzones:\r\n  a: { interfaces: [eth0] }\r\n");
    EXPECT_TRUE(outcome.ok()) << all_of(outcome);
}

TEST(Load, CountsColumnsInCharacters) {
    const auto outcome = load(
        "version: 1\n\"d\xc3\xa9j\xc3\xa0\": 1\nzones: { a: {interfaces: [x]},"
        " \"\xc3\xa9\": {} }\n");
    ASSERT_EQ(outcome.diagnostics.size(), 2U) << all_of(outcome);
    EXPECT_EQ(outcome.diagnostics[1].column, 32U);
}

TEST(Load, TakesPortNamesFromTheServiceList) {
    const auto policy =
        policy_of(std::string(kLoadZone) + "services: [{ name: a, ports: [ssh/tcp] }]");
    EXPECT_EQ(policy.services[0].ports[0].first_host, 22);
}

TEST(Load, UnderstandsForeverAndZeroForExistingFlows) {
    const auto policy = policy_of(
        "zones:\n  a: { interfaces: [x], existing: forever }\n"
        "  b: { interfaces: [y], existing: 0 }\n");
    EXPECT_FALSE(policy.zones[0].existing);
    EXPECT_EQ(policy.zones[1].existing, std::chrono::nanoseconds(0));
}

TEST(Load, RefusesAnEnforcingPolicyWithoutAWayInButNotAMonitoringOne) {
    const std::string text = std::string("version: 1\n") + kLoadZone;
    EXPECT_TRUE(load(text).ok());
    EXPECT_FALSE(load(text + "mode: enforce\n").ok());
    const auto failsafe = "failsafe: [{ ports: [22/tcp], from: [192.0.2.7] }]\n";
    EXPECT_TRUE(load(text + "mode: enforce\n" + failsafe).ok());
    EXPECT_TRUE(
        load("version: 1\nmode: enforce\nzones: { a: { interfaces: [x], default: allow } }").ok());
}

TEST(Load, TreatsAnEmptySetAsNoWayIn) {
    const auto outcome = load(std::string("version: 1\nmode: enforce\n") + kLoadZone +
                              "sets: { home: [] }\n"
                              "services: [{ name: ssh, ports: [22/tcp], from: [home] }]\n");
    EXPECT_FALSE(outcome.ok());
}

TEST(Load, TurnsWarningsIntoErrorsWhenStrict) {
    const std::string text = std::string("version: 1\n") + kLoadZone;
    EXPECT_TRUE(load(text).ok());
    EXPECT_FALSE(load(text, {.strict = true}).ok());
}

TEST(Load, RefusesATextAboveOneMebibyte) {
    const auto text = "version: 1\n" + std::string(kLoadZone) + "#" + std::string(1U << 20U, 'x');
    const auto outcome = load(text);
    ASSERT_EQ(outcome.diagnostics.size(), 1U);
    EXPECT_EQ(to_string(outcome.diagnostics[0]), "policy.yaml: the file is larger than 1 MiB");
    const TemporaryDirectory directory;
    EXPECT_FALSE(load_file(directory.write("big.yaml", text)).ok());
}

TEST(Load, KeepsTheNumberOfComplaintsBounded) {
    std::string text = std::string("version: 1\n") + kLoadZone + "sets:\n  a:\n";
    for (int i = 0; i < 5000; ++i) text += "    - nonsense\n";
    EXPECT_LE(load(text).diagnostics.size(), 200U);
}

TEST(Load, StopsReadingASetFileThatIsNoSetFile) {
    const TemporaryDirectory directory;
    std::string junk;
    for (int i = 0; i < 1000; ++i) junk += "<html>\n";
    directory.write("junk.netset", junk);
    const auto outcome =
        load_file(directory.write("p.yaml", std::string("version: 1\n") + kLoadZone +
                                                "sets: { a: { file: junk.netset } }\n"));
    EXPECT_FALSE(outcome.ok());
    EXPECT_LE(outcome.diagnostics.size(), 22U);
    EXPECT_EQ(outcome.diagnostics[0].source_line, "<html>");
}

TEST(Load, ShowsHostileTextEscaped) {
    const auto outcome = load("version: 1\n\"a\\e[2Jb\": 1\n" + std::string(kLoadZone));
    ASSERT_FALSE(outcome.diagnostics.empty());
    EXPECT_EQ(outcome.diagnostics[0].message, "unknown key `a\\u001b[2Jb` in the policy");
}

TEST(Load, SurvivesTheLibraryBeingFedRubbish) {
    for (const auto* text :
         {"",        "\n",        "-",           "[",         "{",    "}",
          "a: b: c", "\"",        "'",           "&",         "*",    "!",
          "|",       ">",         "%",           "@",         "`",    "? ? ?",
          "{a",      "[a,",       "a:\n- b\n c", "...",       "---",  "%YAML 9.9\n---\n",
          "{? ",     "- - - - -", "\xff",        "a: !<x> b", "<<: 1"})
        EXPECT_FALSE(load(text).ok()) << text;
}

TEST(Load, DoesNotSlowDownWithTheSquareOfALongFile) {
    std::string sets;
    std::string names;
    for (int i = 0; i < 20000; ++i) {
        sets += "s" + std::to_string(i) + ": [], ";
        names += "t" + std::to_string(i) + ", ";
    }
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = load(std::string("version: 1\n") + kLoadZone + "sets: {" + sets +
                              "}\ndeny: [" + names + "]\n");
    EXPECT_FALSE(outcome.ok());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Load, RefusesTheSameSourceTwiceInOneList) {
    const auto outcome =
        load(std::string("version: 1\n") + kLoadZone + "deny: [192.0.2.1, 192.0.2.1]\n");
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.diagnostics[0].message, "`192.0.2.1` is named twice");
}

class Ownership : public testing::Test {
protected:
    LoadOutcome load_checked(const std::filesystem::path& path) {
        return load_file(path, {.check_ownership = true});
    }
    TemporaryDirectory directory_;
    std::filesystem::path file_ =
        directory_.write("policy.yaml", std::string("version: 1\n") + kLoadZone);
};

TEST_F(Ownership, AcceptsAFileThatOnlyItsOwnerMayWrite) {
    ::chmod(file_.c_str(), 0644);
    EXPECT_TRUE(load_checked(file_).ok());
}

TEST_F(Ownership, RefusesAFileThatOthersMayWriteAndNamesTheCure) {
    ::chmod(file_.c_str(), 0646);
    const auto outcome = load_checked(file_);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.diagnostics[0].message, "group or others may write the file (mode 0646)");
    EXPECT_EQ(outcome.diagnostics[0].hint, "chmod go-w '" + file_.string() + "'");
    EXPECT_TRUE(load_file(file_).ok());
}

TEST_F(Ownership, RefusesASymbolicLink) {
    const auto link = directory_.path() / "link.yaml";
    std::filesystem::create_symlink(file_, link);
    const auto outcome = load_checked(link);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.diagnostics[0].message, "the file is a symbolic link");
    EXPECT_TRUE(load_file(link).ok());
}

TEST_F(Ownership, RefusesWhatIsNoFileWithoutHanging) {
    const auto fifo = directory_.path() / "fifo.yaml";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_FALSE(load_checked(fifo).ok());
    EXPECT_FALSE(load_checked(directory_.path()).ok());
    EXPECT_FALSE(load_checked(directory_.path() / "missing.yaml").ok());
}

TEST_F(Ownership, ExtendsToIncludesAndSetFiles) {
    const auto included = directory_.write("policy.d/a.yaml", "sets: { a: { file: a.set } }\n");
    const auto set = directory_.write("a.set", "192.0.2.1\n");
    directory_.write("policy.yaml", std::string("version: 1\ninclude: policy.d/*\n") + kLoadZone);
    EXPECT_TRUE(load_checked(file_).ok());
    ::chmod(set.c_str(), 0666);
    EXPECT_FALSE(load_checked(file_).ok());
    ::chmod(set.c_str(), 0600);
    ::chmod(included.c_str(), 0666);
    EXPECT_FALSE(load_checked(file_).ok());
}

}  // namespace
}  // namespace portlid::policy::test
