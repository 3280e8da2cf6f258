// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink_dump.hpp"

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>

namespace portlid::kernel {
namespace {

constexpr int kAttempts = 5;
constexpr std::size_t kAnswerBytes = 64 * 1024;  // the kernel fills up to 32 KiB a message
constexpr std::size_t kRequestBytes = 1024;

struct CloseSocket {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

enum class Answer : std::uint8_t { Complete, Interrupted };

int forward(const nlmsghdr* message, void* context) {
    (*static_cast<const DumpMessage*>(context))(message);
    return MNL_CB_OK;
}

int forward_attribute(const nlattr* attribute, void* context) {
    (*static_cast<const OnAttribute*>(context))(attribute);
    return MNL_CB_OK;
}

Result<> send_request(mnl_socket* socket, const DumpRequest& request, unsigned sequence) {
    alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
    nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
    request(header);
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = sequence;
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return fail_errno("send netlink request", errno);
    return {};
}

Result<Answer> receive(mnl_socket* socket, const DumpMessage& on_message, unsigned sequence) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kAnswerBytes);
    auto* context = const_cast<DumpMessage*>(&on_message);
    while (true) {
        const ssize_t length = mnl_socket_recvfrom(socket, buffer.get(), kAnswerBytes);
        if (length < 0) return fail_errno("receive netlink answer", errno);
        const int more = mnl_cb_run(buffer.get(), static_cast<std::size_t>(length), sequence,
                                    mnl_socket_get_portid(socket), forward, context);
        if (more < 0 && errno == EINTR) return Answer::Interrupted;  // NLM_F_DUMP_INTR
        if (more < 0) return fail_errno("netlink dump", errno);
        if (more == MNL_CB_STOP) return Answer::Complete;
    }
}

Result<Answer> dump_once(int protocol, const DumpRequest& request, const DumpMessage& on_message) {
    const Socket socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
    if (!socket) return fail_errno("open netlink socket", errno);
    if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return fail_errno("bind netlink socket", errno);
    constexpr unsigned kSequence = 1;  // a socket lives for one dump
    if (auto sent = send_request(socket.get(), request, kSequence); !sent)
        return pass_on(std::move(sent.error()));
    return receive(socket.get(), on_message, kSequence);
}

}  // namespace

Result<> netlink_dump(int protocol, const DumpRequest& request, const DumpMessage& on_message,
                      const std::function<void()>& restart) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (attempt > 0) restart();
        auto answer = dump_once(protocol, request, on_message);
        if (!answer) return pass_on(std::move(answer.error()));
        if (*answer == Answer::Complete) return {};
    }
    // The table changes faster than it can be listed. What came last is nearly right, and whoever
    // watches changes will ask again.
    return {};
}

void for_each_attribute(const nlmsghdr* message, std::size_t header_bytes,
                        const OnAttribute& on_attribute) {
    if (mnl_nlmsg_get_payload_len(message) < header_bytes) return;
    mnl_attr_parse(message, static_cast<unsigned>(header_bytes), forward_attribute,
                   const_cast<OnAttribute*>(&on_attribute));
}

void for_each_nested(const nlattr* parent, const OnAttribute& on_attribute) {
    mnl_attr_parse_nested(parent, forward_attribute, const_cast<OnAttribute*>(&on_attribute));
}

}  // namespace portlid::kernel
