// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sink/line_queue.hpp"
#include "sink/stream_sink.hpp"

namespace portlid::sink {

namespace {

// O_NONBLOCK belongs to the open file, which a terminal shares with the shell: setting it there
// would break the shell. A pipe or terminal can be opened once more, with flags of our own.
UniqueFd own_description(UniqueFd shared) {
    struct stat facts {};
    if (::fstat(shared.get(), &facts) != 0) return shared;
    if (!S_ISFIFO(facts.st_mode) && !S_ISCHR(facts.st_mode)) return shared;
    const auto path = "/proc/self/fd/" + std::to_string(shared.get());
    UniqueFd own(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return own.valid() ? std::move(own) : std::move(shared);
}

class DescriptorSink final : public Sink {
public:
    DescriptorSink(UniqueFd fd, std::string name, std::size_t queue_bytes)
        : fd_(own_description(std::move(fd))), name_(std::move(name)), queue_(queue_bytes) {}

    void write(const Record& record) override {
        if (gone_ || !queue_.push(*record.line)) {
            ++lost_;
            return;
        }
        pump();
    }

    void pump() override {
        if (gone_) return;
        const int reason = queue_.drain([this](std::string_view bytes) { return put(bytes); });
        why_ = reason == 0 ? std::string() : std::strerror(reason);
        gone_ = reason == EPIPE || reason == ECONNRESET || reason == EIO;
        if (gone_) lost_ += queue_.clear();
    }

    void reopen() override {}

    [[nodiscard]] SinkState state() const override {
        const bool up = why_.empty();
        return {name_, up, why_, queue_.lines(), lost_, up && queue_.has_room()};
    }

private:
    // Where the open file is still shared, poll() promises room for PIPE_BUF bytes and no more.
    std::ptrdiff_t put(std::string_view bytes) const {
        pollfd ready{fd_.get(), POLLOUT, 0};
        if (::poll(&ready, 1, 0) <= 0) return 0;
        const auto wrote =
            ::write(fd_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
        if (wrote >= 0) return wrote;
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }

    UniqueFd fd_;
    std::string name_;
    LineQueue queue_;
    std::string why_;    // not up: the last fault
    bool gone_ = false;  // the reader is, and will not come back
    std::uint64_t lost_ = 0;
};

}  // namespace

std::unique_ptr<Sink> make_descriptor_sink(UniqueFd fd, std::string name, std::size_t queue_bytes) {
    return std::make_unique<DescriptorSink>(std::move(fd), std::move(name), queue_bytes);
}

}  // namespace portlid::sink
