// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "identity/process.hpp"

namespace portlid::identity {
namespace {

const std::string kOuter(64, 'a');
const std::string kInner(64, 'b');

struct Row {
    const char* sentence;
    std::string path;
    std::string id;
    std::string unit;
};

TEST(CgroupPath, GivesTheOutermostContainerAndTheUnitAroundIt) {
    const Row rows[] = {
        {"cgroupfs driver, also hybrid", "/docker/" + kOuter, kOuter, ""},
        {"systemd driver", "/system.slice/docker-" + kOuter + ".scope", kOuter, ""},
        {"own cgroup parent", "/shop.slice/" + kOuter, kOuter, ""},
        {"podman, cgroupfs", "/libpod_parent/libpod-" + kOuter, kOuter, ""},
        {"podman, systemd", "/machine.slice/libpod-" + kOuter + ".scope/container", kOuter, ""},
        {"podman in a pod",
         "/machine.slice/machine-libpod_pod_" + kInner + ".slice/libpod-" + kOuter + ".scope",
         kOuter, ""},
        {"podman's monitor is a host process", "/machine.slice/libpod-conmon-" + kOuter + ".scope",
         "", "libpod-conmon-" + kOuter + ".scope"},
        {"kubernetes, containerd",
         "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kOuter + ".scope", kOuter, ""},
        {"kubernetes, cgroupfs", "/kubepods/burstable/pod12-34/" + kOuter, kOuter, ""},
        {"kubernetes, mixed drivers",
         "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kOuter, kOuter,
         "containerd.service"},
        {"containerd namespace", "/default/" + kOuter, kOuter, ""},
        {"init.scope below the container", "/system.slice/docker-" + kOuter + ".scope/init.scope",
         kOuter, ""},
        {"docker in docker", "/docker/" + kOuter + "/docker/" + kInner, kOuter, ""},
        {"docker in docker, systemd",
         "/system.slice/docker-" + kOuter + ".scope/system.slice/docker-" + kInner + ".scope",
         kOuter, ""},
        {"a container that names a cgroup of its own like a service",
         "/docker/" + kOuter + "/ssh.service", kOuter, ""},
        {"a user that names his scope like a container",
         "/user.slice/user-1000.slice/user@1000.service/app.slice/docker-" + kOuter + ".scope", "",
         "user@1000.service"},
        {"a host service", "/system.slice/nginx.service", "", "nginx.service"},
        {"a service below a delegated service", "/system.slice/nginx.service/ssh.service", "",
         "nginx.service"},
        {"a login session", "/user.slice/user-0.slice/session-3.scope", "", "session-3.scope"},
        {"dockerd itself", "/system.slice/docker.service", "", "docker.service"},
        {"a socket unit", "/system.slice/cups.socket", "", "cups.socket"},
        {"another cgroup namespace's view", "/../../docker/" + kOuter, kOuter, ""},
        {"63 digits", "/docker/" + kOuter.substr(1), "", ""},
        {"65 digits", "/docker/" + kOuter + "a", "", ""},
        {"upper case digits", "/docker/" + std::string(64, 'A'), "", ""},
        {"32 digits", "/process_api/b09c56088ffd92ba45d011f30279d5a8", "", ""},
        {"root", "/", "", ""},
        {"nothing", "", "", ""},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        EXPECT_EQ(container_id_of(row.path), row.id);
        EXPECT_EQ(unit_of(row.path), row.unit);
    }
}

TEST(ExeName, IsTheLastComponentWithoutTheDeletedMark) {
    EXPECT_EQ(exe_name("/usr/sbin/docker-proxy"), "docker-proxy");
    EXPECT_EQ(exe_name("/usr/bin/dockerd (deleted)"), "dockerd");
    EXPECT_EQ(exe_name("busybox"), "busybox");
    EXPECT_EQ(exe_name(""), "");
}

}  // namespace
}  // namespace portlid::identity
