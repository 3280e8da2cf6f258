# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts share: saying what went wrong and what to type next, and waiting for a fact
# instead of for a time. Sourced; expects `set -euo pipefail`.

repo_root() { (cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd); }

say() { printf '%s\n' "$*" >&2; }

# die WHAT [NEXT STEP]
die() {
    say "${0##*/}: $1"
    [ $# -lt 2 ] || say "  next: $2"
    exit 1
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "needs root (namespaces, dockerd, BPF)" "sudo $0 $*"
}

# need_tools TOOL=PACKAGE...: one message that names every missing tool, one command for all.
need_tools() {
    local pair missing=() packages=()
    for pair in "$@"; do
        if ! command -v "${pair%%=*}" >/dev/null 2>&1; then
            missing+=("${pair%%=*}")
            packages+=("${pair#*=}")
        fi
    done
    [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}" \
        "sudo scripts/test (installs ${packages[*]} without starting their services)"
}

# wait_for SECONDS CMD...: polls until CMD succeeds; fails when the time is up.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# The cgroup v2 mount, also on a hybrid machine.
cgroup2_mount() {
    local mount
    mount=$(findmnt -rn -t cgroup2 -o TARGET | head -n 1)
    [ -n "$mount" ] || die "no cgroup v2 hierarchy is mounted" \
        "mount -t cgroup2 none /sys/fs/cgroup/unified"
    printf '%s\n' "$mount"
}
