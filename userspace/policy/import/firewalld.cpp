// SPDX-License-Identifier: Apache-2.0
// firewalld's zones as one list of first-match rules (firewalld.zone(5),
// firewalld.richlanguage(5)): zones bound to sources come before zones bound to interfaces, the
// default zone takes the rest; in a zone, rich rules go by priority, what denies before what
// accepts; its target is the last rule.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/text.hpp"
#include "policy/import/firewalld_files.hpp"
#include "policy/import/first_match.hpp"
#include "policy/import/importers.hpp"

namespace portlid::policy {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxZones = 64;

struct ZoneFile {
    std::string name;
    XmlElement root;
    std::vector<Cidr> sources;
    std::vector<std::string> interfaces;
};

// One rule of a zone before it is tied to the zone's sources and interfaces.
struct ZoneRule {
    int priority = 0;
    bool allow = false;
    std::vector<PortRange> ports;
    std::optional<Cidr> source;
    std::optional<Cidr> destination;
    std::optional<Family> family;
    unsigned line = 0;
    std::string text;
    std::string name;
};

std::string shown(const XmlElement& element) {
    auto text = "<" + element.name;
    for (const auto& [key, value] : element.attributes)
        text += fmt::format(" {}=\"{}\"", key, value);
    for (const auto& child : element.children) text += " " + shown(child);
    return text + ">";
}

class Zones {
public:
    explicit Zones(fs::path directory) : directory_(std::move(directory)) {}

    Result<> add(const fs::path& path) {
        const auto text = read_import(path);
        if (!text) return pass_on(text.error());
        const auto name = printable(path.filename().string(), 64);
        auto root = parse_xml(*text, name);
        if (!root) return pass_on(root.error());
        if (root->name != "zone")
            return fail(
                name + ": the root element is <" + printable(root->name, 40) + ">, not <zone>",
                "name a file below /etc/firewalld/zones");
        ZoneFile zone{name, std::move(*root), {}, {}};
        if (auto bound = bind(zone); !bound) return bound;
        zones_.push_back(std::move(zone));
        if (zones_.size() > kMaxZones) return fail("more than 64 zones", "import them one by one");
        return {};
    }

    Result<Draft> finish(const std::string& title, const std::string& default_zone) {
        draft_.title = title;
        std::stable_sort(zones_.begin(), zones_.end(),
                         [](const ZoneFile& a, const ZoneFile& b) { return rank(a) < rank(b); });
        const ZoneFile* last = nullptr;
        for (const auto& zone : zones_) {
            if (!zone.sources.empty()) emit(zone, zone.sources, {""});
        }
        for (const auto& zone : zones_) {
            if (!zone.interfaces.empty()) emit(zone, {}, zone.interfaces);
            if (zone.name == default_zone + ".xml" || zones_.size() == 1) last = &zone;
        }
        if (last != nullptr) {
            emit(*last, {}, {""});
            draft_.ping = answers_ping(*last);
        }
        if (auto done = add_first_match(rules_, draft_); !done) return pass_on(done.error());
        return std::move(draft_);
    }

private:
    // Longest source first, as the most specific binding wins.
    static int rank(const ZoneFile& zone) {
        int bits = 0;
        for (const auto& source : zone.sources) bits = std::max<int>(bits, source.bits);
        return -bits;
    }

    Result<> bind(ZoneFile& zone) {
        for (const auto& child : zone.root.children) {
            if (child.name == "interface") zone.interfaces.push_back(child.attribute("name"));
            if (child.name != "source") continue;
            const auto ipset = child.attribute("ipset");
            const auto address = Cidr::parse(child.attribute("address"), true);
            const auto members = ipset.empty() ? std::nullopt : firewalld_ipset(directory_, ipset);
            if (address)
                zone.sources.push_back(*address);
            else if (members)
                zone.sources.insert(zone.sources.end(), members->begin(), members->end());
            else  // whoever it means would be judged by another zone, which may be more open
                return fail(fmt::format("{}:{}: the source of the zone cannot be read: {}",
                                        zone.name, child.line, printable(shown(child), 200)),
                            "write its addresses as <source address=.../> in a copy, or leave "
                            "the zone out");
        }
        return {};
    }

    void unmapped(const ZoneFile& zone, const XmlElement& element, const std::string& why) {
        draft_.unmapped.push_back(
            {fmt::format("{}:{}", zone.name, element.line), shown(element), why});
    }

    static bool answers_ping(const ZoneFile& zone) {
        const auto target = zone.root.attribute("target");
        bool blocked = false;
        for (const auto& child : zone.root.children)
            blocked = blocked ||
                      (child.name == "icmp-block" && child.attribute("name") == "echo-request");
        const bool inverted = zone.root.find("icmp-block-inversion") != nullptr;
        return target != "DROP" && blocked == inverted;
    }

    std::vector<ZoneRule> rules_of(const ZoneFile& zone) {
        std::vector<ZoneRule> rules;
        for (const auto& child : zone.root.children) {
            if (child.name == "service")
                take_service(zone, child, child.attribute("name"), {}, rules);
            else if (child.name == "port")
                take_port(zone, child, child, {}, rules);
            else if (child.name == "rule")
                take_rule(zone, child, rules);
            else if (child.name == "protocol" || child.name == "source-port" ||
                     child.name == "forward-port" || child.name == "masquerade")
                unmapped(zone, child, "a policy cannot say it");
        }
        std::stable_sort(rules.begin(), rules.end(), [](const ZoneRule& a, const ZoneRule& b) {
            return std::tuple(a.priority, a.allow) < std::tuple(b.priority, b.allow);
        });
        return rules;
    }

    void push(const XmlElement& element, ZoneRule rule, bool allow, const std::string& name,
              std::vector<ZoneRule>& rules) {
        rule.allow = allow;
        rule.line = element.line;
        rule.text = shown(element);
        rule.name = name;
        rules.push_back(std::move(rule));
    }

    void take_service(const ZoneFile& zone, const XmlElement& element, const std::string& name,
                      ZoneRule rule, std::vector<ZoneRule>& rules, bool allow = true) {
        const auto service = firewalld_service(directory_, name);
        if (!service) {
            unmapped(zone, element, "nobody here knows what service " + name + " is");
            if (allow) return;
            rule.ports = every_port();  // denied, so whatever it is stays closed
        } else {
            if (!service->partly.empty()) unmapped(zone, element, service->partly);
            if (service->ports.empty()) return;
            rule.ports = service->ports;
        }
        push(element, std::move(rule), allow, name, rules);
    }

    void take_port(const ZoneFile& zone, const XmlElement& element, const XmlElement& port,
                   ZoneRule rule, std::vector<ZoneRule>& rules, bool allow = true) {
        const auto range = firewalld_port(port.attribute("port"), port.attribute("protocol"));
        if (!range) {
            unmapped(zone, element, "that is no port of tcp or udp");
            if (allow) return;
        }
        rule.ports = range ? std::vector<PortRange>{*range} : every_port();
        push(element, std::move(rule), allow, "", rules);
    }

    // What of a rich rule's frame can be said. False: told and to be left out.
    bool take_frame(const ZoneFile& zone, const XmlElement& element, ZoneRule& rule, bool allow) {
        const auto family = element.attribute("family");
        if (family == "ipv4") rule.family = Family::IPv4;
        if (family == "ipv6") rule.family = Family::IPv6;
        const auto priority = element.attribute("priority");
        const auto end = priority.data() + priority.size();
        if (!priority.empty()) (void)std::from_chars(priority.data(), end, rule.priority);
        for (const auto* key : {"source", "destination"}) {
            const auto* part = element.find(key);
            if (part == nullptr) continue;
            const auto prefix = Cidr::parse(part->attribute("address"), true);
            if (prefix && part->attribute("invert").empty()) {
                (std::string_view(key) == "source" ? rule.source : rule.destination) = prefix;
                continue;
            }
            unmapped(zone, element, fmt::format("its {} cannot be said", key));
            if (allow) return false;  // a denial goes on without it: it denies more
        }
        const auto* action = element.find(allow ? "accept" : "drop");
        if (action == nullptr || action->find("limit") == nullptr) return true;
        unmapped(zone, element, "a limit of its kind cannot be said");
        return !allow;
    }

    void take_rule(const ZoneFile& zone, const XmlElement& element, std::vector<ZoneRule>& rules) {
        const bool allow = element.find("accept") != nullptr;
        const bool deny = element.find("drop") != nullptr || element.find("reject") != nullptr;
        if (!allow && !deny) return;  // logs, marks: nothing is let in by it
        ZoneRule rule;
        if (!take_frame(zone, element, rule, allow)) return;
        for (const auto* key :
             {"protocol", "icmp-block", "icmp-type", "masquerade", "forward-port", "source-port"}) {
            if (element.find(key) == nullptr) continue;
            return unmapped(zone, element, fmt::format("a rule about {} cannot be said", key));
        }
        if (const auto* service = element.find("service"))
            return take_service(zone, element, service->attribute("name"), rule, rules, allow);
        if (const auto* port = element.find("port"))
            return take_port(zone, element, *port, rule, rules, allow);
        rule.ports = every_port();
        if (allow)
            unmapped(zone, element, "opened for tcp and udp; other IP protocols stay closed");
        push(element, std::move(rule), allow, "", rules);
    }

    // The rules of a zone for its sources (none = everybody) on its interfaces, then its target.
    void emit(const ZoneFile& zone, const std::vector<Cidr>& sources,
              const std::vector<std::string>& interfaces) {
        auto rules = rules_of(zone);
        ZoneRule target;
        target.ports = every_port();
        target.allow = zone.root.attribute("target") == "ACCEPT";
        target.text = "<zone target=\"" + zone.root.attribute("target") + "\">";
        target.line = zone.root.line;
        rules.push_back(std::move(target));
        auto scope = sources;
        if (scope.empty())
            scope = {{IpAddress::any(Family::IPv4), 0}, {IpAddress::any(Family::IPv6), 0}};
        for (const auto& interface : interfaces)
            for (const auto& rule : rules)
                for (const auto& source : scope) tie(zone, rule, source, interface);
    }

    static std::optional<Cidr> both(const Cidr& a, const Cidr& b) {
        if (a.address.family() != b.address.family()) return std::nullopt;
        const auto& wide = a.bits <= b.bits ? a : b;
        const auto& narrow = a.bits <= b.bits ? b : a;
        if (!wide.contains(narrow.address)) return std::nullopt;
        return narrow;
    }

    void tie(const ZoneFile& zone, const ZoneRule& rule, const Cidr& scope,
             const std::string& interface) {
        const auto family = scope.address.family();
        if (rule.family && *rule.family != family) return;
        if (rule.destination && rule.destination->address.family() != family) return;
        const auto source = rule.source ? both(*rule.source, scope) : scope;
        if (!source) return;
        MatchRule match;
        match.action = rule.allow ? MatchRule::Action::Allow : MatchRule::Action::Deny;
        match.ports = rule.ports;
        match.source = *source;
        match.destination = rule.destination;
        match.interface = interface;
        match.where = fmt::format("{}:{}", zone.name, rule.line);
        match.text = rule.text;
        match.name = rule.name;
        rules_.push_back(std::move(match));
    }

    fs::path directory_;
    std::vector<ZoneFile> zones_;
    std::vector<MatchRule> rules_;
    Draft draft_;
};

// DefaultZone= of firewalld.conf; firewalld's own default otherwise.
std::string default_zone(const fs::path& directory) {
    const auto text = read_import(directory / "firewalld.conf").value_or("");
    for (auto row : split(text, '\n'))
        if (row.starts_with("DefaultZone=")) {
            row.remove_prefix(12);
            return std::string(row.substr(0, row.find_first_of(" \r")));
        }
    return "public";
}

}  // namespace

Result<Draft> import_firewalld(const fs::path& path) {
    std::error_code ignored;
    const auto title = "Imported from firewalld, " + printable(path.string(), 200);
    if (!fs::is_directory(path, ignored)) {
        Zones zones(path.parent_path().parent_path());
        if (auto done = zones.add(path); !done) return pass_on(done.error());
        return zones.finish(title, path.stem().string());
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path / "zones", ignored))
        if (entry.path().extension() == ".xml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty())
        return fail(printable(path.string(), 200) + ": there is no zone in zones/",
                    "firewalld keeps changed zones in /etc/firewalld/zones; name the directory "
                    "that holds it, or one zone's XML from /usr/lib/firewalld/zones");
    Zones zones(path);
    for (const auto& file : files)
        if (auto done = zones.add(file); !done) return pass_on(done.error());
    return zones.finish(title, default_zone(path));
}

}  // namespace portlid::policy
