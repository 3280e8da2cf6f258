// SPDX-License-Identifier: Apache-2.0
#include "kernel/uses.hpp"

#include "kernel/pin_directory.hpp"
#include "kernel/read_map.hpp"

namespace portlid::kernel {

Result<Uses> Uses::open(const std::filesystem::path& bpffs) {
    const auto pin = PinDirectory(bpffs).maps() / "recent_uses";
    UniqueFd map(bpf_obj_get(pin.c_str()));
    if (!map.valid()) return fail_errno("cannot open " + pin.string(), errno);
    return Uses(std::move(map));
}

std::vector<RecentUse> Uses::take() {
    std::vector<RecentUse> out;
    for (const auto& [key, state] : read_map<verdict_key, use_state>(map_.get(), true))
        out.push_back({key, state});
    return out;
}

}  // namespace portlid::kernel
