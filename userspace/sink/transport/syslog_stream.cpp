// SPDX-License-Identifier: Apache-2.0
// RFC 6587 octet counting over TCP, RFC 5425 over TLS. libcurl resolves, connects and shakes hands
// (OpenSSL underneath) and leaves the connection to us.
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/text.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

using Clock = std::chrono::steady_clock;

int stop_asked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const Stop*>(stop)->load() ? 1 : 0;
}

class SyslogStream final : public Transport {
public:
    SyslogStream(const SinkSpec& spec, const Stop& stop) : spec_(spec), stop_(stop) {}

    // One that the peer ended soon after it took something is a fault once, before the next try:
    // what it took is not safe. One that ended in silence is replaced in silence.
    Result<> connect(const Step& step) override {
        if (handle_ && alive()) return {};
        const bool cut = handle_ && Clock::now() - wrote_ < kReplayTime;
        close();
        if (cut) return fail(spec_.target + ": the peer hung up", "look at its log");
        std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle(::curl_easy_init(),
                                                                     &::curl_easy_cleanup);
        if (auto prepared = prepare(handle.get()); !prepared) return prepared;
        std::array<char, CURL_ERROR_SIZE> detail{};
        ::curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, detail.data());
        const auto code = ::curl_easy_perform(handle.get());
        ::curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, nullptr);
        if (code != CURLE_OK) return tl::unexpected(curl_error(spec_, code, detail.data()));
        say(handle.get(), step);
        handle_ = std::move(handle);
        return {};
    }

    Sent send(std::span<const Outgoing> batch) override {
        Sent sent;
        const auto deadline = Clock::now() + kSendTime;
        for (const auto& record : batch) {
            const auto message = syslog_message(record, host_);
            sent.fault = put(std::to_string(message.size()) + " " + message, deadline);
            if (sent.fault) return sent;
            ++sent.taken;
        }
        return sent;
    }

    void close() override { handle_.reset(); }
    bool acknowledges() const override { return false; }
    // Nothing of ours waits in the kernel, and the peer has not hung up.
    bool quiet() override {
        int waiting = 0;
        return handle_ && alive() && ::ioctl(socket(), SIOCOUTQ, &waiting) == 0 && waiting == 0;
    }

private:
    [[nodiscard]] bool tls() const { return spec_.kind == SinkKind::SyslogTls; }

    Result<> prepare(CURL* handle) {
        if (handle == nullptr) return fail("out of memory");
        const bool v6 = spec_.host.find(':') != std::string::npos;
        const auto url = std::string(tls() ? "https://" : "http://") + (v6 ? "[" : "") +
                         spec_.host + (v6 ? "]:" : ":") + std::to_string(spec_.port);
        ::curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
        ::curl_easy_setopt(handle, CURLOPT_PROXY, "");
        ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
        ::curl_easy_setopt(handle, CURLOPT_SSL_ENABLE_ALPN, 0L);
        ::curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(kConnectTime.count()));
        ::curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &stop_asked);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &stop_);
        return tls() ? set_tls(handle, spec_) : Result<>{};
    }

    void say(CURL* handle, const Step& step) const {
        const char* address = nullptr;
        ::curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &address);
        step("resolve", spec_.host + " is " + (address != nullptr ? address : "?"));
        step("connect", "port " + std::to_string(spec_.port) + "/tcp");
        if (tls()) step("tls", "certificate and host name are good, TLS 1.2 or later");
    }

    [[nodiscard]] int socket() const {
        curl_socket_t fd = CURL_SOCKET_BAD;
        ::curl_easy_getinfo(handle_.get(), CURLINFO_ACTIVESOCKET, &fd);
        return fd;
    }

    // A collector says nothing; what can be read is its good-bye (or a TLS 1.3 ticket).
    [[nodiscard]] bool alive() const {
        char byte = 0;
        std::size_t got = 0;
        for (int i = 0; i < 16; ++i) {
            const auto code = ::curl_easy_recv(handle_.get(), &byte, 1, &got);
            if (code == CURLE_AGAIN) return true;
            if (code != CURLE_OK || got == 0) return false;
        }
        return true;
    }

    std::optional<Error> put(std::string_view bytes, Clock::time_point deadline) {
        while (!bytes.empty()) {
            std::size_t wrote = 0;
            const auto code = ::curl_easy_send(handle_.get(), bytes.data(), bytes.size(), &wrote);
            if (code == CURLE_OK) {
                wrote_ = Clock::now();
                bytes.remove_prefix(wrote);
                continue;
            }
            if (code != CURLE_AGAIN) return curl_error(spec_, code, "the connection broke");
            if (stop_) return Error{"stopped", {}, ExitCode::Failed, 0};
            if (Clock::now() > deadline)
                return curl_error(spec_, CURLE_OPERATION_TIMEDOUT, "the peer does not read");
            pollfd ready{socket(), POLLOUT, 0};
            ::poll(&ready, 1, 200);
        }
        return std::nullopt;
    }

    const SinkSpec spec_;
    const Stop& stop_;
    const std::string host_ = shown_host(spec_);
    Clock::time_point wrote_{};
    std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle_{nullptr, &::curl_easy_cleanup};
};

}  // namespace

std::unique_ptr<Transport> make_syslog_stream(const SinkSpec& spec, const Stop& stop) {
    return std::make_unique<SyslogStream>(spec, stop);
}

}  // namespace portlid::sink
