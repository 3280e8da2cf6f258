// SPDX-License-Identifier: Apache-2.0
// Bodies of fake_engine.hpp; included by it, since fakes are headers.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace portlid::fakes {

namespace detail {

// False when the other side is gone.
inline bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

inline std::string with_length(int status, const std::string& body, std::size_t promised) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(promised) +
           "\r\n\r\n" + body;
}

inline std::string chunk(const std::string& bytes) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return size + bytes + "\r\n";
}

inline std::string inspect_json(const FakeContainer& c) {
    return R"({"Id":")" + c.id + R"(","Name":"/)" + c.name + R"(","State":{"Pid":)" +
           std::to_string(c.pid) + R"(},"Config":{"Image":")" + c.image +
           R"(","Labels":null},"HostConfig":{"NetworkMode":"default"},)" +
           R"("NetworkSettings":{"Ports":)" + c.ports_json +
           R"(,"Networks":{"bridge":{"IPAddress":"172.17.0.2"}}}})";
}

inline std::string list_entry(const FakeContainer& c) {
    return R"({"Id":")" + c.id + R"(","Names":["/)" + c.name + R"("],"Image":")" + c.image +
           R"(","Ports":[]})";
}

}  // namespace detail

inline FakeEngine::FakeEngine() {
    char directory[] = "/tmp/portlid-engine-XXXXXX";
    if (::mkdtemp(directory) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = directory;
    path_ = directory_ + "/docker.sock";
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 64) != 0)
        throw std::runtime_error("cannot listen on " + path_);
    acceptor_ = std::thread([this] { accept_all(); });
}

inline FakeEngine::~FakeEngine() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
}

inline void FakeEngine::accept_all() {
    while (true) {
        const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const std::lock_guard lock(mutex_);
        connections_.push_back(fd);
        threads_.emplace_back([this, fd] { serve(fd); });
    }
}

inline void FakeEngine::serve(int connection) {
    const UniqueFd own(connection);
    std::string request;
    char buffer[4096];
    while (true) {
        const auto got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<std::size_t>(got));
        if (request.find("\r\n\r\n") == std::string::npos) continue;
        const auto from = request.find(' ') + 1;
        answer(connection, request.substr(from, request.find(' ', from) - from));
        request.clear();
    }
    const std::lock_guard lock(mutex_);
    std::erase(streams_, connection);
    std::erase(connections_, connection);
}

inline void FakeEngine::answer(int connection, const std::string& request_path) {
    const Manner manner = manner_for(request_path);
    if (manner == Manner::Hang) return;
    if (request_path.starts_with("/events")) return begin_stream(connection);
    int status = 200;
    const auto body = body_for(request_path, status);
    if (manner == Manner::Good)
        detail::send_all(connection, detail::with_length(status, body, body.size()));
    if (manner == Manner::Garbage)
        detail::send_all(connection, detail::with_length(200, "\xff{[\x1b]0;", 7));
    if (manner == Manner::Half) {
        detail::send_all(connection, detail::with_length(200, body, body.size() + 100));
        ::shutdown(connection, SHUT_RDWR);
    }
    if (manner == Manner::Huge) {
        const auto piece = detail::chunk(std::string(65536, '['));
        bool more =
            detail::send_all(connection, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (more) more = detail::send_all(connection, piece);
    }
}

inline std::string FakeEngine::body_for(const std::string& request_path, int& status) {
    const std::lock_guard lock(mutex_);
    if (request_path.starts_with("/containers/json")) {
        ++listings_;
        std::string list;
        for (const auto& [id, container] : containers_)
            list += (list.empty() ? "" : ",") + detail::list_entry(container);
        return "[" + list + "]";
    }
    for (const auto& [id, container] : containers_) {
        if (request_path == "/containers/" + id + "/json") return detail::inspect_json(container);
    }
    status = 404;
    return R"({"message":"No such container"})";
}

inline Manner FakeEngine::manner_for(const std::string& request_path) {
    const std::lock_guard lock(mutex_);
    const auto own = manner_on_.find(request_path);
    return own == manner_on_.end() ? manner_.load() : own->second;
}

inline void FakeEngine::begin_stream(int connection) {
    const std::lock_guard lock(mutex_);
    detail::send_all(connection, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    streams_.push_back(connection);
    changed_.notify_all();
}

inline void FakeEngine::behave_on(const std::string& request_path, Manner manner) {
    const std::lock_guard lock(mutex_);
    manner_on_[request_path] = manner;
}

inline void FakeEngine::put(const FakeContainer& container) {
    const std::lock_guard lock(mutex_);
    containers_[container.id] = container;
}

inline void FakeEngine::remove(const std::string& id) {
    const std::lock_guard lock(mutex_);
    containers_.erase(id);
}

inline void FakeEngine::emit(const std::string& line) {
    const std::lock_guard lock(mutex_);
    for (const int fd : streams_) detail::send_all(fd, detail::chunk(line + "\n"));
}

inline void FakeEngine::wait_for_stream() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !streams_.empty(); });
}

inline void FakeEngine::close_streams() {
    const std::lock_guard lock(mutex_);
    for (const int fd : streams_) ::shutdown(fd, SHUT_RDWR);
}

}  // namespace portlid::fakes
