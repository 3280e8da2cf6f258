// SPDX-License-Identifier: Apache-2.0
// The files around UFW's rules: defaults, what before.rules and after.rules add by hand.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/ufw_rules.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

namespace fs = std::filesystem;

// The value of NAME= or NAME="..." in a shell file; the last one counts.
std::string setting(std::string_view text, std::string_view name) {
    std::string value;
    for (auto row : split(text, '\n')) {
        if (!row.starts_with(name) || row.substr(name.size(), 1) != "=") continue;
        row.remove_prefix(name.size() + 1);
        value.clear();
        for (const char c : row)
            if (c != '"' && c != '\'' && c != '\r' && c != ' ') value += c;
    }
    return value;
}

bool has(std::string_view row, std::string_view part) {
    return row.find(part) != std::string_view::npos;
}

// What the shipped files accept by port: DHCP, mDNS, UPnP. The first is always let in, the others
// are multicast, which is never judged as a service.
bool shipped(std::string_view row) {
    return has(row, "--dport 68 ") || has(row, "--dport 546 ") || has(row, "--dport 5353 ") ||
           has(row, "--dport 1900 ");
}

class UfwDirectory {
public:
    explicit UfwDirectory(fs::path directory) : directory_(std::move(directory)) {}

    Result<Draft> read() {
        draft_.title = "Imported from UFW, " + printable(directory_.string(), 200);
        const auto defaults = optional(directory_.parent_path() / "default" / "ufw");
        const bool v6 = setting(defaults, "IPV6") != "no";
        if (setting(optional(directory_ / "ufw.conf"), "ENABLED") != "yes")
            draft_.notes.push_back("UFW is not enabled; its rules are imported all the same.");
        if (auto done = rules_file("user.rules", Family::IPv4); !done) return pass_on(done.error());
        if (v6)
            if (auto done = rules_file("user6.rules", Family::IPv6); !done)
                return pass_on(done.error());
        add_default(setting(defaults, "DEFAULT_INPUT_POLICY"), v6);
        for (const auto* name : {"before.rules", "after.rules", "before6.rules", "after6.rules"})
            by_hand(name);
        add_protocols(v6);
        if (auto done = add_first_match(rules_, draft_); !done) return pass_on(done.error());
        return std::move(draft_);
    }

private:
    // "" when it is not there or not readable as text.
    static std::string optional(const fs::path& path) { return read_import(path).value_or(""); }

    Result<> rules_file(const std::string& name, Family family) {
        const auto text = read_import(directory_ / name);
        if (!text) {
            if (family == Family::IPv6 && !fs::exists(directory_ / name)) return {};
            return pass_on(text.error());
        }
        add_ufw_file(*text, name, family, rules_, protocols_[family == Family::IPv4 ? 0 : 1],
                     draft_);
        return {};
    }

    // What no rule decides: the shipped DROP, or REJECT, need no rule; ACCEPT is a last one.
    void add_default(const std::string& policy, bool v6) {
        if (policy != "ACCEPT") return;
        for (const auto family : {Family::IPv4, Family::IPv6}) {
            if (family == Family::IPv6 && !v6) continue;
            MatchRule rule;
            rule.action = MatchRule::Action::Allow;
            rule.ports = every_port();
            rule.source = {IpAddress::any(family), 0};
            rule.where = "default/ufw";
            rule.text = "DEFAULT_INPUT_POLICY=\"ACCEPT\"";
            rule.name = "default-accept";
            rules_.push_back(std::move(rule));
        }
        draft_.unmapped.push_back({"default/ufw", "DEFAULT_INPUT_POLICY=\"ACCEPT\"",
                                   "opened for tcp and udp; other IP protocols stay closed"});
    }

    void by_hand(const std::string& name) {
        unsigned number = 0;
        bool told = false;
        const auto text = optional(directory_ / name);
        for (const auto row : split(text, '\n')) {
            ++number;
            const auto where = fmt::format("{}:{}", name, number);
            if (name == "before.rules" && has(row, "ufw-before-input") &&
                has(row, "echo-request") && has(row, "-j ACCEPT"))
                draft_.ping = true;
            if (has(row, "BEGIN UFW AND DOCKER")) {
                told = true;
                draft_.unmapped.push_back(
                    {where, std::string(row),
                     "ufw-docker's block: Portlid does its work by host port; the private networks "
                     "that it lets in stay closed unless a service names them"});
            }
            const bool opens = row.starts_with("-A ") && has(row, "-j ACCEPT") &&
                               has(row, "dport") && has(row, "-input") && !shipped(row);
            const bool docker = row.starts_with("-A DOCKER-USER") && !told;
            if (opens || docker)
                draft_.unmapped.push_back(
                    {where, std::string(row), "a rule for iptables itself, not one of UFW's"});
        }
    }

    // Numbers that both families open; one that only one opens stays closed for both.
    void add_protocols(bool v6) {
        const std::map<std::string, std::uint8_t> known{
            {"igmp", 2}, {"ipv6", 41}, {"gre", 47}, {"esp", 50}, {"ah", 51}};
        for (const auto& word : protocols_[0]) {
            const auto number = known.find(word);
            const bool both = v6 && std::find(protocols_[1].begin(), protocols_[1].end(), word) !=
                                        protocols_[1].end();
            if (number != known.end() && both)
                draft_.protocols.push_back(number->second);
            else
                draft_.unmapped.push_back(
                    {"user.rules", "protocol " + word,
                     "`protocols:` opens both families, UFW only one: it stays closed"});
        }
        auto& numbers = draft_.protocols;
        std::sort(numbers.begin(), numbers.end());
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    }

    fs::path directory_;
    Draft draft_;
    std::vector<MatchRule> rules_;
    std::array<std::vector<std::string>, 2> protocols_;  // 0 = IPv4, 1 = IPv6
};

}  // namespace

Result<Draft> import_ufw(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) return UfwDirectory(path).read();
    const auto text = read_import(path);
    if (!text) return pass_on(text.error());
    Draft draft;
    draft.title = "Imported from one file of UFW, " + printable(path.string(), 200);
    draft.notes.push_back("Only this file was read: the default is taken as deny, ping as denied.");
    std::vector<MatchRule> rules;
    std::vector<std::string> protocols;
    const bool v6 = path.filename().string().find('6') != std::string::npos;
    add_ufw_file(*text, path.filename().string(), v6 ? Family::IPv6 : Family::IPv4, rules,
                 protocols, draft);
    for (const auto& word : protocols)
        draft.unmapped.push_back({path.filename().string(), "protocol " + word,
                                  "`protocols:` opens both families, this file is of one"});
    if (auto done = add_first_match(rules, draft); !done) return pass_on(done.error());
    return draft;
}

}  // namespace portlid::policy
