// SPDX-License-Identifier: Apache-2.0
#include "policy/import/ufw_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/ufw_rows.hpp"

namespace portlid::policy {

namespace {

constexpr std::string_view kMark = "### tuple ###";

class Reader {
public:
    Reader(const std::string& name, Family family, std::vector<MatchRule>& rules,
           std::vector<std::string>& protocols, Draft& draft)
        : name_(name), family_(family), rules_(rules), protocols_(protocols), draft_(draft) {}

    void line(std::string_view row, unsigned number) {
        where_ = fmt::format("{}:{}", name_, number);
        if (!row.starts_with(kMark)) return by_hand(row);
        own_ = true;
        row.remove_prefix(kMark.size());
        while (!row.empty() && (row.front() == ' ' || row.front() == '\t')) row.remove_prefix(1);
        text_ = row.substr(0, row.find(" comment="));
        const auto tuple = parse_tuple(row, family_);
        if (!tuple) return unmapped("not a rule that UFW would read either");
        take(*tuple);
    }

private:
    // UFW writes a tuple's rows for iptables below it, and an empty line. Others are somebody's
    // own.
    void by_hand(std::string_view line) {
        const auto row = iptables_row(line);
        own_ = own_ && row;
        const std::string prefix = family_ == Family::IPv4 ? "ufw-user-" : "ufw6-user-";
        if (!row || shipped_by_ufw(*row) || about_output(*row) || only_logs(*row) ||
            (own_ && row->chain.starts_with(prefix)))
            return;
        const auto drop = drop_rule(*row, family_, where_);
        if (!drop || row->chain != prefix + "input" || !row->appended)
            return draft_.unmapped.push_back(unmapped_row(*row, where_));
        if (drop->every_protocol) denied_.insert("any");
        rules_.push_back(*drop);
    }

    void unmapped(const std::string& why) { draft_.unmapped.push_back({where_, text_, why}); }

    void take(const UfwTuple& tuple) {
        if (tuple.outgoing) return unmapped("Portlid judges what comes in, not what goes out");
        if (tuple.routed)
            return unmapped(
                "a route rule names the container's own port: write the host port of "
                "`docker run -p HOST:CONTAINER` as a service");
        if (tuple.protocol != "any" && tuple.protocol != "tcp" && tuple.protocol != "udp")
            return take_protocol(tuple);
        if (!tuple.any_source_port) return take_source_port(tuple);
        // Every protocol is meant, also those that `protocols:` may open further down.
        if (tuple.protocol == "any" && tuple.ports.empty() && tuple.action != "allow")
            denied_.insert(tuple.protocol);
        for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp}) add(tuple, protocol);
    }

    // A source port is chosen by the stranger; no policy here says it.
    void take_source_port(const UfwTuple& tuple) {
        unmapped("it is about the sender's port, which anybody may choose");
        if (tuple.action == "allow" || tuple.action == "limit") return;
        for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp}) add(tuple, protocol);
    }

    void take_protocol(const UfwTuple& tuple) {
        const bool everybody = tuple.source.bits == 0 && !tuple.destination &&
                               tuple.interface.empty() && tuple.action == "allow";
        if (!everybody || denied_.contains(tuple.protocol) || denied_.contains("any")) {
            if (tuple.action != "allow") denied_.insert(tuple.protocol);
            return unmapped("`protocols:` opens to everybody or not at all: " + tuple.protocol +
                            " stays closed");
        }
        protocols_.push_back(tuple.protocol);
        draft_.notes.push_back(fmt::format("protocols: {}: {}", where_, text_));
    }

    void add(const UfwTuple& tuple, PortProtocol protocol) {
        const char* word = protocol == PortProtocol::Tcp ? "tcp" : "udp";
        if (tuple.protocol != "any" && tuple.protocol != word) return;
        MatchRule rule;
        rule.action = tuple.action == "allow"   ? MatchRule::Action::Allow
                      : tuple.action == "limit" ? MatchRule::Action::Limit
                                                : MatchRule::Action::Deny;
        if (rule.action == MatchRule::Action::Limit && protocol == PortProtocol::Udp) {
            unmapped("a limit is for tcp only: udp stays closed");
            rule.action = MatchRule::Action::Deny;
        }
        for (const auto& [first, last] : tuple.ports) rule.ports.push_back({protocol, first, last});
        if (tuple.ports.empty()) rule.ports.push_back({protocol, 1, 65535});
        rule.source = tuple.source;
        rule.destination = tuple.destination;
        rule.interface = tuple.interface;
        rule.where = where_;
        rule.text = text_;
        rule.name = tuple.app;
        rule.every_protocol =
            tuple.protocol == "any" && tuple.ports.empty() && tuple.any_source_port;
        const bool joins =
            !rules_.empty() && rules_.back().where == where_ && rules_.back().action == rule.action;
        if (joins)  // the udp half of a rule for both
            rules_.back().ports.insert(rules_.back().ports.end(), rule.ports.begin(),
                                       rule.ports.end());
        else
            rules_.push_back(std::move(rule));
    }

    const std::string& name_;
    Family family_;
    std::vector<MatchRule>& rules_;
    std::vector<std::string>& protocols_;
    Draft& draft_;
    std::set<std::string> denied_;
    bool own_ = false;  // the rows at hand are a tuple's
    std::string where_;
    std::string text_;
};

}  // namespace

void add_ufw_file(std::string_view text, const std::string& name, Family family,
                  std::vector<MatchRule>& rules, std::vector<std::string>& protocols,
                  Draft& draft) {
    Reader reader(name, family, rules, protocols, draft);
    unsigned number = 0;
    for (const auto row : split(text, '\n')) reader.line(row, ++number);
}

}  // namespace portlid::policy
