// SPDX-License-Identifier: Apache-2.0
// The files that an operator sees: every refusal has a file in policy/invalid with its exact
// message, and everything we ship as an example is accepted.
#include <sstream>

#include "policy/check.hpp"
#include "policy/policy_tests.hpp"
#include "policy/show.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

struct Expectation {
    std::string message;
    std::string at;
    LoadOptions options;
};

std::string after(const std::string& line, const std::string& prefix) {
    return line.rfind(prefix, 0) == 0 ? line.substr(prefix.size()) : std::string();
}

Expectation read_expectation(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    Expectation expected;
    std::string line;
    std::getline(file, line);
    expected.message = after(line, "# expect: ");
    std::getline(file, line);
    expected.at = after(line, "# at: ");
    std::getline(file, line);
    expected.options.strict = line == "# with: strict";
    return expected;
}

std::vector<std::filesystem::path> yaml_files(const std::string& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(kPolicyDirectory / directory))
        if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

bool has(const LoadOutcome& outcome, const Expectation& expected) {
    for (const auto& found : outcome.diagnostics) {
        const auto at = std::to_string(found.line) + ":" + std::to_string(found.column);
        if (!found.warning && found.message == expected.message && at == expected.at) return true;
    }
    return false;
}

TEST(InvalidPolicies, AreRefusedWithTheMessageAndThePlaceThatTheyAnnounce) {
    const auto files = yaml_files("invalid");
    ASSERT_GT(files.size(), 70U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.filename());
        const auto expected = read_expectation(file);
        ASSERT_FALSE(expected.message.empty());
        const auto outcome = check_file(file, expected.options);
        EXPECT_FALSE(outcome.ok());
        EXPECT_TRUE(has(outcome, expected)) << all_of(outcome);
    }
}

TEST(InvalidPolicies, ThatOnlyStrictRefusesLoadWithAWarningOtherwise) {
    const auto outcome = check_file(kPolicyDirectory / "invalid/failsafe-for-everybody.yaml");
    EXPECT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.diagnostics.size(), 1U);
}

TEST(ShippedPolicies, LoadAndCompile) {
    auto files = yaml_files("examples");
    for (auto& file : yaml_files("valid")) files.push_back(std::move(file));
    files.push_back(kPolicyDirectory / "default.yaml");
    ASSERT_GE(files.size(), 60U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.filename());
        const auto outcome = check_file(file);
        EXPECT_TRUE(outcome.ok()) << all_of(outcome);
    }
}

TEST(ShippedPolicies, PassTheirOwnTests) {
    for (const auto& file : yaml_files("examples")) {
        const auto outcome = load_file(file);
        ASSERT_TRUE(outcome.ok()) << all_of(outcome);
        ASSERT_FALSE(outcome.policy.tests.empty());
        const auto tested = check_own_tests(outcome.policy);
        EXPECT_TRUE(tested) << tested.error().message;
    }
}

TEST(ShippedPolicies, NeverDropAnythingByDefault) {
    const auto outcome = load_file(kPolicyDirectory / "default.yaml");
    const auto policy = compile(outcome.policy);
    ASSERT_TRUE(policy);
    EXPECT_FALSE(enforces(*policy->image));
    EXPECT_EQ(judge_tcp(*policy, "203.0.113.9", 8080).verdict, VERDICT_would_drop);
}

}  // namespace
}  // namespace portlid::policy::test
