# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Where a lab lives, and its processes: one cgroup with `host` (all that the Docker host runs; the
# sensor's --cgroup) and `out` (everybody else).

LAB=${PORTLID_LAB:-lab}
[[ $LAB =~ ^[a-z0-9-]{1,32}$ ]] || die "PORTLID_LAB '$LAB' is not a-z, 0-9 and -" "PORTLID_LAB=lab"
LAB_BASE=${PORTLID_LAB_DIR:-$(repo_root)/build/lab}
LAB_DIR=$LAB_BASE/$LAB
LAB_CGROUP=$(cgroup2_mount)/portlid-$LAB

lab_check_tools() {
    need_tools ip=iproute2 nsenter=util-linux unshare=util-linux findmnt=util-linux curl=curl \
        dnsmasq=dnsmasq-base busybox=busybox-static gcc=gcc
    [ "$1" = no ] || need_tools dockerd=docker.io docker=docker.io ufw=ufw iptables=iptables
    [ -x /usr/bin/python3 ] || die "missing: /usr/bin/python3" "apt-get install python3"
}

lab_make_cgroups() { mkdir "$LAB_CGROUP" "$LAB_CGROUP/host" "$LAB_CGROUP/host/init" "$LAB_CGROUP/out"; }

# The leaf that a host's processes go to.
lab_leaf() { [ "$1" = host ] && echo "$LAB_CGROUP/host/init" || echo "$LAB_CGROUP/out"; }

# lab_spawn HOST LOG CMD...: in the background, in HOST's namespaces and cgroup.
lab_spawn() {
    local host=$1 log=$LAB_DIR/log/$2
    shift 2
    (lab_exec "$host" "$@" </dev/null >"$log" 2>&1) &
    disown
}

# lab_exec HOST CMD...: the command's own exit code comes back.
lab_exec() (lab_enter "$@")

# lab_enter HOST CMD...: becomes the command, so that signals to this process reach it.
lab_enter() {
    local host=$1 pid
    shift
    pid=$(cat "$LAB_DIR/hosts/$host")
    echo "$BASHPID" >"$(lab_leaf "$host")/cgroup.procs"
    [ "$host" != host ] || export DOCKER_CONFIG=/run/docker-cli DOCKER_HOST=unix:///run/docker.sock
    exec nsenter --target "$pid" --net --mount --wdns="$PWD" -- "$@"
}

# lab_holder HOST: makes HOST's namespaces, kept by one sleeping process.
lab_holder() {
    local host=$1
    (
        echo "$BASHPID" >"$(lab_leaf "$host")/cgroup.procs"
        exec unshare --net --mount --propagation private --fork -- \
            sh -c "echo \$\$ >'$LAB_DIR/hosts/$host.new'; exec sleep infinity" </dev/null >/dev/null 2>&1
    ) &
    disown
    wait_for 5 test -s "$LAB_DIR/hosts/$host.new" || die "no namespace for $host"
    mv "$LAB_DIR/hosts/$host.new" "$LAB_DIR/hosts/$host"
    lab_exec "$host" ip link set lo up
}

lab_cgroup_empty() { grep -q '^populated 0' "$LAB_CGROUP/cgroup.events"; }

lab_kill_all() {
    [ -d "$LAB_CGROUP" ] || return 0
    echo 1 >"$LAB_CGROUP/cgroup.kill"
    wait_for 10 lab_cgroup_empty || die "processes of lab '$LAB' do not end" "cat $LAB_CGROUP/cgroup.procs"
}

# Containers leave directories under every hierarchy of a hybrid machine; a task that is just dying
# keeps its directory busy for a moment.
lab_remove_cgroups() {
    local top
    for top in /sys/fs/cgroup/portlid-"$LAB" /sys/fs/cgroup/*/portlid-"$LAB"; do
        [ ! -d "$top" ] || wait_for 10 lab_remove_tree "$top" ||
            die "cannot remove $top" "cat $top/cgroup.procs"
    done
}
lab_remove_tree() { find "$1" -depth -type d -exec rmdir {} + && [ ! -d "$1" ]; }

lab_show_logs() {
    local log
    for log in "$LAB_DIR"/log/*; do
        [ ! -s "$log" ] || { say "== ${log##*/}"; tail -n 20 "$log" >&2; }
    done
}
