#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PID 1 of scripts/vm-test's VM (busybox sh): mounts, wires, a "container" behind DNAT and
# MASQUERADE as Docker writes them, then the rows. Says `vm: result N` at the end of each boot; of
# the first one the caller cuts the power when it reads `vm: pull the plug`.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/null
echo "vm: booted $(uname -r)"
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t securityfs none /sys/kernel/security
mount -t tmpfs none /run
mkdir -p /run/netns /run/test
failed=0

row() { # row ID SENTENCE CMD...
    id=$1 sentence=$2
    shift 2
    if "$@" >/run/test/out 2>&1; then
        echo "PASS vm $id $sentence"
    else
        echo "FAIL vm $id $sentence"
        sed 's/^/    /' /run/test/out
        failed=$((failed + 1))
        return 1
    fi
}
wait_until() { # wait_until TRIES CMD...: a try is 0.1 s
    left=$1
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        usleep 100000
    done
}
ip() { /iproute/ip "$@"; } # busybox prefers its own ip, which knows no namespaces
inside() { # inside NS CMD...
    ns=$1
    shift
    [ "$1" != ip ] || { shift && set -- /iproute/ip "$@"; }
    nsenter --net="/run/netns/$ns" "$@"
}

wire() { # wire NS NAME ADDRESS GATEWAY [BRIDGE]
    ip netns add "$1"
    ip link add "$2" type veth peer name eth0 netns "$1"
    ip link set "$2" up
    inside "$1" ip link set lo up
    inside "$1" ip address add "$3" dev eth0
    inside "$1" ip link set eth0 up
    inside "$1" ip route add default via "$4"
    [ -z "${5:-}" ] || ip link set "$2" master "$5"
}

set_up_wires() {
    while read -r module; do insmod "/modules/$module.ko"; done </modules/order
    ip link set lo up
    sysctl -qw net.ipv4.ip_forward=1
    # The stranger's wire is the uplink: it carries the default route.
    wire cli up0 203.0.113.9/24 203.0.113.1
    ip address add 203.0.113.1/24 dev up0
    ip route add default via 203.0.113.9
    ip link add docker0 type bridge
    ip address add 172.17.0.1/16 dev docker0
    ip link set docker0 up
    for n in 2 3 4 5 6; do wire "c$n" "v$n" "172.17.0.$n/16" 172.17.0.1 docker0; done
    docker_rules
}

docker_rules() {
    iptables -t nat -N DOCKER
    iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
    iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
    iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
    iptables -t nat -A DOCKER -i docker0 -j RETURN
    iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    iptables -P INPUT DROP
    iptables -A INPUT -i lo -j ACCEPT
    iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    iptables -A INPUT -p tcp --dport 22 -j ACCEPT
}

in_container() { # in_container ID CMD...: in a cgroup named as Docker names it, and in c2
    mkdir -p "/sys/fs/cgroup/docker/$1"
    sh -c 'echo $$ >"/sys/fs/cgroup/docker/$0/cgroup.procs"; exec "$@"' "$@" &
}

start_servers() {
    container=$(yes 0123456789abcdef | head -n 4 | tr -d '\n')
    in_container "$container" nsenter --net=/run/netns/c2 httpd -f -vv -p 80 -h /www 2>/run/test/web.log
    nc -ll -p 22 -e cat &
    inside cli dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
        --pid-file= --address=/lab.example/203.0.113.9 --bind-interfaces --log-facility=- &
    wait_until 50 inside c3 nslookup lab.example 203.0.113.9
    wait_until 50 curl_web
}

curl_web() { inside cli timeout 3 wget -qO- http://203.0.113.1:8080/ | grep -q hello; }
reach_ssh() { echo hi | inside cli timeout 3 nc -w 2 203.0.113.1 22 | grep -q hi; }
policy() {
    printf 'version: 1\nmode: %s\nzones:\n  public:\n    interfaces: [uplink]\n    default: drop\n' "$1"
    printf 'services:\n  - name: ssh\n    ports: [22/tcp]\n'
}
status() { portlid status -o json; }
is_ready() { status | grep -q '"ready": *true'; }
field_is() { status | tr -d ' \n' | grep -q "\"$1\":\"$2\""; }

start_sensor() { # start_sensor ATTACH
    policy monitor >/run/test/policy.yaml
    portlid run --policy /run/test/policy.yaml --attach "$1" --docker none \
        --state-dir "/run/test/state-$1" --events "file:/run/test/events-$1" &
    sensor=$!
    wait_until 100 ready_or_dead && is_ready
}
ready_or_dead() { is_ready || ! kill -0 "$sensor" 2>/dev/null; }

every_hook() {
    status | tr -d ' \n' | grep -o '"hooks":\[[^]]*\]' >/run/test/hooks
    tr '}' '\n' </run/test/hooks
    grep -q '"name":"lsm_listen"' /run/test/hooks || return 1
    ! grep -qE '"state":"(unavailable|failed)"' /run/test/hooks
}
attached_as() { field_is attach "$1" && field_is name up0; }
to_enforce() {
    policy enforce >/run/test/policy.new
    mv /run/test/policy.new /run/test/policy.yaml
    kill -HUP "$sensor"
    wait_until 100 field_is effective enforce
}
dropped_nothing() { ! status | tr -d ' \n' | grep -qE '"dropped":[1-9]'; }
closed() {
    lines=$(wc -l </run/test/web.log)
    ! curl_web || return 1
    [ "$(wc -l </run/test/web.log)" = "$lines" ] || return 1
    status | tr -d ' \n' | grep -qE '"no_service":[1-9]'
}
event_said() { grep '"net.verdict"' "/run/test/events-$1" | grep '"port":8080' | grep -q "\"verdict\":\"$2\""; }
queries() { # 40 from one namespace; the number answered
    answered=0
    for _ in $(seq 40); do
        inside "$1" nslookup -type=a lab.example 203.0.113.9 >/dev/null 2>&1 && answered=$((answered + 1))
    done
    echo "$answered" >"/run/test/dns-$1"
}
dns_in_parallel() {
    pids=
    for n in 2 3 4 5 6; do queries "c$n" & pids="$pids $!"; done
    for pid in $pids; do wait "$pid"; done
    total=$(cat /run/test/dns-c* | awk '{ s += $1 } END { print s }')
    echo "$total of 200"
    [ "$total" = 200 ]
}
stopped() {
    kill -TERM "$sensor" && wait "$sensor" || return 1
    [ -z "$(ls /sys/fs/bpf/portlid 2>/dev/null)" ] || return 1
    ! ip -d link show up0 | grep -q xdp && curl_web
}
# shellcheck source=scripts/lib/vm_reboot.sh
. /vm_reboot.sh
names_container() { portlid ports -o json | tr -d ' \n' | grep -q "\"id\":\"$container\""; }

end_of_first_boot() {
    echo "vm: result $failed"
    echo "vm: pull the plug"
    sleep 600
}

boot=$(sed -n 's/.*vm_boot=\([0-9]\).*/\1/p' /proc/cmdline)
set_up_wires
start_servers
mount_state
if [ "$boot" = 2 ]; then
    after_the_cut
    echo "vm: result $failed"
    sync
    poweroff -f
fi
if grep -q vm_only=reboot /proc/cmdline; then
    before_the_cut
    end_of_first_boot
fi
row V00 "without a sensor: the published port and DNS of the containers work" curl_web
row B02 "without a sensor: 200 of 200 DNS queries" dns_in_parallel
row V01 "doctor runs and finds what this kernel has" portlid doctor
cat /run/test/out
for attach in native generic tc; do
    row V02 "$attach: the sensor is ready" start_sensor "$attach" || continue
    row V03 "$attach: attached to the uplink as asked" attached_as "$attach"
    row V04 "$attach: every program is loaded and attached, the LSM ones too" every_hook
    row V05 "$attach: the container's listener has its container id" wait_until 50 names_container
    row A01 "$attach: monitor lets a stranger reach the published port" curl_web
    row A01 "$attach: and says would_drop" wait_until 50 event_said "$attach" would_drop
    row B02 "$attach: monitor: 200 of 200 DNS queries of 5 containers in parallel" dns_in_parallel
    row M02 "$attach: monitor dropped nothing" dropped_nothing
    row F01 "$attach: SIGHUP with an enforcing policy" to_enforce
    row A02 "$attach: enforce: no reach, the container sees nothing, the drop is counted" closed
    row A02 "$attach: the open port 22 is open" reach_ssh
    row B02 "$attach: enforce: 200 of 200 DNS queries of 5 containers in parallel" dns_in_parallel
    row E15 "$attach: stopped; nothing is left and traffic is as before" stopped
done
before_the_cut
end_of_first_boot
