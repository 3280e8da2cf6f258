// SPDX-License-Identifier: Apache-2.0
// Which attach modes one interface takes. Links are made and dropped at once: closing the only
// descriptor of a link that is not pinned removes it.
#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "kernel/interface_facts.hpp"
#include "kernel/probe.hpp"
#include "kernel/probe_program.hpp"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {
namespace {

constexpr int kXdpPass = 2;
constexpr int kTcNext = -1;

// "" when the link could be made, else why not.
std::string try_link(const Result<UniqueFd>& program, unsigned ifindex, bpf_attach_type type,
                     __u32 flags) {
    if (!program) return program.error().message;
    LIBBPF_OPTS(bpf_link_create_opts, options);
    options.flags = flags;
    const UniqueFd link(bpf_link_create(program->get(), static_cast<int>(ifindex), type, &options));
    return link.get() >= 0 ? std::string() : std::string(std::strerror(errno));
}

std::string xdp_answer(unsigned ifindex, __u32 mode) {
    return try_link(load_probe({BPF_PROG_TYPE_XDP, BPF_XDP, "", kXdpPass}), ifindex, BPF_XDP, mode);
}

std::string tcx_answer(unsigned ifindex) {
    return try_link(load_probe({BPF_PROG_TYPE_SCHED_CLS, kTcxIngress, "", kTcNext}), ifindex,
                    kTcxIngress, 0);
}

std::string with_driver(const std::string& name, std::string text) {
    const auto driver = interface_driver(name);
    return driver.empty() ? text : text + " (driver " + printable(driver) + ")";
}

}  // namespace

Check probe_interface(const std::string& name) {
    Check check{.name = "interface " + printable(name)};
    const unsigned ifindex = ::if_nametoindex(name.c_str());
    if (ifindex == 0)
        return {check.name, CheckState::Missing, "there is no such interface here",
                "`ip link` lists them"};
    if (const auto present = query_xdp(ifindex); present.prog_id != 0)
        return {check.name, CheckState::Degraded,
                "XDP program " + std::to_string(present.prog_id) +
                    " is attached already and was left alone; the sensor would use tc",
                "`bpftool net` shows whose it is"};
    const auto native = xdp_answer(ifindex, XDP_FLAGS_DRV_MODE);
    if (native.empty()) return {check.name, CheckState::Ok, with_driver(name, "native XDP"), {}};
    const auto generic = xdp_answer(ifindex, XDP_FLAGS_SKB_MODE);
    if (generic.empty())
        return {check.name, CheckState::Degraded,
                with_driver(name, "generic XDP; native was refused: " + native),
                "a driver with native XDP drops packets cheaper; nothing needs to be done"};
    const auto tcx = tcx_answer(ifindex);
    if (tcx.empty())
        return {check.name, CheckState::Degraded,
                with_driver(name, "tc only; XDP was refused: " + generic),
                "nothing needs to be done"};
    return {check.name, CheckState::Missing,
            "neither XDP (" + generic + ") nor tcx (" + tcx + ") is taken",
            "run it with sudo; without tcx links the sensor tries clsact, which is not tried here"};
}

}  // namespace portlid::kernel
