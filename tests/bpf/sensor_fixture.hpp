// SPDX-License-Identifier: Apache-2.0
// A throw-away machine for one test: its own network and mount namespace, a bpffs, a cgroup. The
// process goes back to its own namespaces afterwards. Skips, saying why, where that is not allowed.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

// Exit status; what the command writes is thrown away.
inline int shell(const std::string& command) {
    return std::system(("{ " + command + "; } >/dev/null 2>&1").c_str());
}

class SensorTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root: BPF programs and namespaces";
        own_net_ = UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
        own_mounts_ = UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
        if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
            GTEST_SKIP() << "cannot make namespaces (CAP_SYS_ADMIN)";
        inside_ = true;
        ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        char name[] = "/tmp/portlid-bpf-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        bpffs_ = name;
        ASSERT_EQ(::mount("bpf", name, "bpf", 0, nullptr), 0);
        cgroup_ = "/sys/fs/cgroup/unified";
        if (!std::filesystem::exists(cgroup_)) cgroup_ = "/sys/fs/cgroup";
        cgroup_ /= "portlid-bpf-test-" + std::to_string(::getpid());
        std::filesystem::create_directory(cgroup_);
        ASSERT_EQ(shell("ip link set lo up"), 0);
    }

    void TearDown() override {
        if (!inside_) return;
        sensor_.reset();
        (void)detach_pins(options().bpffs);
        ::umount2(bpffs_.c_str(), MNT_DETACH);
        ASSERT_EQ(::setns(own_net_.get(), CLONE_NEWNET), 0);
        ASSERT_EQ(::setns(own_mounts_.get(), CLONE_NEWNS), 0);
        ::rmdir(bpffs_.c_str());
        ::rmdir(cgroup_.c_str());
    }

    [[nodiscard]] SensorOptions options() const { return {bpffs_ / "portlid", cgroup_, false}; }
    [[nodiscard]] std::filesystem::path pins() const {
        return options().bpffs / ("v" + std::to_string(PORTLID_ABI_VERSION));
    }

    void load() {
        auto loaded = Sensor::load(options());
        ASSERT_TRUE(loaded) << loaded.error().message << "\n" << loaded.error().hint;
        sensor_ = std::move(*loaded);
    }
    void make_veth() {
        ASSERT_EQ(shell("ip link add up0 type veth peer name far0 && ip link set up0 up && "
                        "ip link set far0 up"),
                  0);
    }
    static InterfaceRequest request(const char* name, AttachKind wanted = AttachKind::Auto) {
        InterfaceRequest request;
        request.ifindex = ::if_nametoindex(name);
        request.name = name;
        request.wanted = wanted;
        return request;
    }
    [[nodiscard]] InterfaceState state_of(std::uint32_t ifindex) const {
        for (const auto& state : sensor_->interfaces())
            if (state.ifindex == ifindex) return state;
        return {};
    }

    // An image whose zone 0 allows or refuses every port, and says so in enforce mode.
    static policy::CompiledPolicy policy_of(bool open) {
        policy::CompiledPolicy policy;
        policy.image = std::make_unique<policy_image>();
        auto& image = *policy.image;
        image.head.zone_count = 1;
        image.head.source_classes = image.head.destination_classes = 1;
        image.head.decision_count = 2;
        image.decisions[1].reason = open ? REASON_zone_default : REASON_no_service;
        image.decisions[1].allow = open ? 1 : 0;
        image.decisions[1].enforce = 1;
        image.zones[0].default_decision = 1;
        image.zones[0].enforce = 1;
        policy.nodes.resize(open ? 3 : 700);
        policy.nodes.back().child[5] = TRIE_LEAF | 7U;
        return policy;
    }

    std::unique_ptr<Sensor> sensor_;
    std::filesystem::path bpffs_;
    std::filesystem::path cgroup_;

private:
    UniqueFd own_net_;
    UniqueFd own_mounts_;
    bool inside_ = false;
};

}  // namespace portlid::kernel
