// SPDX-License-Identifier: Apache-2.0
// Which programs are asked when, and what becomes of those that hang, lie or are not there.
#include "nat/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "nat/run_program.hpp"

namespace portlid::nat {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const char* const kChains = R"({"nftables":[
 {"chain":{"family":"ip","table":"nat","name":"PREROUTING","type":"nat","hook":"prerouting"}},
 {"chain":{"family":"inet","table":"nv","name":"pre","type":"nat","hook":"prerouting"}},
 {"chain":{"family":"inet","table":"big","name":"in","type":"filter","hook":"input"}}]})";
const char* const kSaved =
    "*nat\n-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n";

class Reader : public ::testing::Test {
protected:
    Reader() {
        char name[] = "/tmp/portlid-nat-XXXXXX";
        if (::mkdtemp(name) == nullptr) ADD_FAILURE() << "mkdtemp failed";
        sources_.proc_net = name;
        sources_.run = [this](const std::vector<std::string>& words) -> Result<std::string> {
            std::string line;
            for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
            asked_.push_back(line);
            const auto known = says_.find(line);
            if (known == says_.end()) return fail(words.front() + " is not installed");
            return known->second;
        };
    }
    ~Reader() override { std::filesystem::remove_all(sources_.proc_net); }

    std::map<std::string, std::string> says_;
    std::vector<std::string> asked_;
    Sources sources_;
    Parts parts_;
};

TEST_F(Reader, AsksIptablesForItsTablesAndNftForTheOthers) {
    says_ = {{"nft -j list chains", kChains},
             {"iptables-nft-save -t nat", kSaved},
             {"nft -j -t list table ip nat", R"({"nftables":[]})"},
             {"nft -j -t list table inet nv", R"({"nftables":[]})"}};
    read_nftables(sources_, parts_);
    EXPECT_EQ(asked_, (std::vector<std::string>{"nft -j list chains", "iptables-nft-save -t nat",
                                                "nft -j -t list table inet nv",
                                                "nft -j -t list table ip nat"}));
    EXPECT_EQ(parts_.nftables.size(), 1U);
    EXPECT_EQ(parts_.nftables_problem, "");
}

TEST_F(Reader, FallsBackOnIptablesWhereNftIsMissingAndSaysSo) {
    says_ = {{"iptables-nft-save -t nat", kSaved}, {"ip6tables-nft-save -t nat", ""}};
    read_nftables(sources_, parts_);
    EXPECT_EQ(parts_.nftables.size(), 1U);
    EXPECT_THAT(parts_.nftables_problem, HasSubstr("nft is not installed"));
}

TEST_F(Reader, SaysSoOfAnAnswerThatIsNoListing) {
    says_ = {{"nft -j list chains", kChains},
             {"iptables-nft-save -t nat", kSaved},
             {"nft -j -t list table ip nat", R"({"nftables":[]})"},
             {"nft -j -t list table inet nv", "garbage"}};
    read_nftables(sources_, parts_);
    EXPECT_EQ(parts_.nftables.size(), 1U) << "what could be read stays";
    EXPECT_NE(parts_.nftables_problem, "");
}

// Listing a legacy table that does not exist would create it.
TEST_F(Reader, AsksForLegacyTablesOnlyWhereTheKernelHasThem) {
    says_ = {{"iptables-legacy-save -t nat", kSaved}};
    read_legacy(sources_, parts_);
    EXPECT_TRUE(asked_.empty());
    std::ofstream(sources_.proc_net / "ip_tables_names") << "filter\nnat\n";
    std::ofstream(sources_.proc_net / "ip6_tables_names") << "filter\n";
    read_legacy(sources_, parts_);
    EXPECT_EQ(asked_, std::vector<std::string>{"iptables-legacy-save -t nat"});
    EXPECT_EQ(parts_.legacy.size(), 1U);
    EXPECT_EQ(parts_.legacy_problem, "");
}

TEST(RunProgram, GivesTheOutputWithinBounds) {
    EXPECT_EQ(run_program({"/bin/echo", "one", "two"}, 5s, 100).value(), "one two\n");
    EXPECT_EQ(run_program({"/usr/bin/env"}, 5s, 100).value(), "") << "no environment";
}

TEST(RunProgram, RefusesWhatIsMissingFailsFloodsOrHangs) {
    EXPECT_FALSE(run_program({"/nonexistent/nft"}, 5s, 100));
    EXPECT_FALSE(run_program({"/bin/false"}, 5s, 100));
    const auto flood = run_program({"/bin/cat", "/dev/zero"}, 5s, 1000);
    ASSERT_FALSE(flood);
    EXPECT_THAT(flood.error().message, HasSubstr("more than"));
    const auto begin = std::chrono::steady_clock::now();
    const auto hung = run_program({"/bin/sleep", "60"}, 200ms, 100);
    ASSERT_FALSE(hung);
    EXPECT_THAT(hung.error().message, HasSubstr("in time"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

}  // namespace
}  // namespace portlid::nat
