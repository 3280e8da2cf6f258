// SPDX-License-Identifier: Apache-2.0
// The test process inside the sensor's cgroup, opening real sockets and reading what the hooks
// said.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fstream>
#include <functional>
#include <optional>
#include <vector>

#include "event/decode.hpp"
#include "sensor_fixture.hpp"

namespace portlid::kernel {

constexpr int kMptcp = 262;

inline UniqueFd open_socket(int family, int type, int protocol = 0) {
    return UniqueFd(::socket(family, type | SOCK_CLOEXEC, protocol));
}

// 0 or the errno of bind().
inline int bind_to(const UniqueFd& socket, const char* address, std::uint16_t port_host) {
    const auto parsed = IpAddress::parse(address).value();
    sockaddr_in6 six{.sin6_family = AF_INET6, .sin6_port = HostPort{port_host}.to_net().value_be};
    sockaddr_in four{.sin_family = AF_INET, .sin_port = HostPort{port_host}.to_net().value_be};
    int family = 0;
    socklen_t length = sizeof(family);
    ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &length);
    const auto bytes = parsed.bytes();
    std::copy(bytes.begin(), bytes.end(), six.sin6_addr.s6_addr);
    std::copy(bytes.begin() + 12, bytes.end(), reinterpret_cast<unsigned char*>(&four.sin_addr));
    const bool is_six = family == AF_INET6;
    const auto* raw =
        is_six ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&four);
    const auto size = static_cast<socklen_t>(is_six ? sizeof(six) : sizeof(four));
    return ::bind(socket.get(), raw, size) == 0 ? 0 : errno;
}

inline std::uint64_t cookie_of(const UniqueFd& socket) {
    std::uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    ::getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

inline void enter_cgroup(const std::filesystem::path& cgroup) {
    std::ofstream(cgroup / "cgroup.procs") << "0" << std::flush;
}

// Runs `body` in a child and waits for it; its return value is the exit code.
inline int in_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class SocketsTest : public SensorTest {
protected:
    void SetUp() override {
        SensorTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        auto sockets_only = options();
        sockets_only.sockets_only = true;
        auto loaded = Sensor::load(sockets_only);
        ASSERT_TRUE(loaded) << loaded.error().message << "\n" << loaded.error().hint;
        sensor_ = std::move(*loaded);
        ASSERT_TRUE(sensor_->attach_sockets());
        enter_cgroup(cgroup_);
    }
    void TearDown() override {
        if (!cgroup_.empty()) enter_cgroup(cgroup_.parent_path());
        SensorTest::TearDown();
    }

    // Everything in the rings now. The records of a system call are there when it returns.
    std::vector<event::SocketRecord> records() {
        std::vector<event::SocketRecord> all;
        sensor_->poll_rings([&](std::span<const std::byte> bytes) {
            const auto record = event::decode(bytes);
            ASSERT_TRUE(record);
            if (const auto* socket = std::get_if<event::SocketRecord>(&*record))
                all.push_back(*socket);
        });
        return all;
    }
    std::optional<event::SocketRecord> only_record(event_kind kind) {
        const auto all = records();
        if (all.size() != 1 || all[0].kind != kind) return std::nullopt;
        return all[0];
    }
    [[nodiscard]] std::optional<listener_record> listener(std::uint64_t cookie) const {
        for (const auto& one : sensor_->listeners())
            if (one.socket.cookie == cookie) return one;
        return std::nullopt;
    }
};

}  // namespace portlid::kernel
