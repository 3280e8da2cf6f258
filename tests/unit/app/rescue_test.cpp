// SPDX-License-Identifier: Apache-2.0
#include "app/rescue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "app/caller.hpp"
#include "app/policy_store.hpp"
#include "policy/load.hpp"

namespace portlid::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Rescued : public testing::Test {
protected:
    Rescued() {
        std::string name = (fs::temp_directory_path() / "rescue-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
    }
    ~Rescued() override { fs::remove_all(directory_); }
    fs::path write(const std::string& name, const std::string& text) const {
        const auto file = directory_ / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }
    fs::path directory_;
};

TEST_F(Rescued, NobodyAsks) {
    const auto quiet = write("cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet\n");
    EXPECT_FALSE(find_rescue(quiet, directory_ / "monitor").asked());
    EXPECT_FALSE(find_rescue(directory_ / "none", directory_ / "none" / "monitor").asked());
}

TEST_F(Rescued, AWholeWordOfTheKernelCommandLineAsks) {
    const auto none = directory_ / "monitor";
    for (const char* text : {"portlid.mode=monitor\n", "quiet portlid.mode=monitor ro"}) {
        const auto rescue = find_rescue(write("cmdline", text), none);
        EXPECT_THAT(rescue.why, HasSubstr("portlid.mode=monitor")) << text;
        EXPECT_THAT(rescue.leave, HasSubstr("boot without it"));
    }
    for (const char* text : {"xportlid.mode=monitor", "portlid.mode=monitors",
                             "portlid.mode=", "portlid.mode=enforce"})
        EXPECT_FALSE(find_rescue(write("cmdline", text), none).asked()) << text;
}

TEST_F(Rescued, AnythingAtThePathOfTheFlagAsks) {
    const auto quiet = write("cmdline", "quiet\n");
    const auto flag = write("monitor", "");
    EXPECT_THAT(find_rescue(quiet, flag).why, HasSubstr(flag.string()));
    EXPECT_THAT(find_rescue(quiet, flag).leave, HasSubstr("rm " + flag.string()));
    fs::remove(flag);
    fs::create_symlink("/nowhere", flag);
    EXPECT_TRUE(find_rescue(quiet, flag).asked());
    fs::remove(flag);
    EXPECT_FALSE(find_rescue(quiet, flag).asked());
}

TEST_F(Rescued, WhatIsCompiledInARescueDropsNothing) {
    const auto loaded = policy::load_text(
        "version: 1\nmode: enforce\nzones: { public: { interfaces: [eth0] } }\n"
        "services: [ { name: ssh, ports: [22/tcp] } ]\n",
        "p.yaml", ".");
    PolicyStore store("p.yaml", ModeCap::Enforce);
    EXPECT_TRUE(policy::enforces(*store.compile(loaded.policy).value()->image));
    store.set_rescue({"somebody asks", "stop asking"});
    EXPECT_TRUE(store.capped());
    EXPECT_FALSE(policy::enforces(*store.compile(loaded.policy).value()->image));
    store.set_rescue({});
    EXPECT_TRUE(policy::enforces(*store.compile(loaded.policy).value()->image));
}

// ssh's shell (30) runs sudo (20), which starts the client (10) without the variable.
TEST_F(Rescued, TheSessionOfACallerIsThatOfItsNearestAncestorWithOne) {
    const auto process = [&](int pid, int parent, const std::string& environment) {
        const auto name = std::to_string(pid);
        write(name + "/environ", environment);
        write(name + "/stat", name + " (x) S " + std::to_string(parent) +
                                  " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 8000 0 0 0 0 0 0 0 0 0 0");
        write(name + "/status", "Name:\tx\nUid:\t0\t0\t0\t0\n");
        write(name + "/cgroup", "0::/\n");
    };
    process(10, 20, std::string("PATH=/bin\0HOME=/root\0", 21));
    process(20, 30, "");
    process(30, 1, std::string("A=1\0SSH_CONNECTION=203.0.113.7 50000 192.0.2.1 22\0B=2\0", 55));
    EXPECT_EQ(ssh_connection_of(10, directory_), "203.0.113.7 50000 192.0.2.1 22");
    EXPECT_EQ(ssh_connection_of(30, directory_), "203.0.113.7 50000 192.0.2.1 22");
    EXPECT_EQ(ssh_connection_of(99, directory_), "");
    process(30, 1, std::string("XSSH_CONNECTION=1 2 3 4\0", 24));
    EXPECT_EQ(ssh_connection_of(10, directory_), "");
    process(40, 40, "");  // its own parent: the walk ends
    EXPECT_EQ(ssh_connection_of(40, directory_), "");
}

}  // namespace
}  // namespace portlid::app
