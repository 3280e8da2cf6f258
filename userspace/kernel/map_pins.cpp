// SPDX-License-Identifier: Apache-2.0
#include "kernel/map_pins.hpp"

#include "base/file.hpp"
#include "kernel/links.hpp"

namespace portlid::kernel {

MapPins::MapPins(const LoadedPrograms& programs, PinDirectory pins)
    : pins_(std::move(pins)), watch_(pins_.maps()), held_(hold_pins(pins_.root())) {
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, programs.object) {
        if (bpf_map__is_internal(map)) continue;
        const std::string name = bpf_map__name(map);
        known_[name] = {bpf_map__fd(map), file_inode(pins_.maps() / name)};
    }
}

Result<std::vector<std::string>> MapPins::mend() {
    std::vector<std::string> lost;
    if (!watch_.changed() && whole_) return lost;
    whole_ = false;
    const auto listed = inodes_in(pins_.maps());
    if (!listed && listed.error().errno_value != ENOENT) return lost;  // nobody can say
    const auto now = listed.value_or(std::map<std::string, ino_t>());
    for (const auto& [name, pin] : known_)
        if (const auto found = now.find(name); found == now.end() || found->second != pin.inode)
            lost.push_back(name);
    if (whole_ = lost.empty(); whole_) return lost;
    // The directories may be gone with them.
    if (auto made = PinDirectory::create(pins_.root()); !made) return pass_on(made.error());
    held_ = hold_pins(pins_.root());
    for (const auto& name : lost) {
        auto& pin = known_[name];
        const auto path = pins_.maps() / name;
        if (auto pinned = pin_in_place(pin.map_fd, path); !pinned) return pass_on(pinned.error());
        pin.inode = file_inode(path);
    }
    return lost;
}

}  // namespace portlid::kernel
