// SPDX-License-Identifier: Apache-2.0
#include "sink/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "sink/spool_format.hpp"

namespace portlid::sink {

namespace {

constexpr const char* kSuffix = ".seg";

Error errno_error(const std::string& what, int reason) {
    return fail_errno(what, reason, "free some space, or use another --state-dir",
                      reason == EACCES ? ExitCode::NoPermission : ExitCode::Failed)
        .value();
}

Result<> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto wrote = ::write(fd, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return tl::unexpected(errno_error("cannot write the spool", errno));
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

}  // namespace

std::filesystem::path Spool::path_of(std::uint64_t begin) const {
    return directory_ / fmt::format("{:020}{}", begin, kSuffix);
}

Result<> Spool::begin_segment(std::uint64_t position) {
    const auto path = path_of(position);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return tl::unexpected(errno_error("cannot open " + path.string(), errno));
    const std::lock_guard lock(mutex_);
    segments_.emplace(position, position);
    fd_ = std::move(fd);
    begin_ = position;
    return {};
}

// Sizes of the segments are their extents.
Result<> Spool::list() {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
        const auto name = entry.path().stem().string();
        std::uint64_t begin = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), begin);
        if (entry.path().extension() != kSuffix || parsed.ec != std::errc()) continue;
        std::error_code ignored;
        const auto size = entry.file_size(ignored);
        segments_[begin] = begin + (ignored ? 0 : size);
    }
    if (!failed) return {};
    return tl::unexpected(errno_error("cannot read " + directory_.string(), failed.value()));
}

// The last record that can be read. What is torn behind it stays where it is and the next append
// begins a segment: a place that was written twice could not be told from one that is whole.
void Spool::find_end() {
    SpoolReader reader(*this);
    SpooledRecord record;
    auto good = begin_;
    for (auto at = segments_.rbegin(); at != segments_.rend() && ordinal_ == 0; ++at) {
        auto position = at->first;
        while (reader.next(position, record, false)) {
            position = record.next;
            ordinal_ = record.ordinal;
        }
        good = std::max(good, position);
    }
    if (good != tail_) fd_ = UniqueFd();
}

Result<> Spool::recover() {
    if (auto listed = list(); !listed) return listed;
    if (segments_.empty()) return begin_segment(0);
    begin_ = segments_.rbegin()->first;
    tail_ = segments_.rbegin()->second;
    const auto path = path_of(begin_);
    fd_ = UniqueFd(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!fd_.valid()) return tl::unexpected(errno_error("cannot open " + path.string(), errno));
    find_end();
    return {};
}

Result<std::unique_ptr<Spool>> Spool::open(const std::filesystem::path& directory,
                                           std::uint64_t segment_bytes) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed)
        return tl::unexpected(errno_error("cannot create " + directory.string(), failed.value()));
    ::chmod(directory.c_str(), 0700);
    std::unique_ptr<Spool> spool(new Spool(directory, segment_bytes));
    if (auto recovered = spool->recover(); !recovered) return pass_on(recovered.error());
    return spool;
}

Result<> Spool::append(std::span<const Record> records) {
    const auto at = tail();
    if (at - begin_ >= segment_bytes_ || !fd_.valid()) {
        static_cast<void>(sync());
        if (auto begun = begin_segment(at); !begun) return begun;
    }
    std::string bytes;
    auto ordinal = ordinal_.load();
    for (const auto& record : records) append_record(bytes, record, ++ordinal);
    if (auto written = write_all(fd_.get(), bytes); !written) {
        // Half a record would end the segment for every reader. The next try begins a segment: what
        // fills the disk may be this one, and only one that nothing is appended to can go.
        const auto torn = std::move(fd_);
        if (::ftruncate(torn.get(), static_cast<off_t>(at - begin_)) != 0)
            return tl::unexpected(errno_error("cannot mend the spool", errno));
        return written;
    }
    ordinal_ = ordinal;
    {
        const std::lock_guard lock(mutex_);
        segments_[begin_] = at + bytes.size();
    }
    tail_.store(at + bytes.size(), std::memory_order_release);
    return {};
}

Result<> Spool::sync() {
    if (::fdatasync(fd_.get()) != 0)
        return tl::unexpected(errno_error("cannot sync the spool", errno));
    return {};
}

std::uint64_t Spool::head() const {
    const std::lock_guard lock(mutex_);
    return segments_.empty() ? 0 : segments_.begin()->first;
}

std::pair<std::uint64_t, std::uint64_t> Spool::extent(std::uint64_t position) const {
    const std::lock_guard lock(mutex_);
    auto behind = segments_.upper_bound(position);
    if (behind != segments_.begin()) {
        const auto& here = *std::prev(behind);
        if (position < here.second) return here;
    }
    if (behind == segments_.end()) return {tail(), tail()};
    return *behind;
}

std::uint64_t Spool::segment_of(std::uint64_t position) const {
    return extent(position).first;
}

void Spool::forget(std::uint64_t position) {
    std::vector<std::uint64_t> gone;
    {
        const std::lock_guard lock(mutex_);
        while (segments_.size() > 1 && segments_.begin()->second <= position) {
            gone.push_back(segments_.begin()->first);
            segments_.erase(segments_.begin());
        }
    }
    for (const auto begin : gone) ::unlink(path_of(begin).c_str());
}

bool SpoolReader::open_at(std::uint64_t begin) {
    if (begin == begin_ && fd_.valid()) return true;
    fd_ = UniqueFd(::open(spool_.path_of(begin).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    begin_ = begin;
    buffer_.clear();
    return fd_.valid();
}

// A view of `count` bytes at `at` of the open segment; shorter at its end.
std::string_view SpoolReader::bytes(std::uint64_t at, std::size_t count) {
    constexpr std::size_t kChunk = 64U << 10U;
    if (at < buffer_at_ || at + count > buffer_at_ + buffer_.size()) {
        buffer_.resize(std::max(count, kChunk));
        const auto got =
            ::pread(fd_.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(at - begin_));
        buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        buffer_at_ = at;
    }
    return std::string_view(buffer_).substr(at - buffer_at_, count);
}

bool SpoolReader::next(std::uint64_t position, SpooledRecord& into, bool with_line) {
    while (position < spool_.tail()) {
        const auto [begin, end] = spool_.extent(position);
        if (begin == end) return false;
        position = std::max(position, begin);
        if (open_at(begin)) {
            const auto head = bytes(position, kRecordHeader);
            const auto length = record_length(head);
            if (length && position + kRecordHeader + *length <= end) {
                const auto whole = bytes(position, kRecordHeader + *length);
                into.position = position;
                into.next = position + kRecordHeader + *length;
                if (read_record(whole, into, with_line)) return true;
            }
        }
        if (end >= spool_.tail()) return false;  // the rest of the last segment is not whole yet
        position = end;
    }
    // A file that is held open keeps its room when it is removed, and a full disk stays full.
    fd_ = UniqueFd();
    return false;
}

}  // namespace portlid::sink
