# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Did the kernel complain while the tests ran? Reads dmesg, writes nothing. Sourced.

# Lines of a kernel log (stdin) that are faults of the kernel, not news.
kernel_faults() {
    grep -E 'WARNING:|BUG:|Oops|Kernel panic|general protection fault|Unable to handle kernel|rcu.*(stall|detected)|(soft|hard) (lockup|LOCKUP)|KASAN|UBSAN|INFO: task .* blocked|circular locking' || true
}

# Lines of `dmesg` (stdin) that are not older than UPTIME seconds.
kernel_log_since() { # UPTIME
    awk -v since="$1" -F '[][]' '$2 + 0 >= since'
}

kernel_log_begin() {
    kernel_log_start=$(cut -d' ' -f1 /proc/uptime)
    dmesg >/dev/null 2>&1 || {
        say "SKIPPED: the kernel's log is not readable here, so its warnings are not looked for"
        kernel_log_start=
    }
}

# Fails, printing them, when the kernel reported faults since kernel_log_begin.
kernel_log_end() {
    local faults
    [ -n "${kernel_log_start:-}" ] || return 0
    faults=$(dmesg | kernel_log_since "$kernel_log_start" | kernel_faults)
    [ -z "$faults" ] || {
        say "the kernel complained while the tests ran (whoever made it: look at dmesg):"
        say "$faults"
        return 1
    }
    say "the kernel logged no warning while the tests ran"
}
