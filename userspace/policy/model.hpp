// SPDX-License-Identifier: Apache-2.0
// The policy as values, after every check of the loader. Order is that of the file.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace portlid::policy {

enum class Mode : std::uint8_t { Monitor, Enforce };
enum class Action : std::uint8_t { Allow, Drop };
[[nodiscard]] const char* to_string(Mode mode);      // "monitor", "enforce"
[[nodiscard]] const char* to_string(Action action);  // "allow", "drop"

// Where in which file a thing was written; line 0 = built in.
struct Place {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
};

enum class PortProtocol : std::uint8_t { Tcp = 6, Udp = 17 };
struct PortRange {
    PortProtocol protocol = PortProtocol::Tcp;
    std::uint16_t first_host = 0;  // inclusive
    std::uint16_t last_host = 0;   // inclusive
    auto operator<=>(const PortRange&) const = default;
};
[[nodiscard]] std::string to_string(const PortRange& range);  // "80/tcp", "9400-9410/udp"

// Modes that an operator forces at run time, over what the file says; the narrower one wins.
struct ForcedModes {
    std::optional<Mode> all;               // every rule in the zone
    std::optional<Mode> own_rules;         // the zone's own: rows 1-10 and 14
    std::map<std::string, Mode> services;  // by name
};

struct Zone {
    std::string name;
    Place place;
    std::vector<std::string> interfaces;  // names, globs, "uplink"
    Action default_action = Action::Drop;
    Place default_place;
    std::optional<Mode> mode;
    std::optional<std::chrono::nanoseconds> existing;  // none = for ever
    bool catch_all = false;
    ForcedModes forced;  // never in a file
};

struct NamedSet {
    std::string name;
    Place place;
    std::vector<Cidr> members;        // file sets are read in
    std::optional<std::string> file;  // path of a file set, for reload
};

struct Limit {
    std::uint32_t new_flows = 0;
    std::chrono::nanoseconds per{};
    std::vector<std::string> exempt;  // as written (set names, prefixes)
    std::vector<Cidr> exempt_members;
};

// Who must hold the port. Parsed and kept; made live by the exposure work.
struct Owner {
    std::map<std::string, std::string>
        matches;  // container, image, compose, label, unit, exe, user
};

struct Service {
    std::string name;
    Place place;
    std::vector<PortRange> ports;
    std::vector<Cidr> from;  // empty and from_any: everybody
    bool from_any = true;
    std::vector<std::string> from_text;  // as written (set names), for display
    std::vector<std::string> zones;      // empty = all
    std::vector<IpAddress> addresses;    // empty = all own addresses
    std::optional<Mode> mode;
    std::optional<Limit> limit;
    std::optional<Owner> owner;
};

struct FailsafeRule {
    Place place;
    std::vector<PortRange> ports;
    std::vector<Cidr> from;
    bool from_any = true;
    std::vector<std::string> from_text;
};

struct BindRule {
    Place place;
    std::vector<PortRange> ports;
    std::optional<Owner> owner;
};

struct LabelCeiling {
    Place place;
    std::vector<PortRange> ports;
    std::vector<Cidr> from;
    bool from_any = true;
    std::vector<std::string> from_text;
    std::optional<std::chrono::nanoseconds> for_at_most;
};

struct PolicyTest {
    Place place;
    IpAddress from;
    std::optional<IpAddress> address;  // of this host; none = any of them
    PortRange to;                      // one port
    std::string zone;
    Action expect = Action::Drop;
};
[[nodiscard]] std::string target_text(const PolicyTest& test);  // "5432/tcp", "[::1]:53/udp"

struct Policy {
    std::string file;  // as diagnostics name it
    Mode mode = Mode::Monitor;
    std::vector<Zone> zones;
    std::vector<NamedSet> sets;
    std::vector<Cidr> management;
    std::vector<std::string> management_text;  // as written, like every *_text
    std::vector<Cidr> deny;
    std::vector<std::string> deny_text;
    Place deny_place;
    std::vector<Service> services;
    Action ping = Action::Allow;
    Place icmp_place;
    std::vector<std::uint8_t> protocols;  // IP protocol numbers, sorted
    Place protocols_place;
    Action transit = Action::Allow;
    Place transit_place;
    std::vector<Cidr> routed;
    std::vector<std::string> routed_text;
    Place routed_place;
    std::vector<FailsafeRule> failsafe;
    std::vector<LabelCeiling> label_ceiling;
    bool labels_present = false;
    bool binds_refuse = false;
    std::vector<BindRule> binds_allow;
    std::vector<PolicyTest> tests;
};

// A zone's and a service's own mode, or what they inherit: service, else zone, else policy. What is
// forced comes first.
[[nodiscard]] Mode mode_of(const Policy& policy, const Zone& zone);
[[nodiscard]] Mode mode_of(const Policy& policy, const Zone& zone, const Service& service);

}  // namespace portlid::policy
