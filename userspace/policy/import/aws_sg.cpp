// SPDX-License-Identifier: Apache-2.0
// `aws ec2 describe-security-groups`: groups only allow, and add up, as services do.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/import/first_match.hpp"
#include "policy/import/importers.hpp"

namespace portlid::policy {

namespace {

using JsonValue = nlohmann::json;

constexpr int kMaxNesting = 32;
constexpr const char* kAwsHint =
    "aws ec2 describe-security-groups --group-ids sg-... > sg.json; portlid import aws-sg sg.json";

Result<JsonValue> parse(const std::string& text, const std::string& shown) {
    bool deep = false;
    const auto watch = [&](int depth, JsonValue::parse_event_t, JsonValue&) {
        deep = deep || depth > kMaxNesting;
        return !deep;
    };
    auto json = JsonValue::parse(text, watch, false);
    if (deep) return fail(shown + ": nested deeper than 32 levels", kAwsHint);
    if (json.is_discarded()) return fail(shown + ": not JSON", kAwsHint);
    return json;
}

std::string text_of(const JsonValue& json, const char* key) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// -1 when absent, as AWS writes "all".
long number_of(const JsonValue& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer()) return -1;
    return found->get<long>();
}

const JsonValue& list_of(const JsonValue& json, const char* key) {
    static const JsonValue none = JsonValue::array();
    if (!json.is_object()) return none;
    const auto found = json.find(key);
    return found != json.end() && found->is_array() ? *found : none;
}

class Groups {
public:
    Result<Draft> read(const JsonValue& json, const std::string& shown) {
        draft_.title = "Imported from AWS security groups, " + shown;
        const auto groups = json.find("SecurityGroups");
        if (groups == json.end() || !groups->is_array())
            return fail(shown + ": there is no list `SecurityGroups` in it", kAwsHint);
        for (const auto& group : *groups) take_group(group);
        if (groups->size() > 1)
            draft_.notes.push_back(
                fmt::format("The rules of {} groups were merged: on a host that is in fewer of "
                            "them, take out what the others open.",
                            groups->size()));
        add_protocols();
        if (auto done = add_first_match(rules_, draft_); !done) return pass_on(done.error());
        return std::move(draft_);
    }

private:
    void take_group(const JsonValue& group) {
        group_ = text_of(group, "GroupId");
        name_ = text_of(group, "GroupName");
        std::size_t index = 0;
        for (const auto& permission : list_of(group, "IpPermissions")) {
            where_ =
                fmt::format("{} IpPermissions[{}]", group_.empty() ? "group" : group_, index++);
            take(permission);
        }
    }

    void unmapped(const std::string& text, const std::string& why) {
        draft_.unmapped.push_back({where_, text, why});
    }

    void take(const JsonValue& permission) {
        const auto protocol = text_of(permission, "IpProtocol");
        const auto text = fmt::format("{} {}-{}", protocol, number_of(permission, "FromPort"),
                                      number_of(permission, "ToPort"));
        for (const auto& pair : list_of(permission, "UserIdGroupPairs"))
            unmapped(text + " from " + text_of(pair, "GroupId"),
                     "another group's members are addresses that only AWS knows");
        for (const auto& prefixes : list_of(permission, "PrefixListIds"))
            unmapped(text + " from " + text_of(prefixes, "PrefixListId"),
                     "a prefix list is not in this file: make it a set");
        for (const auto& range : list_of(permission, "IpRanges"))
            take_source(permission, protocol, text, text_of(range, "CidrIp"),
                        text_of(range, "Description"));
        for (const auto& range : list_of(permission, "Ipv6Ranges"))
            take_source(permission, protocol, text, text_of(range, "CidrIpv6"),
                        text_of(range, "Description"));
    }

    void take_source(const JsonValue& permission, const std::string& protocol,
                     const std::string& text, const std::string& source,
                     const std::string& description) {
        const auto prefix = Cidr::parse(source);
        const auto full =
            text + " from " + source + (description.empty() ? "" : " (" + description + ")");
        if (!prefix) return unmapped(full, "that is no address range");
        if (protocol == "tcp" || protocol == "udp" || protocol == "6" || protocol == "17" ||
            protocol == "-1")
            return take_ports(permission, protocol, full, *prefix, description);
        take_other(permission, protocol, full, *prefix);
    }

    void take_ports(const JsonValue& permission, const std::string& protocol,
                    const std::string& full, const Cidr& prefix, const std::string& description) {
        const bool all = protocol == "-1";
        const auto first = number_of(permission, "FromPort");
        const auto last = number_of(permission, "ToPort");
        // AWS names the ports of tcp and udp always; a file that does not has lost them.
        const bool every = all || (first == 0 && last == 65535);
        if (!every && (first < 1 || last > 65535 || first > last))
            return unmapped(full, "those are no ports");
        MatchRule rule;
        rule.action = MatchRule::Action::Allow;
        for (const auto kind : {PortProtocol::Tcp, PortProtocol::Udp}) {
            const bool is_tcp = kind == PortProtocol::Tcp;
            if (!all && is_tcp != (protocol == "tcp" || protocol == "6")) continue;
            rule.ports.push_back({kind, static_cast<std::uint16_t>(every ? 1 : first),
                                  static_cast<std::uint16_t>(every ? 65535 : last)});
        }
        rule.source = prefix;
        rule.where = where_;
        rule.text = full;
        rule.name = description.empty() ? name_ : description;
        rules_.push_back(std::move(rule));
        if (all) unmapped(full, "opened for tcp and udp; other IP protocols stay closed");
    }

    void take_other(const JsonValue& permission, const std::string& protocol,
                    const std::string& full, const Cidr& prefix) {
        const bool icmp =
            protocol == "icmp" || protocol == "1" || protocol == "icmpv6" || protocol == "58";
        const auto type = number_of(permission, "FromPort");
        const bool echo =
            permission.contains("FromPort") && (type == -1 || type == 8 || type == 128);
        if (prefix.bits != 0)
            return unmapped(full, "only ports can be opened to some sources and not to others");
        if (icmp && !echo)
            return unmapped(full, "errors about known flows always come in, other ICMP does not");
        both_[icmp ? "ping" : protocol].push_back(prefix);
        where_of_[icmp ? "ping" : protocol] = {where_, full, ""};
    }

    // Open to both families, or closed: `icmp` and `protocols:` know no family.
    void add_protocols() {
        for (const auto& [protocol, prefixes] : both_) {
            const bool v4 = std::any_of(prefixes.begin(), prefixes.end(), is_v4);
            const bool v6 = !std::all_of(prefixes.begin(), prefixes.end(), is_v4);
            auto where = where_of_[protocol];
            const auto number = Cidr::parse("0.0.0." + protocol);  // 0..255
            if (protocol == "ping" && v4) {
                draft_.ping = true;
            } else if (v4 && v6 && number) {
                draft_.protocols.push_back(number->address.bytes()[15]);
            } else {
                where.why = "`protocols:` opens a protocol to both families or not at all";
                draft_.unmapped.push_back(where);
            }
        }
    }
    static bool is_v4(const Cidr& prefix) { return prefix.address.family() == Family::IPv4; }

    Draft draft_;
    std::vector<MatchRule> rules_;
    std::map<std::string, std::vector<Cidr>> both_;
    std::map<std::string, Unmapped> where_of_;
    std::string group_;
    std::string name_;
    std::string where_;
};

}  // namespace

Result<Draft> import_aws_sg(const std::filesystem::path& path) {
    const auto text = read_import(path);
    if (!text) return pass_on(text.error());
    const auto shown = printable(path.string(), 200);
    const auto json = parse(*text, shown);
    if (!json) return pass_on(json.error());
    if (!json->is_object())
        return fail(shown + ": there is no list `SecurityGroups` in it", kAwsHint);
    return Groups().read(*json, shown);
}

}  // namespace portlid::policy
