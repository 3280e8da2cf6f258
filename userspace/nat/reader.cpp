// SPDX-License-Identifier: Apache-2.0
#include "nat/reader.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <memory>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "nat/run_program.hpp"

namespace portlid::nat {

namespace {

constexpr std::chrono::milliseconds kOneProgram{2000};
constexpr std::size_t kOutputBytes = std::size_t{1} << 20U;
constexpr std::size_t kNamesBytes = 4096;
constexpr std::array<const char*, 2> kDirectories{"/usr/sbin/", "/sbin/"};

int take_attribute(const nlattr* attribute, void* context) {
    if (mnl_attr_get_type(attribute) == NFTA_GEN_ID &&
        mnl_attr_get_payload_len(attribute) >= sizeof(std::uint32_t))
        *static_cast<std::optional<std::uint32_t>*>(context) = ntohl(mnl_attr_get_u32(attribute));
    return MNL_CB_OK;
}

int take_generation(const nlmsghdr* message, void* context) {
    return mnl_attr_parse(message, sizeof(nfgenmsg), take_attribute, context);
}

Result<std::string> run_named(const std::vector<std::string>& words) {
    std::error_code ignored;
    for (const auto* directory : kDirectories) {
        auto argv = words;
        argv.front() = directory + words.front();
        if (std::filesystem::exists(argv.front(), ignored))
            return run_program(argv, kOneProgram, kOutputBytes);
    }
    return fail(words.front() + " is not installed", "apt-get install nftables iptables");
}

void note(std::string& problem, const std::string& what) {
    if (problem.empty()) problem = what;
}

void append(std::vector<DnatRule>& rules, std::vector<DnatRule> more) {
    std::move(more.begin(), more.end(), std::back_inserter(rules));
}

void read_saved(const Sources& sources, const char* program, Family family,
                std::vector<DnatRule>& rules, std::string& problem) {
    const auto text = sources.run({program, "-t", "nat"});
    if (!text) return note(problem, text.error().message);
    append(rules, parse_iptables_save(*text, family));
}

void read_table(const Sources& sources, const std::string& family, const std::string& table,
                Parts& parts) {
    const auto text = sources.run({"nft", "-j", "-t", "list", "table", family, table});
    if (!text) return note(parts.nftables_problem, text.error().message);
    auto read = parse_nft_table(*text);
    if (!read) return note(parts.nftables_problem, "nft -j lists a table in a form not known here");
    if (read->not_understood != 0)
        note(parts.nftables_problem, std::to_string(read->not_understood) +
                                         " dnat rules of table " + printable(table, 64) +
                                         " translate by a map and are not read");
    append(parts.nftables, std::move(read->dnat));
}

std::unique_ptr<mnl_socket, CloseSocket> open_netfilter(unsigned groups) {
    std::unique_ptr<mnl_socket, CloseSocket> socket(
        mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    if (socket && mnl_socket_bind(socket.get(), groups, MNL_SOCKET_AUTOPID) < 0) socket.reset();
    return socket;
}

std::optional<std::uint32_t> ask_number(mnl_socket* socket) {
    alignas(nlmsghdr) std::array<char, 4096> buffer{};
    auto* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
    header->nlmsg_flags = NLM_F_REQUEST;
    auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    body->version = NFNETLINK_V0;
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0) return std::nullopt;
    const auto length = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    std::optional<std::uint32_t> number;
    if (length <= 0) return std::nullopt;
    mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), 0, mnl_socket_get_portid(socket),
               take_generation, &number);
    return number;
}

}  // namespace

void CloseSocket::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

std::optional<std::uint32_t> RulesetNumber::now() {
    if (!socket_) socket_ = open_netfilter(0);
    if (!socket_) return std::nullopt;
    auto number = ask_number(socket_.get());
    if (!number) socket_.reset();  // an answer that comes late must not be taken for the next one
    return number;
}

std::optional<RulesetChanges> RulesetChanges::open() {
    auto socket = open_netfilter(1U << (NFNLGRP_NFTABLES - 1U));
    if (!socket) return std::nullopt;
    return RulesetChanges(std::move(socket));
}

int RulesetChanges::fd() const {
    return mnl_socket_get_fd(socket_.get());
}

// Only that something came matters; an overrun (ENOBUFS) is one message among others.
void RulesetChanges::drain() {
    char byte = 0;
    while (::recv(fd(), &byte, 1, MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR) {
    }
}

Sources system_sources() {
    return {run_named, "/proc/net"};
}

// Tables of iptables-nft are named "nat"; what nft itself shows of them has no addresses.
void read_nftables(const Sources& sources, Parts& parts) {
    parts.nftables.clear();
    parts.nftables_problem.clear();
    const auto listed = sources.run({"nft", "-j", "list", "chains"});
    const auto chains = listed ? parse_nft_chains(*listed) : std::nullopt;
    if (!chains) {
        note(parts.nftables_problem,
             listed ? "nft -j lists chains in a form not known here" : listed.error().message);
        // Without nft there may still be iptables' own tables.
        read_saved(sources, "iptables-nft-save", Family::IPv4, parts.nftables,
                   parts.nftables_problem);
        read_saved(sources, "ip6tables-nft-save", Family::IPv6, parts.nftables,
                   parts.nftables_problem);
        return;
    }
    std::set<std::pair<std::string, std::string>> tables;
    for (const auto& chain : *chains)
        if (chain.prerouting_nat) tables.emplace(chain.family, chain.table);
    if (tables.contains({"ip", "nat"}))
        read_saved(sources, "iptables-nft-save", Family::IPv4, parts.nftables,
                   parts.nftables_problem);
    if (tables.contains({"ip6", "nat"}))
        read_saved(sources, "ip6tables-nft-save", Family::IPv6, parts.nftables,
                   parts.nftables_problem);
    for (const auto& [family, table] : tables) read_table(sources, family, table, parts);
}

void read_legacy(const Sources& sources, Parts& parts) {
    parts.legacy.clear();
    parts.legacy_problem.clear();
    const auto has_nat = [&](const char* names) {
        const auto text = read_file(sources.proc_net / names, kNamesBytes);
        if (!text) return false;
        for (const auto line : split(*text, '\n'))
            if (line == "nat") return true;
        return false;
    };
    if (has_nat("ip_tables_names"))
        read_saved(sources, "iptables-legacy-save", Family::IPv4, parts.legacy,
                   parts.legacy_problem);
    if (has_nat("ip6_tables_names"))
        read_saved(sources, "ip6tables-legacy-save", Family::IPv6, parts.legacy,
                   parts.legacy_problem);
}

}  // namespace portlid::nat
