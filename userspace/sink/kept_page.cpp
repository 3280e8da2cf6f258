// SPDX-License-Identifier: Apache-2.0
#include "sink/kept_page.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace portlid::sink {

namespace {

constexpr std::chrono::seconds kCopyEvery{1};
constexpr int kSnapshotTries = 8;

// In front of a page in memory: whose it is. One left by a sensor with another state directory, or
// of a file that was removed since, is not this page.
struct LivePage {
    std::array<char, 8> magic;
    std::uint64_t device;
    std::uint64_t inode;
    std::int64_t born_ns;  // inode numbers are given again
};
constexpr std::array<char, 8> kLiveMagic = {'P', 'L', 'I', 'D', 'L', 'I', 'V', '1'};

// Allocated, not only sized: writing to a hole on a full disk would kill the process.
Result<> allocate(const UniqueFd& fd, const std::string& path, std::size_t bytes) {
    if (const int reason = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)); reason != 0)
        return fail_errno("cannot write " + path, reason, "free some space");
    return {};
}

Result<UniqueFd> open_page(const std::string& path, bool only_one) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid())
        return fail_errno("cannot open " + path, errno,
                          "check that the state directory exists, or use --state-dir",
                          errno == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    if (only_one && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("another sensor uses " + path, "give this one its own --state-dir");
    return fd;
}

Result<LivePage> identity(const UniqueFd& kept, const std::string& path) {
    struct statx is {};
    if (::statx(kept.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &is) != 0)
        return fail_errno("cannot look at " + path, errno);
    const auto device = (std::uint64_t{is.stx_dev_major} << 32U) | is.stx_dev_minor;
    const bool born = (is.stx_mask & STATX_BTIME) != 0;
    return LivePage{kLiveMagic, device, is.stx_ino,
                    born ? is.stx_btime.tv_sec * 1'000'000'000 + is.stx_btime.tv_nsec : 0};
}

Result<void*> map_shared(const UniqueFd& fd, const std::string& path, std::size_t bytes) {
    void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (mapped == MAP_FAILED) return fail_errno("cannot map " + path, errno);
    return mapped;
}

}  // namespace

Result<> KeptPage::map_in_place() {
    if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
    mapped_ = nullptr;
    auto mapped = map_shared(kept_, path_, bytes_);
    if (!mapped) return pass_on(mapped.error());
    mapped_ = data_ = *mapped;
    mapped_bytes_ = bytes_;
    return {};
}

Result<> KeptPage::map_in_memory(const std::filesystem::path& live) {
    auto fd = open_page(live.string(), false);
    if (!fd) return pass_on(std::move(fd).error());
    mapped_bytes_ = sizeof(LivePage) + 3 * bytes_;
    if (auto room = allocate(*fd, live.string(), mapped_bytes_); !room) return room;
    auto mapped = map_shared(*fd, live.string(), mapped_bytes_);
    if (!mapped) return pass_on(mapped.error());
    mapped_ = *mapped;
    if (auto adopted = adopt(); !adopted) return adopted;
    live_ = live;
    return {};
}

// What is in memory counts when it belongs to this file, and the file is as it was left: as copied
// last, or as it was being copied. Else somebody wrote to it since, without this page.
Result<> KeptPage::adopt() {
    const auto own = identity(kept_, path_);
    if (!own) return pass_on(own.error());
    std::string kept(bytes_, '\0');
    if (::pread(kept_.get(), kept.data(), bytes_, 0) != static_cast<ssize_t>(bytes_))
        return fail_errno("cannot read " + path_, errno);
    auto* page = static_cast<char*>(mapped_) + sizeof(LivePage);
    copied_ = page + bytes_;
    copying_ = page + 2 * bytes_;
    const auto is_kept = [&](const char* at) { return std::memcmp(at, kept.data(), bytes_) == 0; };
    if (std::memcmp(mapped_, &*own, sizeof *own) != 0 || !(is_kept(copied_) || is_kept(copying_)))
        std::memcpy(page, kept.data(), bytes_);
    std::memcpy(copied_, kept.data(), bytes_);
    std::memcpy(copying_, kept.data(), bytes_);
    std::memcpy(mapped_, &*own, sizeof *own);
    data_ = page;
    return {};
}

bool KeptPage::changed() {
    if (live_.empty()) return false;
    const std::unique_lock lock(copying_now_, std::try_to_lock);
    return lock.owns_lock() && std::memcmp(data_, copied_, bytes_) != 0;
}

// The page changes meanwhile: two looks that agree are a moment of it.
bool KeptPage::copy() {
    if (live_.empty()) return true;
    const std::lock_guard lock(copying_now_);
    const auto* page = static_cast<const char*>(data_);
    std::string now(page, bytes_);
    for (int tries = 0; tries < kSnapshotTries && std::memcmp(now.data(), page, bytes_) != 0;
         ++tries)
        now.assign(page, bytes_);
    if (std::memcmp(now.data(), copied_, bytes_) == 0) return true;
    std::memcpy(copying_, now.data(), bytes_);
    if (::pwrite(kept_.get(), now.data(), bytes_, 0) != static_cast<ssize_t>(bytes_)) return false;
    std::memcpy(copied_, now.data(), bytes_);
    return true;
}

KeptPage::~KeptPage() {
    const bool kept = copy();
    if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
    if (kept && !live_.empty()) ::unlink(live_.c_str());
}

PageKeeper::PageKeeper(std::filesystem::path live) : live_(std::move(live)) {
    if (live_.empty()) return;
    std::error_code ignored;  // opening a page in it will say so
    std::filesystem::create_directories(live_, ignored);
    ::chmod(live_.c_str(), 0700);
    thread_ = std::thread([this] { run(); });
}

PageKeeper::~PageKeeper() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
    std::error_code stays;  // as long as a page is in it
    std::filesystem::remove(live_, stays);
}

// In memory; false: there is no room for it, and nothing of it is left there.
bool PageKeeper::map(KeptPage& page, const std::filesystem::path& name) const {
    if (live_.empty()) return false;
    if (page.map_in_memory(live_ / name)) return true;
    std::error_code ignored;
    std::filesystem::remove(live_ / name, ignored);
    return false;
}

Result<std::shared_ptr<KeptPage>> PageKeeper::open(const std::string& path, std::size_t bytes,
                                                   bool only_one) {
    auto fd = open_page(path, only_one);
    if (!fd) return pass_on(std::move(fd).error());
    if (auto room = allocate(*fd, path, bytes); !room) return pass_on(room.error());
    std::shared_ptr<KeptPage> page(new KeptPage(std::move(*fd), path, bytes));
    if (!map(*page, std::filesystem::path(path).filename()))
        if (const auto mapped = page->map_in_place(); !mapped) return pass_on(mapped.error());
    const std::lock_guard lock(mutex_);
    pages_.push_back(page);
    return page;
}

void PageKeeper::remove(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    if (!live_.empty())
        std::filesystem::remove(live_ / std::filesystem::path(path).filename(), ignored);
}

std::vector<std::shared_ptr<KeptPage>> PageKeeper::open_pages() {
    std::vector<std::shared_ptr<KeptPage>> open;
    const std::lock_guard lock(mutex_);
    std::erase_if(pages_, [](const auto& page) { return page.expired(); });
    for (const auto& page : pages_)
        if (auto held = page.lock()) open.push_back(std::move(held));
    return open;
}

void PageKeeper::look() {
    if (!thread_.joinable()) return;
    const auto pages = open_pages();
    if (std::none_of(pages.begin(), pages.end(), [](const auto& page) { return page->changed(); }))
        return;
    {
        const std::lock_guard lock(mutex_);
        changed_ = true;
    }
    wake_.notify_one();
}

void PageKeeper::run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        wake_.wait(lock, [this] { return stop_ || changed_; });
        changed_ = false;
        lock.unlock();
        for (const auto& page : open_pages()) page->copy();
        lock.lock();
        wake_.wait_for(lock, kCopyEvery, [this] { return stop_; });
    }
}

}  // namespace portlid::sink
