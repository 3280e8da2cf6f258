# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Which Debian 12 packages a task needs, and how they are installed without side effects: starting
# services is inhibited for that one call, since docker.io and ufw would change the firewall of
# whoever runs this. Sourced after common.sh.

BUILD_PACKAGES=(
    g++ cmake ninja-build pkgconf clang lld llvm bpftool libbpf-dev libelf-dev zlib1g-dev
    libyaml-cpp-dev nlohmann-json3-dev libcurl4-openssl-dev libmicrohttpd-dev libmnl-dev
    libspdlog-dev libfmt-dev libcli11-dev libexpected-dev libexpat1-dev libsqlite3-dev
    libssl-dev libcap-ng-dev iproute2
)
TEST_PACKAGES=(
    libgtest-dev libgmock-dev clang-format clang-tidy libclang-rt-14-dev shellcheck git ca-certificates ccache
    docker.io ufw iptables nftables busybox-static dnsmasq-base curl procps python3 iputils-ping
    tcpdump ethtool netcat-openbsd qemu-system-x86 cpio kmod util-linux openssl traceroute xdp-tools
    python3-yaml python3-jsonschema fail2ban podman
    rsyslog rsyslog-openssl rsyslog-pgsql postgresql systemd-journal-remote prometheus
    scdoc dpkg-dev lintian man-db libseccomp2 systemd debootstrap
)
# Node.js from elsewhere brings its own npm and refuses Debian's package of that name.
command -v npm >/dev/null || TEST_PACKAGES+=(npm)
# What scripts/bench measures Portlid against.
BENCH_PACKAGES=(xdp-tools nftables iptables ufw ethtool libgtest-dev libgmock-dev)

missing_packages() { # of those named
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s\n' "$package"
    done
}

# policy-rc.d is what Debian's maintainer scripts ask before they start a service; 101 = no. One
# that is there already is put back.
inhibit_services() {
    [ ! -e /usr/sbin/policy-rc.d ] || mv /usr/sbin/policy-rc.d /usr/sbin/policy-rc.d.portlid
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
}
allow_services() {
    rm -f /usr/sbin/policy-rc.d
    [ ! -e /usr/sbin/policy-rc.d.portlid ] ||
        mv /usr/sbin/policy-rc.d.portlid /usr/sbin/policy-rc.d
}

# install_packages PACKAGE...: asks on a terminal, says what it does elsewhere.
install_packages() {
    local wanted
    mapfile -t wanted < <(missing_packages "$@")
    [ ${#wanted[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || die "these Debian packages are missing: ${wanted[*]}" \
        "sudo apt-get install ${wanted[*]}"
    say "installing (services are not started): ${wanted[*]}"
    if [ -t 0 ] && [ -z "${CI:-}" ]; then
        read -r -p "go on? [Y/n] " answer
        case $answer in [nN]*) die "nothing was installed" "apt-get install ${wanted[*]}" ;; esac
    fi
    inhibit_services
    trap allow_services EXIT
    local log=/var/log/portlid-install.log
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends "${wanted[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt-get failed; its output is in $log" "apt-get install ${wanted[*]}"
    fi
    allow_services
    trap - EXIT
}

# syslog-ng and rsyslog exclude each other, so its files are unpacked, not installed.
unpack_syslog_ng() { # unpack_syslog_ng DIRECTORY
    [ ! -x "$1/usr/sbin/syslog-ng" ] || return 0
    local packages
    packages=$(mktemp -d)
    mkdir -p "$1"
    say "unpacking syslog-ng into $1"
    (cd "$packages" && apt-get download syslog-ng-core libivykis0 libnet1 libwrap0 >log 2>&1) ||
        say "no syslog-ng here, its test will be skipped: $(tail -n 1 "$packages/log")"
    local package
    for package in "$packages"/*.deb; do
        [ ! -e "$package" ] || dpkg-deb -x "$package" "$1"
    done
    rm -rf "$packages"
}
