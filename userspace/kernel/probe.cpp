// SPDX-License-Identifier: Apache-2.0
#include "kernel/probe.hpp"

#include <bpf/bpf.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/capabilities.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/lifecycle.hpp"
#include "kernel/lsm_order.hpp"
#include "kernel/probe_program.hpp"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {
namespace {

constexpr const char* kBpfFs = "/sys/fs/bpf";
constexpr const char* kNewerKernel = "boot Debian's stock kernel, 6.1 or newer";
constexpr const char* kSudo = "run it with sudo";

Check ok(std::string name, std::string what) {
    return {std::move(name), CheckState::Ok, std::move(what), {}};
}

std::string advice_for(int errno_value, const char* otherwise) {
    return errno_value == EPERM && ::geteuid() != 0 ? kSudo : otherwise;
}

Check check_kernel() {
    utsname facts{};
    if (::uname(&facts) != 0) return ok("kernel", "release not known");
    return ok("kernel", printable(facts.release));
}

Check check_capabilities() {
    const auto effective = effective_capabilities();
    if (!effective) return {"capabilities", CheckState::Missing, effective.error().message, kSudo};
    std::string missing;
    for (const auto& name : missing_capabilities(*effective))
        missing += (missing.empty() ? "" : ", ") + name;
    if (!missing.empty())
        return {"capabilities", CheckState::Missing, "this process lacks " + missing, kSudo};
    const auto weaker = weaker_without(*effective);
    if (weaker.empty())
        return ok("capabilities",
                  "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE and "
                  "CAP_DAC_READ_SEARCH are held");
    std::string why;
    for (const auto& sentence : weaker) why += (why.empty() ? "" : "; ") + sentence;
    return {"capabilities", CheckState::Degraded, why, "give them to it, or accept that"};
}

Check check_btf() {
    const auto types = require_btf();
    if (types) return ok("btf", "/sys/kernel/btf/vmlinux");
    return {"btf", CheckState::Missing, types.error().message, types.error().hint};
}

Check check_bpffs() {
    struct statfs facts {};
    if (::statfs(kBpfFs, &facts) != 0 || facts.f_type != kBpfFsMagic)
        return {"bpffs", CheckState::Degraded, std::string("not mounted at ") + kBpfFs,
                "`portlid run` mounts it; by hand: mount -t bpf bpf /sys/fs/bpf"};
    if (::access(kBpfFs, W_OK) != 0)
        return {"bpffs", CheckState::Missing, std::string(kBpfFs) + " is not writable",
                advice_for(EPERM, "mount -o remount,rw /sys/fs/bpf")};
    return ok("bpffs", std::string("mounted at ") + kBpfFs);
}

Check check_cgroup() {
    const auto cgroup = open_cgroup({});
    if (!cgroup)
        return {"cgroup2", CheckState::Missing, cgroup.error().message, cgroup.error().hint};
    const bool unified = cgroup->path == "/sys/fs/cgroup";
    return ok("cgroup2", cgroup->path.string() + (unified ? "" : ", hybrid with cgroup v1"));
}

// One program type that the sensor needs, or gains from.
struct Feature {
    const char* name;
    const char* what;
    CheckState without;
    ProbeProgram program;
};

std::vector<Feature> features() {
    return {
        {"post_bind",
         "cgroup bind hooks load",
         CheckState::Missing,
         {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND, "", 1}},
        {"listen",
         "the socket state tracepoint loads",
         CheckState::Missing,
         {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "inet_sock_set_state", 0}},
        {"xdp", "XDP programs load", CheckState::Degraded, {BPF_PROG_TYPE_XDP, BPF_XDP, "", 2}},
        {"tc",
         "tc programs load",
         CheckState::Missing,
         {BPF_PROG_TYPE_SCHED_CLS, BPF_CGROUP_INET_INGRESS, "", -1}},
    };
}

Check check_feature(const Feature& feature) {
    const auto loaded = load_probe(feature.program);
    if (loaded) return ok(feature.name, feature.what);
    return {feature.name, feature.without, loaded.error().message,
            advice_for(loaded.error().errno_value, kNewerKernel)};
}

// Attaching to an interface that cannot exist: a kernel with tcx looks for it (ENODEV), one
// without does not know the attach type. Nothing is touched.
Check check_tcx() {
    const auto program = load_probe({BPF_PROG_TYPE_SCHED_CLS, kTcxIngress, "", -1});
    if (!program && program.error().errno_value == EPERM)
        return {"tcx", CheckState::Degraded, "not known: " + program.error().message,
                advice_for(EPERM, kNewerKernel)};
    if (program) {
        constexpr int kNoInterface = 0x7ffffffe;
        const UniqueFd link(bpf_link_create(program->get(), kNoInterface, kTcxIngress, nullptr));
        if (errno == ENODEV) return ok("tcx", "tc programs are held by links");
    }
    return {"tcx", CheckState::Degraded,
            "this kernel has no tcx links: tc filters (clsact) are used, which other tools can "
            "remove",
            "Linux 6.6 or newer has them"};
}

Check check_lsm() {
    constexpr const char* kOptional =
        "optional: boot with bpf in lsm=, on a kernel with CONFIG_BPF_LSM";
    const auto loaded = load_probe({BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "socket_listen", 0});
    if (!loaded) return {"lsm_listen", CheckState::Degraded, loaded.error().message, kOptional};
    const auto order = lsm_order();
    if (order.empty())
        return ok("lsm_listen", "LSM programs load; whether they run is not known (no securityfs)");
    if (bpf_lsm_runs(order)) return ok("lsm_listen", "LSM programs load and run");
    return {"lsm_listen", CheckState::Degraded,
            "LSM programs load but never run: bpf is not in lsm=" + printable(order), kOptional};
}

Check check_conntrack() {
    if (kernel_has_conntrack_kfuncs())
        return ok("conntrack", "the packet programs can ask conntrack");
    return {"conntrack", CheckState::Degraded,
            "no conntrack kfuncs: replies to flows older than the sensor are known by open sockets "
            "only",
            "modprobe nf_conntrack, then start the sensor again"};
}

}  // namespace

std::vector<Check> probe_kernel() {
    std::vector<Check> checks{check_kernel(), check_capabilities(), check_btf(), check_bpffs(),
                              check_cgroup()};
    for (const auto& feature : features()) checks.push_back(check_feature(feature));
    checks.push_back(check_tcx());
    checks.push_back(check_lsm());
    checks.push_back(check_conntrack());
    return checks;
}

}  // namespace portlid::kernel
