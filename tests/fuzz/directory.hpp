// SPDX-License-Identifier: Apache-2.0
// A directory of this process, in memory where there is a tmpfs for everybody: for readers that
// take a path.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fuzz.hpp"

namespace portlid::fuzz {

class Directory {
public:
    Directory() {
        std::string name = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
        name += "/portlid-fuzz-XXXXXX";
        promise(::mkdtemp(name.data()) != nullptr, "cannot make a directory");
        path_ = name;
    }
    ~Directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    // The path of `name`, which now holds `text`.
    std::filesystem::path write(const char* name, std::string_view text) const {
        std::ofstream(path_ / name, std::ios::binary) << text << std::flush;
        return path_ / name;
    }

private:
    std::filesystem::path path_;
};

}  // namespace portlid::fuzz
