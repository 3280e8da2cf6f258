// SPDX-License-Identifier: Apache-2.0
#include "app/rescue.hpp"

#include <sstream>

#include "base/file.hpp"

namespace portlid::app {

namespace {

constexpr const char* kWord = "portlid.mode=monitor";
constexpr std::size_t kCmdlineBytes = 64U << 10U;

bool has_word(const std::filesystem::path& cmdline) {
    const auto text = read_file(cmdline, kCmdlineBytes);
    if (!text) return false;
    std::istringstream words(*text);
    for (std::string word; words >> word;)
        if (word == kWord) return true;
    return false;
}

}  // namespace

Rescue find_rescue(const std::filesystem::path& cmdline, const std::filesystem::path& flag) {
    if (has_word(cmdline))
        return {std::string(kWord) + " is on the kernel command line", "boot without it"};
    return find_rescue_file(flag);
}

Rescue find_rescue_file(const std::filesystem::path& flag) {
    std::error_code failed;
    // Not followed: whatever somebody put there in a hurry counts.
    if (!std::filesystem::exists(std::filesystem::symlink_status(flag, failed))) return {};
    return {"the file " + flag.string() + " exists",
            "rm " + flag.string() + ", then send SIGHUP to the sensor or start it again"};
}

}  // namespace portlid::app
