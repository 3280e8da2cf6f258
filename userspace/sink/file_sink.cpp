// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/text.hpp"
#include "sink/line_queue.hpp"
#include "sink/stream_sink.hpp"

namespace portlid::sink {

namespace {

// O_NONBLOCK: a path that turns out to be a FIFO must not stop the sensor.
UniqueFd open_for_append(const std::string& path, int more = 0) {
    constexpr int kHow = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    return UniqueFd(::open(path.c_str(), kHow | more, 0640));
}

constexpr std::chrono::seconds kLookEvery{1};  // for the file under its name

// Where the last whole line of a regular file ends; its size when it ends with one, or when no line
// ends in as much as one may be long.
off_t end_of_lines(int file, off_t size) {
    constexpr off_t kLongestLine = 1 << 20;
    std::string tail(static_cast<std::size_t>(std::min(size, kLongestLine)), '\0');
    // It is open for writing only; the same file again, whatever has its name by now.
    const auto itself = "/proc/self/fd/" + std::to_string(file);
    const UniqueFd fd(::open(itself.c_str(), O_RDONLY | O_CLOEXEC));
    const auto begin = size - static_cast<off_t>(tail.size());
    const auto got = fd.valid() ? ::pread(fd.get(), tail.data(), tail.size(), begin) : -1;
    const auto last = tail.rfind('\n');
    if (got != static_cast<ssize_t>(tail.size()) || last == std::string::npos) return size;
    return begin + static_cast<off_t>(last) + 1;
}

class FileSink final : public Sink {
public:
    FileSink(std::string path, UniqueFd fd, std::size_t queue_bytes, Rotation rotation)
        : path_(std::move(path)), fd_(std::move(fd)), queue_(queue_bytes), rotation_(rotation) {
        measure();
    }

    void write(const Record& record) override {
        if (!queue_.push(*record.line)) ++lost_;
        pump();
    }

    void pump() override {
        look_for_it();
        if (!fd_.valid()) open_again();
        if (!fd_.valid()) return;
        const int reason =
            queue_.drain([this](std::string_view bytes) { return put_or_rotate(bytes); });
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
        measure();
    }

    // Somebody took the file away without a word: what goes on into it, nobody reads. One that has
    // another name by now is kept while no new one can be made.
    void look_for_it() {
        const auto now = std::chrono::steady_clock::now();
        if (!fd_.valid() || now - looked_ < kLookEvery) return;
        looked_ = now;
        if (in_its_place()) return;
        auto fresh = open_for_append(path_);
        if (!fresh.valid() && links() > 0) return;
        why_ = fresh.valid() ? std::string() : std::strerror(errno);
        fd_ = std::move(fresh);
        queue_.restart_front();
        measure();
    }

    // Only a regular file is looked for: a pipe or device stays what it is.
    [[nodiscard]] bool in_its_place() const {
        struct stat own {};
        struct stat there {};
        if (::fstat(fd_.get(), &own) != 0 || !S_ISREG(own.st_mode)) return true;
        if (::stat(path_.c_str(), &there) != 0) return errno != ENOENT;
        return own.st_dev == there.st_dev && own.st_ino == there.st_ino;
    }

    [[nodiscard]] nlink_t links() const {
        struct stat own {};
        return ::fstat(fd_.get(), &own) == 0 ? own.st_nlink : 0;
    }

    void measure() {
        struct stat facts {};
        const bool known = fd_.valid() && ::fstat(fd_.get(), &facts) == 0;
        // What a kill left half written is no record, and would spoil the next one.
        if (known && S_ISREG(facts.st_mode) && facts.st_size > 0)
            if (const auto end = end_of_lines(fd_.get(), facts.st_size);
                end != facts.st_size && ::ftruncate(fd_.get(), end) == 0)
                facts.st_size = end;
        size_ = known ? static_cast<std::uint64_t>(facts.st_size) : 0;
        whole_ = true;
    }

    [[nodiscard]] std::string older(std::uint32_t age) const {
        return age == 0 ? path_ : path_ + "." + std::to_string(age);
    }

    // The first name that nobody has, else the oldest's: what is behind a hole need not move, so
    // that a rotation that fails again and again pushes nothing out.
    [[nodiscard]] std::uint32_t free_age() const {
        std::uint32_t age = std::min(1U, rotation_.keep);
        struct stat facts {};
        while (age < rotation_.keep && ::lstat(older(age).c_str(), &facts) == 0) ++age;
        return age;
    }

    // Each gets the name of the next older one. Whether the present file's name is free now.
    [[nodiscard]] bool age_all() const {
        for (auto age = free_age(); age > 0; --age)
            if (::rename(older(age - 1).c_str(), older(age).c_str()) != 0 && errno != ENOENT)
                return false;
        return true;
    }

    // The new file is there before any old one goes: whatever fails leaves the present file to
    // grow, which loses nothing.
    void rotate() {
        const auto name = path_ + ".new";
        ::unlink(name.c_str());
        auto fresh = open_for_append(name, O_EXCL);
        if (!fresh.valid()) return;
        if (!age_all() || ::rename(name.c_str(), path_.c_str()) != 0) {
            ::unlink(name.c_str());
            return;
        }
        fd_ = std::move(fresh);
        measure();
    }

    // Only between two lines: a file holds whole ones.
    std::ptrdiff_t put_or_rotate(std::string_view bytes) {
        if (rotation_.bytes != 0 && whole_ && size_ != 0 && size_ + bytes.size() > rotation_.bytes)
            rotate();
        const auto wrote = put(bytes);
        if (wrote <= 0) return wrote;
        size_ += static_cast<std::uint64_t>(wrote);
        whole_ = static_cast<std::size_t>(wrote) == bytes.size();
        return wrote;
    }

    std::ptrdiff_t put(std::string_view bytes) const {
        const auto wrote = ::write(fd_.get(), bytes.data(), bytes.size());
        if (wrote >= 0) return wrote;
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }

    std::string path_;
    UniqueFd fd_;
    LineQueue queue_;
    Rotation rotation_;
    std::uint64_t size_ = 0;
    bool whole_ = true;  // the last line written has its end
    std::chrono::steady_clock::time_point looked_ = std::chrono::steady_clock::now();
    std::string why_;
    std::uint64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_file_sink(const std::string& path, std::size_t queue_bytes,
                                             Rotation rotation) {
    auto fd = open_for_append(path);
    if (!fd.valid()) {
        const auto directory = std::filesystem::path(path).parent_path().string();
        const int reason = errno;
        return fail_errno("cannot open the event file " + printable(path), reason,
                          reason == ENOENT ? "mkdir -p " + printable(directory)
                                           : "check the file and who may write it",
                          reason == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    }
    return std::make_unique<FileSink>(path, std::move(fd), queue_bytes, rotation);
}

}  // namespace portlid::sink
