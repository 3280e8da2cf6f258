// SPDX-License-Identifier: Apache-2.0
// Whether names in a directory came, went or were exchanged since it was asked last (inotify(7)):
// one short call, where listing it every second would cost an idle sensor more than its packets.
// Used inside this room only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/unique_fd.hpp"

namespace portlid::kernel {

class DirectoryWatch {
public:
    explicit DirectoryWatch(std::filesystem::path directory);
    // True also the first time, when it cannot be told, and when another directory stands there:
    // one above it was renamed, unmounted or mounted over, which tells a watch nothing.
    [[nodiscard]] bool changed();

private:
    struct Place {
        std::uint64_t mount, device, inode;
        bool operator==(const Place&) const = default;
    };
    [[nodiscard]] std::optional<Place> place() const;
    std::filesystem::path directory_;
    UniqueFd inotify_;
    std::optional<Place> watched_;
};

}  // namespace portlid::kernel
