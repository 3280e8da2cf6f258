// SPDX-License-Identifier: Apache-2.0
// What stays, and why. A sensor cannot give up what it attached with: it attaches again whatever
// somebody detached or brought up, enters the network namespaces of new containers at each sweep,
// and opens programs and maps by id.
#include <cap-ng.h>

#include <algorithm>
#include <array>

#include "kernel/capabilities.hpp"

namespace portlid::kernel {

namespace {

constexpr std::array<unsigned, 6> kSensorKeeps = {
    CAP_BPF,             // maps and programs
    CAP_PERFMON,         // tracing programs; packet programs as fast as they can be
    CAP_NET_ADMIN,       // XDP, tc, cgroup hooks; dumps of sockets and conntrack
    CAP_SYS_ADMIN,       // setns into containers' network namespaces; maps and programs by id
    CAP_SYS_PTRACE,      // /proc/PID of others: exe, fd, ns/net
    CAP_DAC_READ_SEARCH  // the same, of processes of other users
};
// Of a shell's root, never in the unit: files of others that the command line names.
constexpr std::array<unsigned, 3> kShellKeeps = {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER};
// Of nft, iptables-save (the old one opens a raw socket).
constexpr std::array<unsigned, 2> kProgramsGet = {CAP_NET_ADMIN, CAP_NET_RAW};

template <std::size_t N>
bool listed(const std::array<unsigned, N>& list, unsigned capability) {
    return std::find(list.begin(), list.end(), capability) != list.end();
}

void drop_from(capng_type_t sets, unsigned capability) {
    capng_update(CAPNG_DROP, sets, capability);
}

// Permitted must hold what ambient holds.
void shrink_to_needs(unsigned capability) {
    const bool own = listed(kSensorKeeps, capability) || listed(kShellKeeps, capability);
    if (!own) drop_from(CAPNG_EFFECTIVE, capability);
    if (listed(kProgramsGet, capability)) return;
    if (!own) drop_from(CAPNG_PERMITTED, capability);
    drop_from(static_cast<capng_type_t>(CAPNG_INHERITABLE | CAPNG_BOUNDING_SET | CAPNG_AMBIENT),
              capability);
}

}  // namespace

Result<> drop_capabilities() {
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_get_caps_process() != 0) return fail("cannot read this process's capabilities");
    // The bounding set is for who holds CAP_SETPCAP; the unit has it small from the start.
    const bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability)
        shrink_to_needs(capability);
    const int sets =
        CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT | (bounding ? CAPNG_SELECT_BOUNDS : 0);
    if (const int failed = capng_apply(static_cast<capng_select_t>(sets)); failed != 0)
        return fail("cannot give up capabilities (libcap-ng says " + std::to_string(failed) + ")");
    return {};
}

}  // namespace portlid::kernel
