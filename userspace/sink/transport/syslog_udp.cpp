// SPDX-License-Identifier: Apache-2.0
// RFC 5426: one message, one datagram. Nothing tells whether it arrived; an ICMP answer to an
// earlier one is all there is.
#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

class SyslogUdp final : public Transport {
public:
    explicit SyslogUdp(const SinkSpec& spec) : spec_(spec) {}

    Result<> connect(const Step& step) override {
        if (fd_.valid()) return {};
        addrinfo wanted{};
        wanted.ai_socktype = SOCK_DGRAM;
        addrinfo* list = nullptr;
        const auto port = std::to_string(spec_.port);
        if (const int code = ::getaddrinfo(spec_.host.c_str(), port.c_str(), &wanted, &list);
            code != 0)
            return fail(spec_.target + ": cannot resolve the name: " + ::gai_strerror(code),
                        "check the name and the resolver");
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
        step("resolve", spec_.host);
        int reason = 0;
        for (const auto* one = list; one != nullptr && !fd_.valid(); one = one->ai_next) {
            UniqueFd fd(::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            reason = errno;
            if (!fd.valid()) continue;
            if (::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) fd_ = std::move(fd);
            reason = errno;
        }
        if (!fd_.valid()) return fail_errno(spec_.target + ": no way there", reason);
        step("connect", "udp: nobody answers, whatever happens");
        return {};
    }

    Sent send(std::span<const Outgoing> batch) override {
        Sent sent;
        for (const auto& record : batch) {
            const auto text = syslog_message(record, host_);
            const auto wrote = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (wrote < 0 && errno == EMSGSIZE)
                sent.rejected.push_back({sent.taken, "too long for a datagram"});
            else if (wrote < 0) {
                sent.fault = Error{spec_.target + ": " + std::strerror(errno),
                                   "check that somebody listens there", ExitCode::Failed, errno};
                return sent;
            }
            ++sent.taken;
        }
        return sent;
    }

    void close() override { fd_.reset(); }

private:
    const SinkSpec spec_;
    const std::string host_ = shown_host(spec_);
    UniqueFd fd_;
};

}  // namespace

std::unique_ptr<Transport> make_syslog_udp(const SinkSpec& spec) {
    return std::make_unique<SyslogUdp>(spec);
}

}  // namespace portlid::sink
