// SPDX-License-Identifier: Apache-2.0
// An /etc/ufw of a test's own, and what `import ufw` makes of it.
#pragma once

#include <sstream>

#include "policy/import/importers.hpp"
#include "policy/policy_tests.hpp"
#include "support.hpp"

namespace portlid::policy::test {

inline constexpr const char* kBefore =
    "-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT\n"
    "-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT\n"
    "-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT\n";

class Etc {
public:
    Etc() {
        directory_.write("ufw/ufw.conf", "ENABLED=yes\n");
        directory_.write("ufw/before.rules", kBefore);
        directory_.write("default/ufw", "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n");
        directory_.write("ufw/user.rules", "*filter\n");
        directory_.write("ufw/user6.rules", "*filter\n");
    }
    void write(const std::string& name, const std::string& text) { directory_.write(name, text); }
    void rules(const std::string& v4, const std::string& v6 = "") {
        write("ufw/user.rules", tuples(v4));
        write("ufw/user6.rules", tuples(v6, "ufw6"));
    }
    static std::string tuples(const std::string& lines, const std::string& ufw = "ufw") {
        std::istringstream in(lines);
        std::string out = "*filter\n### RULES ###\n";
        for (std::string line; std::getline(in, line);)
            out += "\n### tuple ### " + line + "\n-A " + ufw + "-user-input -j WHATEVER\n";
        return out;
    }
    Imported import() {
        const auto draft = import_ufw(directory_.path() / "ufw");
        if (!draft) {
            ADD_FAILURE() << draft.error().message;
            return {};
        }
        auto imported = render(*draft);
        if (!imported) {
            ADD_FAILURE() << imported.error().message;
            return {};
        }
        return std::move(*imported);
    }
    const std::filesystem::path& path() const { return directory_.path(); }

private:
    TemporaryDirectory directory_;
};

inline Policy loaded(const Imported& imported) {
    auto outcome = load(imported.yaml);
    EXPECT_TRUE(outcome.ok()) << all_of(outcome) << imported.yaml;
    return std::move(outcome.policy);
}

inline bool lists(const Imported& imported, const std::string& where) {
    return std::any_of(imported.unmapped.begin(), imported.unmapped.end(),
                       [&](const Unmapped& one) { return one.where == where; });
}

inline Action asked(const Policy& policy, const std::string& packet) {
    const auto question = parse_packet(policy, packet);
    EXPECT_TRUE(question) << packet;
    const auto run = run_tests(policy, {*question});
    return run->outcomes.front().verdict();
}

}  // namespace portlid::policy::test
