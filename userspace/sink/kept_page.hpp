// SPDX-License-Identifier: Apache-2.0
// A few numbers that outlive the process: after kill -9 they stand as they stood, after a reboot as
// they stood a second before. They are mapped from memory, so that whoever writes them never waits
// for a disk (a page of a file system that is frozen holds up its writer), and a thread copies them
// to where they are kept.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::sink {

class KeptPage {
public:
    ~KeptPage();  // copied once more; what was in memory is removed
    KeptPage(const KeptPage&) = delete;
    KeptPage& operator=(const KeptPage&) = delete;

    // `bytes` bytes, zero when the file is new. Whoever made the page says what they mean.
    [[nodiscard]] void* data() const { return data_; }
    // Since it was copied; false while it is being copied.
    [[nodiscard]] bool changed();
    // To where it is kept; whether it stands there. May wait for the disk; a disk that fails gets
    // it the next time.
    bool copy();

private:
    friend class PageKeeper;
    KeptPage(UniqueFd kept, std::string path, std::size_t bytes)
        : kept_(std::move(kept)), path_(std::move(path)), bytes_(bytes) {}
    [[nodiscard]] Result<> map_in_place();
    [[nodiscard]] Result<> map_in_memory(const std::filesystem::path& live);
    [[nodiscard]] Result<> adopt();

    UniqueFd kept_;
    std::string path_;
    std::filesystem::path live_;  // empty: mapped where it is kept
    std::size_t bytes_;
    void* mapped_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    void* data_ = nullptr;
    char* copied_ = nullptr;   // behind the page in memory: what was copied last,
    char* copying_ = nullptr;  // and what is on its way
    std::mutex copying_now_;
};

class PageKeeper {
public:
    // `live`: a directory of a file system in memory, made when it is not there. Empty, or without
    // room: pages are mapped where they are kept.
    explicit PageKeeper(std::filesystem::path live = {});
    ~PageKeeper();
    PageKeeper(const PageKeeper&) = delete;
    PageKeeper& operator=(const PageKeeper&) = delete;

    // `path`: where it is kept (0600); names are unique within one keeper. `only_one`: refused when
    // another process has it.
    [[nodiscard]] Result<std::shared_ptr<KeptPage>> open(const std::string& path, std::size_t bytes,
                                                         bool only_one = false);
    // To be called when pages may have changed, and every second: they are copied within a second.
    void look();
    // One that is not open.
    void remove(const std::string& path);

private:
    [[nodiscard]] bool map(KeptPage& page, const std::filesystem::path& name) const;
    void run();
    [[nodiscard]] std::vector<std::shared_ptr<KeptPage>> open_pages();

    const std::filesystem::path live_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    bool changed_ = false;
    std::vector<std::weak_ptr<KeptPage>> pages_;
    std::thread thread_;
};

}  // namespace portlid::sink
