// SPDX-License-Identifier: Apache-2.0
// One reading of the NAT rules of the calling process's network namespace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nat/rules.hpp"

struct mnl_socket;  // of libmnl

namespace portlid::nat {

struct CloseSocket {
    void operator()(mnl_socket* socket) const;
};

// Asks the kernel for the number that it gives the nftables ruleset.
class RulesetNumber {
public:
    // Another one = something changed. None where there is no nftables.
    [[nodiscard]] std::optional<std::uint32_t> now();

private:
    std::unique_ptr<mnl_socket, CloseSocket> socket_;  // none: it is opened by the next question
};

// Says when the nftables ruleset changes (one message an object, at the end of a transaction).
class RulesetChanges {
public:
    // None where the kernel does not tell us.
    [[nodiscard]] static std::optional<RulesetChanges> open();
    [[nodiscard]] int fd() const;  // readable = something changed
    void drain();

private:
    explicit RulesetChanges(std::unique_ptr<mnl_socket, CloseSocket> socket)
        : socket_(std::move(socket)) {}
    std::unique_ptr<mnl_socket, CloseSocket> socket_;
};

// The world that a reading asks, so that tests can answer.
struct Sources {
    // Output of one of the programs below, by name and arguments.
    std::function<Result<std::string>(const std::vector<std::string>&)> run;
    // /proc/net/ip_tables_names and ip6_tables_names: legacy tables that exist.
    std::filesystem::path proc_net = "/proc/net";
};
// The programs of this machine, from /usr/sbin or /sbin; 2 s and 1 MiB each.
[[nodiscard]] Sources system_sources();

// Which parts to read: nftables only when its generation changed, legacy tables always.
struct Parts {
    std::vector<DnatRule> nftables, legacy;
    std::string nftables_problem, legacy_problem;
};
void read_nftables(const Sources& sources, Parts& parts);
void read_legacy(const Sources& sources, Parts& parts);

}  // namespace portlid::nat
