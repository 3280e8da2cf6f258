// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd behind Server. Every connection carries one request; every connection that is not
// a healthy follower has a deadline, and one that passes it is shut down, however busy it looks.
#include <microhttpd.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "control/follower.hpp"
#include "control/listen_socket.hpp"
#include "control/routes.hpp"
#include "control/server.hpp"

namespace portlid::control {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMaxConnections = 64;
constexpr std::size_t kMaxUnprivilegedConnections = 48;
constexpr std::size_t kBodyLimitBytes = 1U << 20U;
constexpr std::size_t kConnectionMemoryBytes = 32U << 10U;
constexpr std::size_t kStreamBlockBytes = 16U << 10U;
constexpr int kRoundsPerServe = 64;

struct Stream {
    Follower follower;
    std::uint64_t after = 0;
    bool suspended = false;
};

// One connection and the one request it carries.
struct Peer {
    MHD_Connection* connection = nullptr;
    int fd = -1;  // MHD's
    ucred credentials{};
    std::optional<Clock::time_point> deadline;
    bool begun = false;
    bool body_too_large = false;
    Target target = Target::Get;
    Request request;
    std::unique_ptr<Stream> stream;
};

struct StopDaemon {
    void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};
struct DropResponse {
    void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using OwnedResponse = std::unique_ptr<MHD_Response, DropResponse>;

MHD_Result send_response(MHD_Connection* connection, unsigned status, OwnedResponse response,
                         const char* type) {
    if (!response) return MHD_NO;
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
    return MHD_queue_response(connection, status, response.get());
}

// The response owns the text: a big one is never held twice.
MHD_Result send_text(MHD_Connection* connection, unsigned status, std::string body,
                     const char* type = "application/json") {
    auto owned = std::make_unique<std::string>(std::move(body));
    OwnedResponse response(MHD_create_response_from_buffer_with_free_callback_cls(
        owned->size(), owned->data(), [](void* text) { delete static_cast<std::string*>(text); },
        owned.get()));
    if (response) static_cast<void>(owned.release());
    return send_response(connection, status, std::move(response), type);
}

Response too_large() {
    return error_response(
        413, Error{"the request body is larger than 1 MiB", "send less", ExitCode::Usage, 0});
}

bool announces_too_much(MHD_Connection* connection) {
    const char* text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (text == nullptr) return false;
    std::uint64_t bytes = 0;
    const auto [stop, error] = std::from_chars(text, text + std::strlen(text), bytes);
    return error != std::errc() || bytes > kBodyLimitBytes;
}

MHD_Result collect_query(void* into, MHD_ValueKind /*kind*/, const char* key, size_t key_size,
                         const char* value, size_t value_size) {
    auto& query = *static_cast<std::map<std::string, std::string>*>(into);
    query[std::string(key, key_size)] =
        value == nullptr ? std::string() : std::string(value, value_size);
    return MHD_YES;
}

class HttpServer final : public Server {
public:
    HttpServer(ListenSocket socket, Api& api, Limits limits)
        : socket_(std::move(socket)), api_(api), limits_(limits) {}
    ~HttpServer() override;
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    Result<> start();
    [[nodiscard]] int fd() const override { return epoll_.get(); }
    [[nodiscard]] bool reachable() const override { return is_in_place(socket_); }
    void serve() override;
    void wake_followers() override;

private:
    static void on_connection(void* self, MHD_Connection* connection, void** context,
                              MHD_ConnectionNotificationCode code);
    static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url,
                                 const char* method, const char* version, const char* upload,
                                 size_t* upload_size, void** context);
    static ssize_t on_stream_read(void* peer, std::uint64_t position, char* out, size_t limit);

    void admit(MHD_Connection* connection);
    MHD_Result begin(Peer& peer, const char* url, const char* method);
    MHD_Result finish(Peer& peer);
    MHD_Result send_events(Peer& peer);
    void feed(Peer& peer);
    void end_stream(Peer& peer);
    void reap();
    void set_timer(bool at_once);

    ListenSocket socket_;
    Api& api_;
    Limits limits_;
    UniqueFd epoll_;
    UniqueFd timer_;
    std::unordered_map<MHD_Connection*, Peer> peers_;
    std::unique_ptr<MHD_Daemon, StopDaemon> daemon_;  // last: its end still calls on_connection
};

bool watch(int epoll, int fd) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = fd;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) == 0;
}

Result<> HttpServer::start() {
    epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    daemon_.reset(MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &HttpServer::on_request,
        this, MHD_OPTION_LISTEN_SOCKET, socket_.socket.get(), MHD_OPTION_CONNECTION_LIMIT,
        kMaxConnections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemoryBytes,
        MHD_OPTION_NOTIFY_CONNECTION, &HttpServer::on_connection, this, MHD_OPTION_END));
    if (!daemon_) return fail_errno("cannot start the control socket's server", errno);
    static_cast<void>(socket_.socket.release());  // MHD closes it
    const auto* info = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD);
    if (info == nullptr || !watch(epoll_.get(), info->epoll_fd) ||
        !watch(epoll_.get(), timer_.get()))
        return fail_errno("cannot poll the control socket", errno);
    return {};
}

HttpServer::~HttpServer() {
    for (auto& [connection, peer] : peers_)
        if (peer.stream) end_stream(peer);
    if (daemon_) serve();  // lets followers have their last lines
    daemon_.reset();
    if (reachable()) ::unlink(socket_.path.c_str());  // ours: the directory lock is still held
}

void HttpServer::admit(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    auto& peer = peers_[connection];
    peer.connection = connection;
    peer.fd = info == nullptr ? -1 : info->connect_fd;
    peer.deadline = Clock::now() + limits_.request_time;
    peer.credentials.uid = static_cast<uid_t>(-1);
    socklen_t size = sizeof(peer.credentials);
    const bool known =
        ::getsockopt(peer.fd, SOL_SOCKET, SO_PEERCRED, &peer.credentials, &size) == 0;
    // Readers must not be able to lock the administrator out.
    if (!known || (peer.credentials.uid != 0 && peers_.size() > kMaxUnprivilegedConnections))
        ::shutdown(peer.fd, SHUT_RDWR);
}

void HttpServer::on_connection(void* self, MHD_Connection* connection, void** /*context*/,
                               MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<HttpServer*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        server.admit(connection);
    else
        server.peers_.erase(connection);
}

MHD_Result HttpServer::on_request(void* self, MHD_Connection* connection, const char* url,
                                  const char* method, const char* /*version*/, const char* upload,
                                  size_t* upload_size, void** context) {
    auto& server = *static_cast<HttpServer*>(self);
    const auto found = server.peers_.find(connection);
    if (found == server.peers_.end()) return MHD_NO;
    auto& peer = found->second;
    if (*context == nullptr) {
        *context = &peer;
        return server.begin(peer, url, method);
    }
    if (*upload_size == 0) return server.finish(peer);
    peer.body_too_large |= peer.request.body.size() + *upload_size > kBodyLimitBytes;
    if (!peer.body_too_large) peer.request.body.append(upload, *upload_size);
    *upload_size = 0;
    return MHD_YES;
}

MHD_Result HttpServer::begin(Peer& peer, const char* url, const char* method) {
    if (peer.begun) return MHD_NO;  // a second, pipelined request
    peer.begun = true;
    auto decision = route(method, url, peer.credentials.uid);
    if (!decision.refusal && announces_too_much(peer.connection)) decision.refusal = too_large();
    if (decision.refusal) {
        peer.deadline = Clock::now() + limits_.request_time;
        return send_text(peer.connection, decision.refusal->status,
                         std::move(decision.refusal->body));
    }
    peer.target = decision.target;
    peer.request.path = url;
    peer.request.peer_uid = peer.credentials.uid;
    peer.request.peer_pid = static_cast<std::uint32_t>(peer.credentials.pid);
    MHD_get_connection_values_n(peer.connection, MHD_GET_ARGUMENT_KIND, &collect_query,
                                &peer.request.query);
    return MHD_YES;
}

MHD_Result HttpServer::finish(Peer& peer) {
    peer.deadline = Clock::now() + limits_.answer_time;
    if (peer.body_too_large) {
        auto refusal = too_large();
        return send_text(peer.connection, refusal.status, std::move(refusal.body));
    }
    if (peer.target == Target::Events) return send_events(peer);
    auto response = peer.target == Target::Post ? api_.post(peer.request) : api_.get(peer.request);
    return send_text(peer.connection, response.status, std::move(response.body), response.type);
}

MHD_Result HttpServer::send_events(Peer& peer) {
    constexpr const char* kType = "application/x-ndjson";
    std::uint64_t after = 0;
    auto lines = api_.events_after(after, peer.request);
    const auto follow = peer.request.query.find("follow");
    if (follow == peer.request.query.end() || follow->second != "1") {
        std::string body;
        for (const auto& line : lines) body.append(line).append("\n");
        return send_text(peer.connection, MHD_HTTP_OK, std::move(body), kType);
    }
    peer.deadline.reset();
    peer.stream =
        std::make_unique<Stream>(Stream{{std::move(lines), limits_.follower_bytes}, after});
    OwnedResponse response(MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, kStreamBlockBytes, &HttpServer::on_stream_read, &peer, nullptr));
    return send_response(peer.connection, MHD_HTTP_OK, std::move(response), kType);
}

ssize_t HttpServer::on_stream_read(void* context, std::uint64_t /*position*/, char* out,
                                   size_t limit) {
    auto& peer = *static_cast<Peer*>(context);
    auto& stream = *peer.stream;
    const auto copied = stream.follower.take({out, limit});
    if (copied > 0) return static_cast<ssize_t>(copied);
    if (stream.follower.finished()) return MHD_CONTENT_READER_END_OF_STREAM;
    stream.suspended = true;
    MHD_suspend_connection(peer.connection);
    return 0;
}

void HttpServer::feed(Peer& peer) {
    auto& stream = *peer.stream;
    if (stream.follower.finished()) return;
    stream.follower.add(api_.events_after(stream.after, peer.request),
                        [this](std::uint64_t count) { return api_.gap_line(count); });
    if (stream.follower.finished()) peer.deadline = Clock::now() + limits_.answer_time;
    if (stream.follower.empty() || !stream.suspended) return;
    stream.suspended = false;
    MHD_resume_connection(peer.connection);
}

void HttpServer::wake_followers() {
    for (auto& [connection, peer] : peers_)
        if (peer.stream) feed(peer);
}

void HttpServer::end_stream(Peer& peer) {
    peer.stream->follower.finish();
    if (!peer.stream->suspended) return;
    peer.stream->suspended = false;
    MHD_resume_connection(peer.connection);
}

// A suspended follower is not polled by MHD: look whether it has gone. Others may be late.
void HttpServer::reap() {
    const auto now = Clock::now();
    for (auto& [connection, peer] : peers_) {
        pollfd state{peer.fd, 0, 0};
        if (peer.stream && peer.stream->suspended && ::poll(&state, 1, 0) > 0 &&
            (state.revents & (POLLHUP | POLLERR)) != 0)
            end_stream(peer);
        if (peer.deadline && *peer.deadline <= now) ::shutdown(peer.fd, SHUT_RDWR);
    }
}

void HttpServer::set_timer(bool at_once) {
    itimerspec spec{};
    if (at_once)
        spec.it_value.tv_nsec = 1;
    else if (!peers_.empty())
        spec.it_value.tv_sec = 1;
    ::timerfd_settime(timer_.get(), 0, &spec, nullptr);  // also empties it
}

void HttpServer::serve() {
    reap();
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    bool more = true;
    for (int round = 0; more && round < kRoundsPerServe; ++round) {
        if (MHD_run(daemon_.get()) != MHD_YES) break;
        more = MHD_get_timeout(daemon_.get(), &wait_ms) == MHD_YES && wait_ms == 0;
    }
    set_timer(more);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(const std::filesystem::path& runtime_dir, Api& api,
                                               Limits limits) {
    auto socket = open_listen_socket(runtime_dir);
    if (!socket) return pass_on(std::move(socket).error());
    auto server = std::make_unique<HttpServer>(std::move(*socket), api, limits);
    if (auto started = server->start(); !started) return pass_on(std::move(started).error());
    return server;
}

}  // namespace portlid::control
