// SPDX-License-Identifier: Apache-2.0
// Whether names in a directory came, went or were exchanged since it was asked last (inotify(7)):
// one short call, where listing it every second would cost an idle sensor more than its packets.
// Used inside this room only.
#pragma once

#include <filesystem>

#include "base/unique_fd.hpp"

namespace portlid::kernel {

class DirectoryWatch {
public:
    explicit DirectoryWatch(std::filesystem::path directory);
    // True the first time, when it cannot be told, and now and then: a mount over the directory
    // tells nobody.
    [[nodiscard]] bool changed();

private:
    std::filesystem::path directory_;
    UniqueFd inotify_;
    bool watched_ = false;
    unsigned asked_ = 0;
};

}  // namespace portlid::kernel
