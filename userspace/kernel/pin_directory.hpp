// SPDX-License-Identifier: Apache-2.0
// Where links and maps are pinned: <bpffs>/v<ABI>/{maps,links}, mode 0700. bpffs knows no regular
// files, so the two facts worth keeping across runs are empty directories: <bpffs>/mounted_by_us
// and links/<ifindex>_classic (see classic_tc.hpp). Names there must not contain a dot.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

class PinDirectory {
public:
    // Makes the directories, mounting a bpffs at /sys/fs/bpf where `root` lies under it and none
    // is mounted. Any other place without a bpffs is refused.
    [[nodiscard]] static Result<PinDirectory> create(const std::filesystem::path& root);
    // The same without making anything; for detaching.
    explicit PinDirectory(std::filesystem::path root);

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }
    [[nodiscard]] std::filesystem::path maps() const { return version_ / "maps"; }
    [[nodiscard]] std::filesystem::path links() const { return version_ / "links"; }
    // Directories of every ABI version under `root`, our own included.
    [[nodiscard]] std::vector<std::filesystem::path> versions() const;

    // Moves the links that a sensor of another ABI version left into ours, so that they can be
    // updated without a gap, and drops that version's maps.
    void take_over_other_versions() const;
    // Removes directories that are empty, and the mount when it was ours and nothing is left.
    void remove_if_empty() const;

private:
    std::filesystem::path root_;
    std::filesystem::path version_;
};

// Held while a sensor lives; ends with the process, whatever becomes of its other files. Invalid
// where there is no such directory.
[[nodiscard]] UniqueFd hold_pins(const std::filesystem::path& root);
// Some sensor, of this process or another one, holds them.
[[nodiscard]] bool pins_are_held(const std::filesystem::path& root);

// Pins and directories in a directory, sorted; empty when it does not exist.
[[nodiscard]] std::vector<std::filesystem::path> entries(const std::filesystem::path& directory);

}  // namespace portlid::kernel
