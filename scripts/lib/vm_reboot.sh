#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Part of scripts/vm-test's init: a policy that nobody confirmed, the daemon killed inside its
# window, the power cut; and what the next boot makes of the same disk. Uses vm_init.sh's words.
# shellcheck disable=SC2154  # boot: set there
mount_state() {
    mkdir -p /state
    wait_until 50 test -b /dev/vda
    mount -t ext4 /dev/vda /state
}

start_on_disk() {
    portlid run --policy /state/policy.yaml --attach auto --docker none --state-dir /state/portlid \
        --events "file:/state/events-$boot" &
    sensor=$!
    wait_until 100 ready_or_dead && is_ready
}
policy_with_web() {
    policy enforce
    printf '  - name: web\n    ports: [8080/tcp]\n'
}
no_web() { ! curl_web; }
not_confirmed() {
    # On the disk before apply: what follows is the sensor's own to make durable.
    policy_with_web >/state/policy.new && mv /state/policy.new /state/policy.yaml && sync
    portlid apply --confirm-within 8s || return 1
    curl_web || { echo "the new policy does not open its port" && return 1; }
    kill -KILL "$sensor"
    # A try takes 0.1 s on a fast machine: three times the window, and the row ends when the port closes.
    wait_until 240 no_web || { echo "the window is over and the port still open" && return 1; }
    reach_ssh
}

before_the_cut() {
    policy enforce >/state/policy.yaml
    sync
    row R01 "state on a disk: the sensor is ready and enforces" start_on_disk || return
    row R01 "the port is closed" closed
    row R02 "an unconfirmed policy, the daemon killed in its window: the old one is back" not_confirmed
}

went_back() {
    wait_until 50 grep '"kind":"policy.rolled_back"' "/state/events-$boot" || return 1
    status | tr -d ' \n' | grep -q '"pending":null' || return 1
    field_is effective enforce && closed && reach_ssh
}
after_the_cut() {
    grep -q 8080 /state/policy.yaml || echo "vm: the disk has forgotten the new policy"
    row R03 "after a power cut: the sensor starts on the same disk" start_on_disk || return
    row R03 "the unconfirmed text is not loaded, though the file has it: the old policy is in force" went_back
    row R04 "apply forgives it" portlid apply
    row R04 "and now the port is open" curl_web
}
