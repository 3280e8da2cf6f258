// SPDX-License-Identifier: Apache-2.0
// The bodies of POST /v1/{apply,rollback,mode,ban,unban,allow,set}: JSON objects of strings,
// numbers and booleans, read strictly (an unknown or mistyped key is refused, exit code 2).
// Durations are texts like on the command line: "90s", "10m", "24h", "7d", "0".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "policy/model.hpp"

namespace portlid::rollout {

using Length = std::optional<std::chrono::nanoseconds>;  // none = not given

struct ApplyRequest {
    std::string file;  // absolute; empty: the --policy file
    Length confirm_within;
    bool force = false;
    std::string ssh_connection;  // of the caller: "CLIENT CPORT SERVER SPORT"
};
struct RollbackRequest {
    std::uint64_t generation = 0;  // 0 = the one before
    bool force = false;
    std::string ssh_connection;
};
struct ModeRequest {
    std::optional<policy::Mode> mode;  // none = as the policy says
    std::string zone, rule;
    Length length;  // --for
    Length confirm_within;
    bool force = false;
    std::string ssh_connection;
};
struct BanRequest {
    Cidr source;
    Length length;
    std::string reason;
    bool force = false;
    std::string ssh_connection;
};
// One source (with a reason: only if it is banned for that), every ban, or those with one reason.
struct UnbanRequest {
    std::optional<Cidr> source;
    bool all = false;
    std::string reason;
    bool if_banned = false;  // that it is not banned is no fault
};
struct AllowRequest {
    policy::PortRange ports;
    std::vector<Cidr> from;
    std::string zone;
    Length length;
    bool end = false;  // close what an earlier one opened
};
struct SetRequest {
    bool add = true;
    std::string name;
    Cidr member;
    Length length;
};

[[nodiscard]] Result<ApplyRequest> parse_apply(const std::string& body);
[[nodiscard]] Result<RollbackRequest> parse_rollback(const std::string& body);
[[nodiscard]] Result<ModeRequest> parse_mode(const std::string& body);
[[nodiscard]] Result<BanRequest> parse_ban(const std::string& body);
[[nodiscard]] Result<UnbanRequest> parse_unban(const std::string& body);
[[nodiscard]] Result<AllowRequest> parse_allow(const std::string& body);
[[nodiscard]] Result<SetRequest> parse_set(const std::string& body);

// "8080/tcp", "7000-7100/udp".
[[nodiscard]] Result<policy::PortRange> parse_ports(const std::string& text);

}  // namespace portlid::rollout
