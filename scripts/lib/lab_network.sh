# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Wires and addresses:  host, cli2 -- segment (bridge in router) -- router -- cli, srv

network_up() {
    local host
    for host in host router cli cli2 srv; do
        lab_holder "$host"
    done
    lab_exec router sh -ec '
        sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        ip link add segment type bridge mcast_snooping 0
        # A switch looks into no IP header: forged packets have to arrive as they were sent.
        for call in iptables ip6tables arptables; do
            file=/proc/sys/net/bridge/bridge-nf-call-$call
            [ ! -e "$file" ] || echo 0 >"$file"
        done
        sysctl -qw net.ipv6.conf.segment.accept_dad=0
        ip link set segment up
        ip address add 198.51.100.1/24 dev segment
        ip -6 address add 2001:db8:100::1/64 dev segment nodad'
    host_wired
    host_addressed
    segment_member cli2 198.51.100.20 2001:db8:100::20
    routed_member cli 203.0.113.9 203.0.113.1 2001:db8:203::
    routed_member srv 203.0.113.130 203.0.113.129 2001:db8:53::
}

# wire HOST: eth0 of HOST to an interface of the same name as HOST in router.
wire() {
    lab_exec "$1" sh -ec "
        ip link add eth0 type veth peer name '$1' netns '$(cat "$LAB_DIR/hosts/router")'
        sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.accept_ra=0
        ip link set eth0 up"
    lab_exec router sh -ec "sysctl -qw net.ipv6.conf.$1.accept_dad=0; ip link set '$1' up"
}

# segment_member HOST V4 V6
segment_member() {
    segment_wired "$1"
    segment_addressed "$@"
}
segment_wired() {
    wire "$1"
    lab_exec router ip link set "$1" master segment
}
segment_addressed() {
    lab_exec "$1" sh -ec "
        ip address add $2/24 dev eth0; ip route add default via 198.51.100.1
        ip -6 address add $3/64 dev eth0 nodad; ip -6 route add default via 2001:db8:100::1"
}

# The two halves of the Docker host's eth0, since it may be taken away: `scripts/lab replug`.
host_wired() { segment_wired host; }
host_addressed() {
    segment_addressed host 198.51.100.10 2001:db8:100::10
    lab_exec host ip address add 198.51.100.11/24 dev eth0
}

# routed_member HOST V4 ROUTER_V4 V6_PREFIX: a /25 and a /64 of its own behind router.
routed_member() {
    wire "$1"
    lab_exec router sh -ec "
        ip address add $3/25 dev '$1'; ip -6 address add ${4}1/64 dev '$1' nodad"
    lab_exec "$1" sh -ec "
        ip address add $2/25 dev eth0; ip route add default via $3
        ip -6 address add $4${2##*.}/64 dev eth0 nodad; ip -6 route add default via ${4}1"
}

srv_answers() { lab_exec cli curl -fsm 2 http://203.0.113.130/hello; }

servers_up() {
    lab_spawn srv dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
        --user=root --pid-file= --log-facility=- --cache-size=0 --dns-forward-max=1000 \
        --bind-interfaces --local=/example/ --address=/lab.example/203.0.113.130 \
        --address=/lab.example/2001:db8:53::130
    lab_spawn srv http /usr/bin/python3 -I "$(repo_root)/scripts/lib/lab_server.py"
    wait_for 30 srv_answers || die "the lab's HTTP server does not answer"
}
