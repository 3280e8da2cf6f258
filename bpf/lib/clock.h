// SPDX-License-Identifier: GPL-2.0-only
// CLOCK_MONOTONIC as of the last timer tick. It costs 5 ns where a virtual machine pays 40 to read
// its clock, and like the jiffies of conntrack and xt_recent it stands still during a suspend: for
// idle times and rates. Deadlines that somebody was promised go by CLOCK_BOOTTIME.
#pragma once

#include "lib/maps.h"

static __always_inline __u64 tick_now_ns(void) {
    return bpf_ktime_get_coarse_ns();
}
