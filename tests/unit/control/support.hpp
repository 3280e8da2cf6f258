// SPDX-License-Identifier: Apache-2.0
// A server on a thread of its own, a scripted Api, and a raw client that sends what it is told.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "control/server.hpp"

namespace portlid::control {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = "/tmp/portlid-control-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] std::filesystem::path path() const { return path_; }
    [[nodiscard]] std::string socket() const { return (path_ / "portlid.sock").string(); }

private:
    std::filesystem::path path_;
};

class ScriptedApi : public Api {
public:
    Response get(const Request& request) override {
        const std::lock_guard lock(mutex_);
        last = request;
        return answer;
    }
    Response post(const Request& request) override {
        const std::lock_guard lock(mutex_);
        last = request;
        ++posts;
        return {200, "{\"posted\":" + std::to_string(request.body.size()) + "}\n"};
    }
    std::vector<std::string> events_after(std::uint64_t& after, const Request&) override {
        const std::lock_guard lock(mutex_);
        ++pulls;
        std::vector<std::string> fresh(lines.begin() + static_cast<std::ptrdiff_t>(after),
                                       lines.end());
        after = lines.size();
        return fresh;
    }
    std::string gap_line(std::uint64_t count) override {
        return "{\"kind\":\"sensor.gap\",\"count\":" + std::to_string(count) + "}";
    }
    void append(std::string line) {
        const std::lock_guard lock(mutex_);
        lines.push_back(std::move(line));
    }

    Response answer{200, "{\"ready\":true}\n"};
    Request last;
    int posts = 0;
    std::atomic<int> pulls = 0;
    std::vector<std::string> lines;

private:
    std::mutex mutex_;
};

// Owns the loop that app/ owns in the sensor: poll fd(), serve(), wake when told.
class RunningServer {
public:
    RunningServer(const std::filesystem::path& directory, Api& api, Limits limits = {})
        : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        auto server = Server::listen(directory, api, limits);
        if (!server) ADD_FAILURE() << server.error().message;
        if (server) server_ = std::move(*server);
        thread_ = std::thread([this] { loop(); });
    }
    ~RunningServer() {
        stop_ = true;
        wake();
        thread_.join();
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    void wake() {
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(wake_.get(), &one, sizeof(one)), 8);
    }

private:
    void loop() {
        while (server_ && !stop_) {
            std::array<pollfd, 2> fds{pollfd{server_->fd(), POLLIN, 0},
                                      pollfd{wake_.get(), POLLIN, 0}};
            ::poll(fds.data(), fds.size(), -1);
            std::uint64_t count = 0;
            if (::read(wake_.get(), &count, sizeof(count)) == 8) server_->wake_followers();
            server_->serve();
        }
        server_.reset();
    }

    UniqueFd wake_;
    std::unique_ptr<Server> server_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

class RawClient {
public:
    explicit RawClient(const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        connected_ =
            ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
    [[nodiscard]] bool connected() const { return connected_; }
    // False when the peer closed before it took everything.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // Reads until `wanted` appears, the peer closes, or `patience` is over.
    std::string read_until(std::string_view wanted,
                           std::chrono::milliseconds patience = std::chrono::seconds(20)) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (wanted.empty() || received_.find(wanted) == std::string::npos) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd state{fd_.get(), POLLIN, 0};
            if (left.count() <= 0 || ::poll(&state, 1, static_cast<int>(left.count())) <= 0) break;
            std::array<char, 65536> buffer{};
            const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                closed_ = true;
                break;
            }
            received_.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return received_;
    }
    std::string read_to_end() { return read_until(""); }
    [[nodiscard]] bool closed() const { return closed_; }
    std::string ask(const std::string& request) {
        send(request);
        return read_to_end();
    }

private:
    UniqueFd fd_;
    std::string received_;
    bool connected_ = false;
    bool closed_ = false;
};

inline std::string get_request(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

}  // namespace portlid::control
