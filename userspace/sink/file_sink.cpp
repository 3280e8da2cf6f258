// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.hpp"
#include "sink/line_queue.hpp"
#include "sink/stream_sink.hpp"

namespace portlid::sink {

namespace {

// O_NONBLOCK: a path that turns out to be a FIFO must not stop the sensor.
UniqueFd open_for_append(const std::string& path) {
    return UniqueFd(::open(
        path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640));
}

class FileSink final : public Sink {
public:
    FileSink(std::string path, UniqueFd fd, std::size_t queue_bytes)
        : path_(std::move(path)), fd_(std::move(fd)), queue_(queue_bytes) {}

    void write(const event::Event& event) override {
        if (!queue_.push(event::to_json_line(event))) ++lost_;
        pump();
    }

    void pump() override {
        if (!fd_.valid()) open_again();
        if (!fd_.valid()) return;
        const int reason = queue_.drain([this](std::string_view bytes) { return put(bytes); });
        why_ = reason == 0 ? std::string() : std::strerror(reason);
    }

    void reopen() override {
        // Whatever the old file can still take goes there, so that it ends with a whole line.
        pump();
        open_again();
        pump();
    }

    [[nodiscard]] SinkState state() const override {
        const bool up = why_.empty();
        return {"file:" + path_, up, why_, queue_.lines(), lost_, up && queue_.has_room()};
    }

private:
    void open_again() {
        fd_ = open_for_append(path_);
        why_ = fd_.valid() ? std::string() : std::strerror(errno);
        queue_.restart_front();
    }

    std::ptrdiff_t put(std::string_view bytes) const {
        const auto wrote = ::write(fd_.get(), bytes.data(), bytes.size());
        if (wrote >= 0) return wrote;
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }

    std::string path_;
    UniqueFd fd_;
    LineQueue queue_;
    std::string why_;
    std::uint64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_file_sink(const std::string& path, std::size_t queue_bytes) {
    auto fd = open_for_append(path);
    if (!fd.valid()) {
        const auto directory = std::filesystem::path(path).parent_path().string();
        const int reason = errno;
        return fail_errno("cannot open the event file " + printable(path), reason,
                          reason == ENOENT ? "mkdir -p " + printable(directory)
                                           : "check the file and who may write it",
                          reason == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    }
    return std::make_unique<FileSink>(path, std::move(fd), queue_bytes);
}

}  // namespace portlid::sink
