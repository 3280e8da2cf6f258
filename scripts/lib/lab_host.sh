# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The Docker host: its own view of files (fresh UFW, empty /run, own sysfs and bpffs), its UFW that
# denies everything, its dockerd. All of it inside the mount namespace that dies with the lab.

# /etc is an overlay in memory, so neither ufw nor dockerd can write to the machine's. sysfs is
# mounted anew because it shows the interfaces of the namespace that mounted it.
host_prepare() {
    lab_exec host sh -ec '
        cgroups=$(mktemp -d "$1/cgroup.XXXX")
        mount --rbind /sys/fs/cgroup "$cgroups"
        mount -t sysfs sysfs /sys
        mount --rbind "$cgroups" /sys/fs/cgroup
        umount -l "$cgroups"; rmdir "$cgroups"
        mount -t bpf -o mode=0700 bpf /sys/fs/bpf
        mount -t tracefs tracefs /sys/kernel/tracing || true
        mount -t tmpfs -o mode=0755 lab-run /run
        mkdir -p /run/etc/upper /run/etc/work /run/lock /run/docker-cli
        mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work lab-etc /etc
        for dir in /var/lib/ufw /var/lib/docker; do
            [ ! -d "$dir" ] || mount -t tmpfs lab-var "$dir"
        done' sh "$LAB_DIR"
}

# The rules that the package ships, not those of the machine.
ufw_up() {
    lab_exec host sh -ec '
        cp /usr/share/ufw/iptables/*.rules /etc/ufw/
        cp /usr/share/ufw/before.init /usr/share/ufw/after.init /etc/ufw/
        printf "ENABLED=no\nLOGLEVEL=off\n" >/etc/ufw/ufw.conf
        sed -i "s/^IPV6=.*/IPV6=yes/; s/^\(DEFAULT_[IF].*_POLICY\)=.*/\1=\"DROP\"/" /etc/default/ufw
        ufw --force enable' >"$LAB_DIR/log/ufw" 2>&1
    lab_exec host ufw status | grep -q '^Status: active' || die "ufw did not become active"
}

docker_ready() { lab_exec host docker version; }

# cgroupfs driver, so that container groups go under our own parent also where systemd runs.
docker_up() {
    local options
    read -ra options <<<"${PORTLID_LAB_DOCKERD:-}"
    lab_exec host sh -c 'echo "{}" >/run/dockerd.json'
    lab_spawn host dockerd dockerd --config-file /run/dockerd.json --data-root "$LAB_DIR/docker" \
        --exec-root /run/docker --pidfile /run/dockerd.pid --host unix:///run/docker.sock \
        --storage-driver vfs --exec-opt native.cgroupdriver=cgroupfs \
        --cgroup-parent "/portlid-$LAB/host/docker" --bip 172.30.0.1/24 \
        --default-address-pool base=172.31.0.0/16,size=24 --dns 203.0.113.130 \
        --ipv6 --fixed-cidr-v6 fd00:d0c::/64 --ip6tables --experimental --log-level warn "${options[@]}"
    wait_for 30 docker_ready || die "dockerd does not answer"
    image_import
}

# tiny:1 = busybox, the echo server and a page that says hello.
image_import() {
    local root=$LAB_DIR/image applet
    mkdir -p "$root/bin" "$root/www" "$root/etc" "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    echo hello >"$root/www/index.html"
    echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
    gcc -static -Os -s -Wall -Wextra -o "$root/bin/lab_echo" "$(repo_root)/tests/support/lab_echo.c"
    tar -C "$root" -c . | lab_exec host docker import -c 'CMD ["httpd","-f","-vv","-p","80","-h","/www"]' \
        - tiny:1 >/dev/null
}
