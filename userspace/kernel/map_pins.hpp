// SPDX-License-Identifier: Apache-2.0
// The names under which the next start finds our maps. Somebody who removes or exchanges one takes
// the state away from that start: flows, bans, the policy in force. They are held while this lives.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/directory_watch.hpp"
#include "kernel/lifecycle.hpp"
#include "kernel/pin_directory.hpp"

namespace portlid::kernel {

class MapPins {
public:
    // `programs` outlives it; its maps are pinned by now.
    MapPins(const LoadedPrograms& programs, PinDirectory pins);

    // Gives back each name that is gone or leads elsewhere. Which these were, sorted; the
    // directory is read when something in it has changed. The error says what could not be given
    // back.
    [[nodiscard]] Result<std::vector<std::string>> mend();

    // Before the file system that they are in is unmounted.
    void let_go() { held_ = UniqueFd(); }

private:
    struct Pin {
        int map_fd;   // the object's
        ino_t inode;  // of the pin: another pin of the same map has another one
    };
    PinDirectory pins_;
    DirectoryWatch watch_;
    UniqueFd held_;
    bool whole_ = false;  // when it was looked at last
    std::map<std::string, Pin> known_;
};

}  // namespace portlid::kernel
