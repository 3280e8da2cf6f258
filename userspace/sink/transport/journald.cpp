// SPDX-License-Identifier: Apache-2.0
// journald's native protocol: fields of our own in one datagram. `journalctl
// PORTLID_KIND=net.verdict` then answers without parsing. Too much for a datagram goes in a sealed
// memfd, as journald wants.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "sink/encode/fields.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";
constexpr std::array<int, 5> kPriority = {6, 5, 4, 3, 2};

// The binary form for every value: a newline in it cannot begin another field.
void add_field(std::string& out, const std::string& name, const std::string& value) {
    const std::uint64_t size = value.size();
    out += name + "\n";
    out.append(reinterpret_cast<const char*>(&size), sizeof size);  // little-endian, as ours
    out += value + "\n";
}

// "src.ip" -> PORTLID_SRC_IP; journald takes upper-case letters, digits and underscores.
std::string field_name(const std::string& path) {
    std::string name = "PORTLID_";
    for (const char c : path)
        name += std::isalnum(static_cast<unsigned char>(c)) != 0
                    ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                    : '_';
    return name.substr(0, 64);
}

void add_scalars(std::string& out, const Json& node, const std::string& path) {
    for (const auto& [key, value] : node.items()) {
        const auto here = path.empty() ? key : path + "." + key;
        if (value.is_object())
            add_scalars(out, value, here);
        else if (value.is_string())
            add_field(out, field_name(here), value.get<std::string>());
        else if (!value.is_null())
            add_field(out, field_name(here), json_text(value));
    }
}

std::string fields_of(const Outgoing& record) {
    const auto native = Json::parse(record.native, nullptr, false);
    std::string out;
    add_field(out, "MESSAGE", native.is_object() ? message_of(native) : record.text);
    add_field(out, "PRIORITY",
              std::to_string(kPriority[static_cast<std::size_t>(record.severity)]));
    add_field(out, "SYSLOG_IDENTIFIER", "portlid");
    add_field(out, "PORTLID_EVENT", record.text);
    if (native.is_object()) add_scalars(out, native, "");
    return out;
}

// The descriptor alone, in a datagram without bytes.
bool send_descriptor(int socket, const std::string& bytes) {
    UniqueFd memory(::memfd_create("portlid-event", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.valid() ||
        ::write(memory.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
        ::fcntl(memory.get(), F_ADD_SEALS,
                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return false;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = memory.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 0;
}

class Journald final : public Transport {
public:
    explicit Journald(const SinkSpec& spec) : spec_(spec) {}

    Result<> connect(const Step& step) override {
        if (fd_.valid()) return {};
        UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::strncpy(address.sun_path, kSocket, sizeof address.sun_path - 1);
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return fail_errno(std::string("cannot reach journald at ") + kSocket, errno,
                              "systemctl status systemd-journald, or choose another sink");
        const timeval limit{.tv_sec = kConnectTime.count(), .tv_usec = 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        step("connect", kSocket);
        fd_ = std::move(fd);
        return {};
    }

    Sent send(std::span<const Outgoing> batch) override {
        Sent sent;
        for (const auto& record : batch) {
            const auto bytes = fields_of(record);
            bool done = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
            if (!done && (errno == EMSGSIZE || errno == ENOBUFS))
                done = send_descriptor(fd_.get(), bytes);
            if (!done) {
                sent.fault = Error{std::string("journald: ") + std::strerror(errno),
                                   "systemctl status systemd-journald", ExitCode::Failed, errno};
                return sent;
            }
            ++sent.taken;
        }
        return sent;
    }

    void close() override { fd_.reset(); }

private:
    const SinkSpec spec_;
    UniqueFd fd_;
};

}  // namespace

std::unique_ptr<Transport> make_journald(const SinkSpec& spec) {
    return std::make_unique<Journald>(spec);
}

}  // namespace portlid::sink
