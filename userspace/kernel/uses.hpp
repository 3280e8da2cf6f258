// SPDX-License-Identifier: Apache-2.0
// The map recent_uses: who tried which port since it was last emptied, whatever the verdict.
#pragma once

#include <filesystem>
#include <vector>

#include "abi/uses.h"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

struct RecentUse {
    verdict_key key{};
    use_state state{};
};

class Uses {
public:
    // Of the sensor that is loaded under `bpffs`.
    [[nodiscard]] static Result<Uses> open(const std::filesystem::path& bpffs);
    // Empties the map and returns what it held.
    [[nodiscard]] std::vector<RecentUse> take();

private:
    explicit Uses(UniqueFd map) : map_(std::move(map)) {}
    UniqueFd map_;
};

}  // namespace portlid::kernel
