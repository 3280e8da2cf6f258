#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Inside scripts/vm-host-test's VM, after each boot. Stage 0: install, watch, enforce, reboot. Stage 1: what the boot
# was like, kill -9, watchdog, upgrade, remove, purge. Phases are for the prober outside.
here=/run/vmtest
state=/var/lib/vmtest
failed=$(cat $state/failed 2>/dev/null || echo 0)
echo "vm: booted $(uname -r)"

row() { # row ID SENTENCE CMD...
    local id=$1 sentence=$2
    shift 2
    if "$@" >$here/out 2>&1; then
        echo "PASS vm $id $sentence"
    else
        echo "FAIL vm $id $sentence"
        sed 's/^/    /' $here/out
        failed=$((failed + 1))
    fi
}
wait_until() { # wait_until SECONDS CMD...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.2
    done
}
finish() {
    echo "vm: result $failed"
    sync
    systemctl poweroff --force --force
}
status_has() { portlid status -o json | tr -d ' \n' | grep -q "$1"; }
active() { systemctl is-active -q portlid; }
pid() { systemctl show -p MainPID --value portlid; }
when() { systemctl show -p ActiveEnterTimestampMonotonic --value "$1"; }
links() { find /sys/fs/bpf/portlid/*/links | sort; }
serve_ssh() { busybox nc -ll -p 22 -e cat & }

installed() {
    apt-get install -y $here/portlid.deb
    wait_until 120 active && status_has '"effective":"monitor"' && return 0
    systemctl status --no-pager -l portlid
    journalctl --no-pager -o cat -n 40 -u portlid
    return 1
}
container() {
    docker import -c 'CMD ["/bin/httpd","-f","-p","80","-h","/www"]' $here/tiny.tar tiny:1 &&
        docker run -d --name web --restart always -p 8080:80 tiny:1 &&
        wait_until 30 sh -c 'portlid ports -o json | tr -d " \n" | grep -q "\"port\":8080.*\"name\":\"web\""'
}
exposed() { portlid ports | tee /dev/stderr | grep 8080 | grep -q EXPOSED; }
confined() {
    systemd-analyze security --threshold=30 --no-pager portlid | tail -n 1
    [ "${PIPESTATUS[0]}" = 0 ] || return 1
    active && grep -E 'CapEff|Seccomp:' "/proc/$(pid)/status" || return 1
    grep -q 'Seccomp:.2' "/proc/$(pid)/status" && grep -qi 'CapEff:.*000000c000281004' "/proc/$(pid)/status"
}
enforce() {
    cat >/root/new.yaml <<'YAML'
version: 1
mode: enforce
zones:
  public: { interfaces: [uplink], default: drop, existing: 0 }
services:
  - { name: ssh, ports: [22/tcp] }
YAML
    chmod 600 /root/new.yaml
    portlid apply /root/new.yaml && status_has '"effective":"enforce"'
}
boot_order() {
    echo "portlid $(when portlid) network-pre $(when network-pre.target) networking $(when networking) docker $(when docker)"
    [ "$(when portlid)" -gt 0 ] && [ "$(when portlid)" -le "$(when network-pre.target)" ] &&
        [ "$(when portlid)" -lt "$(when networking)" ] && [ "$(when portlid)" -lt "$(when docker)" ]
}
container_back() { wait_until 120 sh -c 'docker inspect -f "{{.State.Running}}" web 2>/dev/null | grep -q true'; }
named() { wait_until 60 sh -c 'portlid ports -o json | tr -d " \n" | grep -q "\"port\":8080.*\"name\":\"web\""'; }
new_pid() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$old" ] && active; }
killed() {
    old=$(pid) before=$(links)
    kill -KILL "$old"
    wait_until 60 new_pid && status_has '"effective":"enforce"' && [ "$(links)" = "$before" ]
}
watched() {
    mkdir -p /run/systemd/system/portlid.service.d
    printf '[Service]\nWatchdogSec=4s\n' >/run/systemd/system/portlid.service.d/quick.conf
    systemctl daemon-reload && systemctl restart portlid || return 1
    old=$(pid)
    kill -STOP "$old"
    wait_until 60 new_pid && systemctl show -p NRestarts portlid && status_has '"effective":"enforce"'
}
upgraded() {
    old=$(pid) before=$(links)
    dpkg -i $here/newer.deb && new_pid && [ "$(links)" = "$before" ] && status_has '"effective":"enforce"' &&
        dpkg-query -W -f '${Version}' portlid | grep -q 9.9.9
}
removed() { dpkg -r portlid && [ ! -e /sys/fs/bpf/portlid ] && ! pgrep -x portlid && ! ip -d link show eth0 | grep -q xdp; }
purged() {
    dpkg -P portlid || return 1
    left=$(find / -xdev \( -path /proc -o -path /sys -o -path /run/vmtest -o -path /var/log/journal \) -prune -o -name '*portlid*' -print |
        grep -v -e '^/etc/hostname' -e vmtest)
    echo "$left"
    [ -z "$left" ] && ! getent group portlid
}

case $(cat $state/stage 2>/dev/null || echo 0) in
    0)
        serve_ssh
        row V00 "docker and ufw run on a stock Debian 12" sh -c 'ufw allow 22/tcp && ufw --force enable && docker version'
        row V01 "apt install: the service runs and monitors" installed
        row V02 "a container publishes a port and is named" container
        row V03 "ufw denies it, and it is called exposed" exposed
        row V04 "confined: exposure at most 3.0, six capabilities, seccomp" confined
        echo "vm: phase monitor"
        sleep 5
        row V05 "an enforcing policy is applied" enforce
        echo "vm: phase enforced"
        sleep 2
        echo 1 >$state/stage
        echo "$failed" >$state/failed
        sync
        systemctl reboot
        ;;
    1)
        serve_ssh
        row V06 "the sensor was up before the network and before docker" boot_order
        row V07 "it enforces, from the last good policy" status_has '"effective":"enforce"'
        row V08 "the container is back by itself" container_back
        row V09 "and is named: the engine is found though it came later" named
        sleep 5
        row V10 "kill -9: systemd starts it anew, the links are the same" killed
        row V11 "a sensor that hangs is ended by the watchdog and started anew" watched
        row V12 "an upgrade: another process, the same links" upgraded
        echo "vm: phase removing"
        sleep 1 # until the prober has read that
        row V13 "remove: nothing of it is in the kernel" removed
        echo "vm: phase removed"
        sleep 5
        row V14 "purge: no file, no group" purged
        finish
        ;;
esac
