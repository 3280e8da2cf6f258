// SPDX-License-Identifier: Apache-2.0
// Ports and programs that hold data or give control, and have no business with strangers.
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "inventory/audit.hpp"

namespace portlid::inventory {

namespace {

struct KnownPort {
    std::uint8_t protocol;
    std::uint16_t port;
    std::string_view name;
};

constexpr std::array kKnownPorts{
    KnownPort{IPPROTO_TCP, 23, "Telnet"},
    KnownPort{IPPROTO_UDP, 69, "TFTP"},
    KnownPort{IPPROTO_TCP, 111, "rpcbind"},
    KnownPort{IPPROTO_UDP, 111, "rpcbind"},
    KnownPort{IPPROTO_TCP, 139, "SMB"},
    KnownPort{IPPROTO_UDP, 161, "SNMP"},
    KnownPort{IPPROTO_TCP, 389, "LDAP"},
    KnownPort{IPPROTO_TCP, 445, "SMB"},
    KnownPort{IPPROTO_TCP, 873, "rsync"},
    KnownPort{IPPROTO_TCP, 1433, "SQL Server"},
    KnownPort{IPPROTO_TCP, 1521, "Oracle"},
    KnownPort{IPPROTO_TCP, 2049, "NFS"},
    KnownPort{IPPROTO_TCP, 2181, "ZooKeeper"},
    KnownPort{IPPROTO_TCP, 2379, "etcd"},
    KnownPort{IPPROTO_TCP, 2380, "etcd"},
    KnownPort{IPPROTO_TCP, 3306, "MySQL"},
    KnownPort{IPPROTO_TCP, 3389, "RDP"},
    KnownPort{IPPROTO_TCP, 4369, "the Erlang port mapper"},
    KnownPort{IPPROTO_TCP, 5432, "PostgreSQL"},
    KnownPort{IPPROTO_TCP, 5601, "Kibana"},
    KnownPort{IPPROTO_TCP, 5672, "RabbitMQ"},
    KnownPort{IPPROTO_TCP, 5900, "VNC"},
    KnownPort{IPPROTO_TCP, 5984, "CouchDB"},
    KnownPort{IPPROTO_TCP, 6379, "Redis"},
    KnownPort{IPPROTO_TCP, 6443, "the Kubernetes API"},
    KnownPort{IPPROTO_TCP, 7474, "Neo4j"},
    KnownPort{IPPROTO_TCP, 7687, "Neo4j"},
    KnownPort{IPPROTO_TCP, 8086, "InfluxDB"},
    KnownPort{IPPROTO_TCP, 8123, "ClickHouse"},
    KnownPort{IPPROTO_TCP, 8500, "Consul"},
    KnownPort{IPPROTO_TCP, 9042, "Cassandra"},
    KnownPort{IPPROTO_TCP, 9092, "Kafka"},
    KnownPort{IPPROTO_TCP, 9200, "Elasticsearch"},
    KnownPort{IPPROTO_TCP, 9300, "Elasticsearch"},
    KnownPort{IPPROTO_TCP, 9443, "Portainer"},
    KnownPort{IPPROTO_TCP, 10000, "Webmin"},
    KnownPort{IPPROTO_TCP, 10250, "the kubelet"},
    KnownPort{IPPROTO_TCP, 11211, "memcached"},
    KnownPort{IPPROTO_UDP, 11211, "memcached"},
    KnownPort{IPPROTO_TCP, 15672, "RabbitMQ's administration"},
    KnownPort{IPPROTO_TCP, 27017, "MongoDB"},
    KnownPort{IPPROTO_TCP, 28015, "RethinkDB"},
};

struct KnownProgram {
    std::string_view exe;
    std::string_view name;
};

constexpr std::array kKnownPrograms{
    KnownProgram{"postgres", "PostgreSQL"},
    KnownProgram{"mysqld", "MySQL"},
    KnownProgram{"mariadbd", "MariaDB"},
    KnownProgram{"redis-server", "Redis"},
    KnownProgram{"valkey-server", "Valkey"},
    KnownProgram{"memcached", "memcached"},
    KnownProgram{"mongod", "MongoDB"},
    KnownProgram{"etcd", "etcd"},
    KnownProgram{"influxd", "InfluxDB"},
    KnownProgram{"slapd", "LDAP"},
    KnownProgram{"clickhouse-server", "ClickHouse"},
};

constexpr std::array<std::string_view, 17> kTunnelKinds{
    "tun",   "wireguard", "gre",    "gretap", "ip6gre", "ip6gretap", "ipip", "sit",    "ip6tnl",
    "vxlan", "geneve",    "erspan", "vti",    "vti6",   "xfrm",      "ppp",  "bareudp"};

}  // namespace

std::string_view sensitive_name(std::uint8_t protocol, HostPort port) {
    const auto* known = std::find_if(kKnownPorts.begin(), kKnownPorts.end(), [&](const auto& one) {
        return one.protocol == protocol && one.port == port.value;
    });
    return known == kKnownPorts.end() ? std::string_view() : known->name;
}

std::string_view sensitive_program(std::string_view exe) {
    const auto name = identity::exe_name(exe);
    const auto* known = std::find_if(kKnownPrograms.begin(), kKnownPrograms.end(),
                                     [&](const auto& one) { return one.exe == name; });
    return known == kKnownPrograms.end() ? std::string_view() : known->name;
}

bool is_tunnel(std::string_view kind) {
    return std::find(kTunnelKinds.begin(), kTunnelKinds.end(), kind) != kTunnelKinds.end();
}

}  // namespace portlid::inventory
