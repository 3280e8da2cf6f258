// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <fstream>

#include "cli/json_access.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string finding(const char* key, const char* severity = "high") {
    return std::string(R"({"id":"PL002","name":"no_service","severity":")") + severity +
           R"(","what":")" + key + R"( is open","where":{},"why":"because","fix":"do it","key":")" +
           key + R"("})";
}

std::string document(const std::string& findings) {
    return R"({"schema":"portlid.audit/v1","summary":{"critical":0,"high":1,"medium":0,"low":0,)"
           R"("info":0},"findings":[)" +
           findings + "]}";
}

class AuditVerb : public Cli {
protected:
    AuditVerb() { backend_.answers["/v1/audit"] = document(finding("one") + "," + finding("two")); }
    ~AuditVerb() override { ::unlink(baseline_.c_str()); }
    std::string save(const std::string& text) {
        std::ofstream(baseline_) << text;
        return baseline_;
    }
    std::string baseline_ = testing::TempDir() + "portlid-audit-" + std::to_string(::getpid());
};

TEST_F(AuditVerb, PrintsEachFindingWithWhyAndWhatToDo) {
    ASSERT_EQ(portlid({"audit"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("PL002  high      one is open\n"));
    EXPECT_THAT(console_.data, HasSubstr("why:  because"));
    EXPECT_THAT(console_.data, HasSubstr("next: do it"));
    EXPECT_THAT(console_.messages, HasSubstr("2 findings: 1 high."));
}

TEST_F(AuditVerb, ExitsWith10OnFindingsOnlyWhenAsked) {
    EXPECT_EQ(portlid({"audit", "--exit-code"}), 10);
    EXPECT_EQ(portlid({"audit", "--exit-code", "-o", "json"}), 10);
    backend_.answers["/v1/audit"] = document("");
    EXPECT_EQ(portlid({"audit", "--exit-code"}), 0);
    EXPECT_EQ(console_.data, "");
}

TEST_F(AuditVerb, ABaselineLeavesWhatIsNewAndWhatIsGone) {
    const auto file = save(document(finding("one") + "," + finding("old")));
    ASSERT_EQ(portlid({"audit", "--baseline", file}), 0);
    EXPECT_THAT(console_.data, HasSubstr("+ PL002  high      two is open"));
    EXPECT_THAT(console_.data, HasSubstr("- PL002  high      old is open"));
    EXPECT_THAT(console_.data, Not(HasSubstr("one is open")));
    EXPECT_THAT(console_.messages, HasSubstr("1 new finding: 1 high; 1 gone."));
    EXPECT_EQ(portlid({"audit", "--baseline", file, "--exit-code", "-o", "json"}), 10);
    const auto shown = Json::parse(console_.data);
    EXPECT_EQ(shown["findings"].size(), 1U);
    EXPECT_EQ(shown["gone"][0]["key"], "old");
    ASSERT_EQ(portlid({"audit", "--baseline", file, "-o", "jsonl"}), 0);
    EXPECT_THAT(console_.data, HasSubstr(R"("change":"new")"));
}

TEST_F(AuditVerb, WhatItPrintedIsABaselineWithoutNews) {
    ASSERT_EQ(portlid({"audit", "-o", "json"}), 0);
    const auto file = save(console_.data);
    EXPECT_EQ(portlid({"audit", "--baseline", file, "--exit-code"}), 0);
    EXPECT_EQ(console_.data, "");
}

TEST_F(AuditVerb, RefusesABaselineThatIsNone) {
    for (const auto& text : {std::string("{"), std::string("[]"), std::string(kPorts),
                             document("").insert(1, R"("baseline":"x",)")}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(portlid({"audit", "--baseline", save(text)}), 1);
        EXPECT_EQ(console_.data, "");
        EXPECT_THAT(console_.messages, HasSubstr("portlid audit -o json > known.json"));
    }
    EXPECT_EQ(portlid({"audit", "--baseline", "/nonexistent"}), 1);
    EXPECT_THAT(console_.messages, HasSubstr("/nonexistent"));
    EXPECT_TRUE(backend_.asked.empty()) << "the sensor was asked all the same";
}

TEST_F(AuditVerb, SaysSoWhenNoSensorRuns) {
    backend_.answers.clear();
    EXPECT_EQ(portlid({"audit"}), 3);
}

}  // namespace
}  // namespace portlid::cli
