// SPDX-License-Identifier: Apache-2.0
// How many instructions the verifier walks through for each program: what a load costs, and how far
// the kernel's limit of a million is away. Older verifiers find fewer equal states than newer ones
// (scripts/vm-test loads the programs on 6.1), so the ceilings stay well below it. A program that
// grows beyond its ceiling fails here; raise the ceiling in the commit that has the reason, and
// write the figure into bpf/README.md.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <map>

#include "kernel/lifecycle.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {
namespace {

// Instructions that the verifier processed (bpf_prog_info.verified_insns, Linux 5.16).
const std::map<std::string, std::uint32_t>& ceilings() {
    static const std::map<std::string, std::uint32_t> kCeilings{
        {"ingress_xdp", 200000}, {"ingress_tc", 200000},   {"egress_tc", 40000},
        {"seed_flow", 6000},     {"seed_port", 300},       {"port_claim", 500},
        {"bind4", 2000},         {"bind6", 2000},          {"post_bind4", 3200},
        {"post_bind6", 3200},    {"sock_set_state", 3500}, {"sock_release", 220},
    };
    return kCeilings;
}

using VerifierTest = SensorTest;

TEST_F(VerifierTest, NoProgramIsHarderToVerifyThanItsCeiling) {
    const auto pins = PinDirectory::create(options().bpffs);
    ASSERT_TRUE(pins) << pins.error().message;
    const auto cgroup = open_cgroup(cgroup_);
    ASSERT_TRUE(cgroup) << cgroup.error().message;
    const auto programs = load_programs({*pins, *cgroup, false});
    ASSERT_TRUE(programs) << programs.error().message;
    std::printf("%-16s %10s %10s %10s %10s\n", "program", "verified", "ceiling", "xlated B",
                "jited B");
    unsigned loaded = 0;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, programs->object) {
        const std::string name = bpf_program__name(program);
        const int fd = bpf_program__fd(program);
        if (fd < 0) continue;  // optional here
        bpf_prog_info info{};
        __u32 size = sizeof(info);
        ASSERT_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0) << name;
        const auto ceiling = ceilings().find(name);
        ASSERT_NE(ceiling, ceilings().end()) << name << " has no ceiling yet";
        std::printf("%-16s %10u %10u %10u %10u\n", name.c_str(), info.verified_insns,
                    ceiling->second, info.xlated_prog_len, info.jited_prog_len);
        EXPECT_GT(info.verified_insns, 0U) << name;
        EXPECT_LE(info.verified_insns, ceiling->second) << name;
        ++loaded;
    }
    EXPECT_EQ(loaded, ceilings().size()) << "a program with a ceiling is gone";
}

}  // namespace
}  // namespace portlid::kernel
