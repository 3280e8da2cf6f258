// SPDX-License-Identifier: Apache-2.0
// The way back in without a network: a word on the kernel command line, or a file, forces monitor
// mode whatever policy, run-time changes and pins of an earlier run say.
#pragma once

#include <filesystem>
#include <string>

namespace portlid::app {

struct Rescue {
    std::string why;    // "the file /etc/portlid/monitor exists"; empty: nobody asked
    std::string leave;  // how to get out of it
    [[nodiscard]] bool asked() const { return !why.empty(); }
};

// `portlid.mode=monitor` in `cmdline` (one line of words), or anything at all at `flag`. A file
// that cannot be looked at asks for nothing.
[[nodiscard]] Rescue find_rescue(const std::filesystem::path& cmdline,
                                 const std::filesystem::path& flag);
// The same without the command line, which is what it was at the start.
[[nodiscard]] Rescue find_rescue_file(const std::filesystem::path& flag);

}  // namespace portlid::app
