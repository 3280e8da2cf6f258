// SPDX-License-Identifier: Apache-2.0
#include "bench/wire_rivals.hpp"

#include <fmt/format.h>

namespace portlid::bench {

namespace {

std::string nft(const std::string& rules) {
    return "echo '" + rules + "' | nft -f -";
}

std::string nft_netdev(unsigned number) {
    return nft(fmt::format(
        "table netdev bench {{ chain in {{ type filter hook ingress device up{} priority 0; "
        "tcp dport {{ 22, 80 }} accept; drop; }}\n}}",
        number));
}

std::string nft_raw() {
    return nft(
        "table ip bench { chain in { type filter hook prerouting priority raw; "
        "tcp dport { 22, 80 } accept; drop; }\n}");
}

std::string nft_set(const std::filesystem::path& set_file) {
    return fmt::format(
        "{{ echo 'table ip bench {{ set four {{ type ipv4_addr; flags interval; auto-merge; "
        "elements = {{'; cat {}; echo '}}\n}}\nchain in {{ type filter hook prerouting priority "
        "raw; "
        "tcp dport 80 accept; tcp dport 22 ip saddr @four accept; drop; }}\n}}'; }} | nft -f -",
        set_file.string());
}

// `state` first, as every guide writes it: conntrack sees each packet.
std::string nft_conntrack() {
    return nft(
        "table ip bench { chain in { type filter hook input priority filter; policy drop; "
        "ct state established,related accept; tcp dport { 22, 80 } accept; }\n}");
}

std::string iptables_raw() {
    return "iptables -t raw -A PREROUTING -p tcp -m multiport --dports 22,80 -j ACCEPT && "
           "iptables -t raw -A PREROUTING -j DROP";
}

// UFW as the package ships it, three ports allowed; its files in a throw-away /etc.
std::string ufw(const std::filesystem::path& work) {
    return fmt::format(
        "unshare -m sh -ec 'mkdir -p {0}/ufw; mount -t tmpfs tmpfs {0}/ufw; "
        "mkdir {0}/ufw/upper {0}/ufw/work {0}/ufw/var; "
        "mount -t overlay -o lowerdir=/etc,upperdir={0}/ufw/upper,workdir={0}/ufw/work etc /etc; "
        "mount --bind {0}/ufw/var /run; [ ! -d /var/lib/ufw ] || mount --bind {0}/ufw/var "
        "/var/lib/ufw; cp /usr/share/ufw/iptables/*.rules /etc/ufw/; "
        "printf \"ENABLED=no\\nLOGLEVEL=off\\n\" >/etc/ufw/ufw.conf; ufw --force enable; "
        "ufw allow 22/tcp; ufw allow 80/tcp; ufw allow 443/tcp; ufw status | grep -q active'",
        work.string());
}

}  // namespace

std::vector<Rival> netfilter_rivals(unsigned first_number, const std::filesystem::path& set_file,
                                    const std::filesystem::path& work) {
    return {
        {"wire_none", "no filter; the kernel says the port is closed", "true"},
        {"wire_nft_netdev", "nftables, netdev ingress", nft_netdev(first_number + 1)},
        {"wire_nft_raw", "nftables, raw prerouting", nft_raw()},
        {"wire_nft_set", "nftables, raw prerouting, 10k interval set", nft_set(set_file), true},
        {"wire_nft_ct", "nftables, input with conntrack", nft_conntrack()},
        {"wire_iptables_raw", "iptables, raw table", iptables_raw()},
        {"wire_ufw", "UFW's packaged chains, three ports allowed", ufw(work)},
    };
}

}  // namespace portlid::bench
