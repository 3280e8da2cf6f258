// SPDX-License-Identifier: Apache-2.0
#include "kernel/conntrack.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <charconv>

#include "base/file.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {

namespace {

constexpr const char* kCountFile = "/proc/sys/net/netfilter/nf_conntrack_count";

// What one message says; ports stay 0 and status empty where an attribute is missing.
struct Entry {
    TrackedFlow flow;
    HostPort answered_port;
    std::uint32_t status = 0;
    std::uint8_t protocol = 0;
    std::uint8_t tcp_state = 0;
};

bool has_bytes(const nlattr* attribute, std::size_t bytes) {
    return mnl_attr_get_payload_len(attribute) >= bytes;
}

void read_address(const nlattr* attribute, Entry& entry) {
    const auto* raw = mnl_attr_get_payload(attribute);
    switch (mnl_attr_get_type(attribute)) {
        case CTA_IP_V4_SRC:
            if (has_bytes(attribute, 4)) entry.flow.opener = IpAddress::from_v4(raw);
            break;
        case CTA_IP_V4_DST:
            if (has_bytes(attribute, 4)) entry.flow.target = IpAddress::from_v4(raw);
            break;
        case CTA_IP_V6_SRC:
            if (has_bytes(attribute, 16)) entry.flow.opener = IpAddress::from_v6(raw);
            break;
        case CTA_IP_V6_DST:
            if (has_bytes(attribute, 16)) entry.flow.target = IpAddress::from_v6(raw);
            break;
        default:
            break;
    }
}

void read_protocol(const nlattr* attribute, Entry& entry) {
    switch (mnl_attr_get_type(attribute)) {
        case CTA_PROTO_NUM:
            if (has_bytes(attribute, 1)) entry.protocol = mnl_attr_get_u8(attribute);
            break;
        case CTA_PROTO_SRC_PORT:
            if (has_bytes(attribute, 2))
                entry.flow.opener_port = NetPort{mnl_attr_get_u16(attribute)}.to_host();
            break;
        case CTA_PROTO_DST_PORT:
            if (has_bytes(attribute, 2))
                entry.flow.target_port = NetPort{mnl_attr_get_u16(attribute)}.to_host();
            break;
        default:
            break;
    }
}

void read_tuple(const nlattr* tuple, Entry& entry) {
    for_each_nested(tuple, [&](const nlattr* part) {
        if (mnl_attr_get_type(part) == CTA_TUPLE_IP)
            for_each_nested(part, [&](const nlattr* inner) { read_address(inner, entry); });
        if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO)
            for_each_nested(part, [&](const nlattr* inner) { read_protocol(inner, entry); });
    });
}

void read_tcp_state(const nlattr* info, Entry& entry) {
    for_each_nested(info, [&](const nlattr* protocol) {
        if (mnl_attr_get_type(protocol) != CTA_PROTOINFO_TCP) return;
        for_each_nested(protocol, [&](const nlattr* part) {
            if (mnl_attr_get_type(part) == CTA_PROTOINFO_TCP_STATE && has_bytes(part, 1))
                entry.tcp_state = mnl_attr_get_u8(part);
        });
    });
}

Entry read_entry(const nlmsghdr* message) {
    Entry entry;
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr* attribute) {
        switch (mnl_attr_get_type(attribute)) {
            case CTA_TUPLE_ORIG:
                read_tuple(attribute, entry);
                break;
            case CTA_TUPLE_REPLY: {
                Entry answer;
                read_tuple(attribute, answer);
                entry.answered_port = answer.flow.target_port;
                break;
            }
            case CTA_STATUS:
                if (has_bytes(attribute, 4)) entry.status = ntohl(mnl_attr_get_u32(attribute));
                break;
            case CTA_PROTOINFO:
                read_tcp_state(attribute, entry);
                break;
            default:
                break;
        }
    });
    return entry;
}

bool is_open(const Entry& entry) {
    return entry.protocol == IPPROTO_TCP && (entry.status & IPS_ASSURED) != 0 &&
           entry.tcp_state >= TCP_CONNTRACK_ESTABLISHED &&
           entry.tcp_state <= TCP_CONNTRACK_LAST_ACK;
}

void put_flow_request(nlmsghdr* header) {
    header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
    auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    family->nfgen_family = AF_UNSPEC;
    family->version = NFNETLINK_V0;
}

// 0 where conntrack is not used: asking ctnetlink would load it.
std::size_t tracked_count() {
    const auto text = read_file(kCountFile, 64);
    std::size_t count = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), count);
    return count;
}

Result<> dump_flows(const DumpMessage& collect, const std::function<void()>& restart) {
    auto dumped = netlink_dump(NETLINK_NETFILTER, put_flow_request, collect, restart);
    if (dumped) return {};
    auto error = std::move(dumped.error());
    error.hint = "sudo modprobe nf_conntrack_netlink";
    return pass_on(std::move(error), "list tracked connections");
}

}  // namespace

Result<std::vector<TrackedFlow>> dump_assured_flows() {
    std::vector<TrackedFlow> flows;
    if (tracked_count() == 0) return flows;
    const auto collect = [&](const nlmsghdr* message) {
        const auto entry = read_entry(message);
        if (is_open(entry)) flows.push_back(entry.flow);
    };
    if (auto dumped = dump_flows(collect, [&] { flows.clear(); }); !dumped)
        return pass_on(std::move(dumped.error()));
    return flows;
}

Result<std::set<AnsweredPort>> dump_answered_ports(std::size_t limit) {
    std::set<AnsweredPort> ports;
    const auto count = tracked_count();
    if (count == 0) return ports;
    if (count > limit) return fail(std::to_string(count) + " connections are tracked");
    const auto collect = [&](const nlmsghdr* message) {
        const auto entry = read_entry(message);
        if (entry.protocol == IPPROTO_TCP || entry.protocol == IPPROTO_UDP)
            ports.insert({entry.protocol, entry.answered_port});
    };
    if (auto dumped = dump_flows(collect, [&] { ports.clear(); }); !dumped)
        return pass_on(std::move(dumped.error()));
    return ports;
}

}  // namespace portlid::kernel
