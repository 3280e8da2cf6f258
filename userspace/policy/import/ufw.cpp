// SPDX-License-Identifier: Apache-2.0
// The files around UFW's rules: defaults, what before.rules and after.rules add by hand.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/ufw_rows.hpp"
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

// Of ufw-docker's block: its own rows never ask who sends or on which interface.
bool in_docker_block(const IptablesRow& row) {
    const auto asks = [](const std::string& word) { return word == "-s" || word == "-i"; };
    return (row.chain == "DOCKER-USER" || row.chain == "ufw-docker-logging-deny") &&
           (row.target == "RETURN" || std::none_of(row.words.begin(), row.words.end(), asks));
}

bool about_input(const IptablesRow& row) {
    return row.chain.find("forward") == std::string::npos && row.chain != "FORWARD" &&
           row.chain != "DOCKER-USER";
}

// A row for the user's chains and what it says: by the chain, before or after UFW's own rules.
enum class Stand : std::uint8_t { Before, After, Elsewhere };
Stand stand_of(const IptablesRow& row, Family family) {
    const std::string ufw = family == Family::IPv4 ? "ufw" : "ufw6";
    if (row.chain == ufw + "-before-input") return Stand::Before;
    return row.chain == ufw + "-after-input" ? Stand::After : Stand::Elsewhere;
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
        for (const auto* name : {"before.rules", "after.rules"}) by_hand(name, Family::IPv4);
        if (v6)
            for (const auto* name : {"before6.rules", "after6.rules"}) by_hand(name, Family::IPv6);
        add_ping(v6);
        if (auto done = rules_file("user.rules", Family::IPv4); !done) return pass_on(done.error());
        if (v6)
            if (auto done = rules_file("user6.rules", Family::IPv6); !done)
                return pass_on(done.error());
        rules_.insert(rules_.end(), after_.begin(), after_.end());
        add_default(setting(defaults, "DEFAULT_INPUT_POLICY"), v6);
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
            rule.every_protocol = true;
            rules_.push_back(std::move(rule));
        }
    }

    // Tables other than `filter` have no rows of UFW's.
    void by_hand(const std::string& name, Family family) {
        unsigned number = 0;
        bool docker = false;
        bool filter = true;
        const auto text = optional(directory_ / name);
        for (const auto line : split(text, '\n')) {
            const auto where = fmt::format("{}:{}", name, ++number);
            if (line.starts_with('*')) filter = trim(line) == "*filter";
            if (has(line, "END UFW AND DOCKER")) docker = false;
            if (has(line, "BEGIN UFW AND DOCKER")) {
                docker = true;
                tell_docker(where, line);
            }
            const auto row = iptables_row(line);
            if (row && !(docker && in_docker_block(*row)))
                take_row(*row, where, family, filter ? stand_of(*row, family) : Stand::Elsewhere);
        }
    }

    void tell_docker(const std::string& where, std::string_view line) {
        draft_.unmapped.push_back(
            {where, std::string(line),
             "ufw-docker's block: Portlid does its work by host port; the private networks "
             "that it lets in stay closed unless a service names them"});
    }

    void take_row(const IptablesRow& row, const std::string& where, Family family, Stand stand) {
        auto& pings = pings_[family == Family::IPv4 ? 0 : 1];
        if (stand == Stand::Before && answers_pings(row, family)) pings.answered = true;
        if (shipped_by_ufw(row) || about_output(row)) return;
        const auto drop = drop_rule(row, family, where);
        if (!drop || stand == Stand::Elsewhere) {
            draft_.unmapped.push_back(unmapped_row(row, where));
        } else {
            (stand == Stand::Before ? rules_ : after_).push_back(*drop);
            if (drop->source.bits != 0) return;  // `deny:` shuts pings out too
            shut_ = shut_ || (stand == Stand::Before && drop->every_protocol);
        }
        note_pings(row, where, stand, pings);
    }

    // Whether a row closes pings need not be found out: where it may, they stay closed.
    struct Pings {
        bool answered = false;
        std::string closed;  // by which row
    };
    static void note_pings(const IptablesRow& row, const std::string& where, Stand stand,
                           Pings& pings) {
        const bool other = row.protocol == "tcp" || row.protocol == "udp";
        const bool late = row.appended && (pings.answered || stand == Stand::After);
        if (may_close(row) && about_input(row) && !other && !late) pings.closed = where;
    }

    // `ping:` knows no family.
    void add_ping(bool v6) {
        for (const auto& pings : pings_)
            if (!pings.closed.empty())
                draft_.notes.push_back("ping: drop: " + pings.closed + " may close pings.");
        draft_.ping = pings_[0].answered && pings_[0].closed.empty() && pings_[1].closed.empty();
        const auto before6 = optional(directory_ / "before6.rules");
        if (!v6 || !draft_.ping || pings_[1].answered || before6.empty()) return;
        draft_.ping = false;
        draft_.unmapped.push_back({"before.rules", "pings of IPv4",
                                   "before6.rules does not answer pings, and `ping:` answers both "
                                   "families or none"});
    }

    // Numbers that both families open; one that only one opens stays closed for both.
    void add_protocols(bool v6) {
        const std::map<std::string, std::uint8_t> known{
            {"igmp", 2}, {"ipv6", 41}, {"gre", 47}, {"esp", 50}, {"ah", 51}};
        for (const auto& word : protocols_[0]) {
            const auto number = known.find(word);
            const bool both =
                v6 && !shut_ &&
                std::find(protocols_[1].begin(), protocols_[1].end(), word) != protocols_[1].end();
            if (number != known.end() && both)
                draft_.protocols.push_back(number->second);
            else
                draft_.unmapped.push_back(
                    {"user.rules", "protocol " + word,
                     shut_ ? "a rule of before.rules closes every protocol"
                           : "`protocols:` opens both families, UFW only one: it stays closed"});
        }
        auto& numbers = draft_.protocols;
        std::sort(numbers.begin(), numbers.end());
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    }

    fs::path directory_;
    Draft draft_;
    std::vector<MatchRule> rules_;
    std::vector<MatchRule> after_;  // of the chain behind UFW's own rules
    std::array<Pings, 2> pings_;
    bool shut_ = false;                                  // one family or both, for every protocol
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
