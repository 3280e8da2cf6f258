// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "cli/context.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;

std::string output_of(const std::string& command) {
    std::string out;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::array<char, 4096> buffer{};
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe))
        out.append(buffer.data(), got);
    ::pclose(pipe);
    return out;
}

class Completion : public Cli {
protected:
    std::string script(const std::string& shell) {
        EXPECT_EQ(portlid({"completion", shell}), 0);
        const std::string path = testing::TempDir() + "portlid-completion." + shell;
        std::ofstream(path) << console_.data;
        return path;
    }
    // What bash offers after these words; the last one is being typed.
    std::string offered(const std::string& words, int current) {
        std::ostringstream test;
        test << "bash -c 'source " << script("bash") << "; COMP_WORDS=(" << words
             << "); COMP_CWORD=" << current << "; _portlid; echo \"${COMPREPLY[*]}\"'";
        return output_of(test.str());
    }
};

TEST_F(Completion, OfBashCompletesVerbsFlagsAndChoices) {
    EXPECT_EQ(offered("portlid sta", 1), "status\n");
    EXPECT_EQ(offered("portlid policy ch", 2), "check\n");
    EXPECT_EQ(offered("portlid run --pol", 2), "--policy\n");
    EXPECT_EQ(offered("portlid run --mode e", 3), "enforce\n");
    EXPECT_EQ(offered("portlid ports -o js", 3), "json jsonl\n");
    EXPECT_EQ(offered("portlid -o json stat", 3), "status\n");
    EXPECT_EQ(offered("portlid completion z", 2), "zsh\n");
    EXPECT_EQ(offered("portlid run --interface \"\"", 3), "\n");
}

TEST_F(Completion, KnowsEveryVerbAndFlagOfTheTree) {
    Context context{backend_, console_, {}, {}};
    const auto tree = make_tree(context);
    const auto verbs = completion_verbs(*tree);
    EXPECT_GT(verbs.size(), 30U);
    for (const auto* shell : {"bash", "zsh", "fish"}) {
        portlid({"completion", shell});
        for (const auto& verb : verbs)
            for (const auto& flag : verb.flags)
                for (const auto& name : flag.names) {
                    const auto plain = std::string(shell) == "fish"
                                           ? name.substr(name.rfind('-', 2) == 1 ? 2 : 1)
                                           : name;
                    EXPECT_THAT(console_.data, HasSubstr(plain)) << shell << " " << verb.path;
                }
    }
}

TEST_F(Completion, IsAScriptThatItsShellAccepts) {
    for (const auto* shell : {"bash", "zsh", "fish"}) {
        const auto path = script(shell);
        if (output_of(std::string("command -v ") + shell).empty()) continue;
        EXPECT_EQ(output_of(std::string(shell) + " -n " + path), "") << shell;
    }
    if (output_of("command -v zsh").empty() || output_of("command -v fish").empty())
        GTEST_SKIP() << "zsh or fish is not installed: their scripts were not parsed";
}

TEST_F(Completion, RefusesAShellThatItDoesNotKnow) {
    EXPECT_EQ(portlid({"completion", "bsh"}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("did you mean `bash`?"));
}

}  // namespace
}  // namespace portlid::cli
