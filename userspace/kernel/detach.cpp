// SPDX-License-Identifier: Apache-2.0
// `portlid detach`: everything that sensors pinned under one directory, whatever their version.
#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "kernel/capabilities.hpp"
#include "kernel/classic_tc.hpp"
#include "kernel/links.hpp"
#include "kernel/pin_directory.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

namespace fs = std::filesystem;

namespace {

bool is_marker(const fs::path& path) {
    struct stat facts {};
    return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// links/<ifindex>_classic: filters without a link. Counts those removed.
unsigned remove_classic(const fs::path& marker) {
    const auto name = marker.filename().string();
    std::uint32_t ifindex = 0;
    std::from_chars(name.data(), name.data() + name.size(), ifindex);
    unsigned removed = 0;
    for (const auto direction : {Direction::In, Direction::Out})
        if (ifindex != 0 && detach_classic(ifindex, direction)) ++removed;
    if (::rmdir((marker / "qdisc").c_str()) == 0) remove_unused_clsact(ifindex);
    ::rmdir(marker.c_str());
    return removed;
}

unsigned remove_link(const fs::path& pin) {
    if (is_marker(pin)) return remove_classic(pin);
    drop_link(open_pin(pin), pin);
    return is_pinned(pin) ? 0 : 1;
}

}  // namespace

Result<DetachReport> detach_pins(const fs::path& bpffs) {
    DetachReport report;
    if (!is_pinned(bpffs)) {
        if (errno != EACCES && errno != EPERM) return report;
        return fail_errno("cannot look into " + bpffs.string(), errno, "run it with sudo",
                          ExitCode::NoPermission);
    }
    if (auto allowed = require_capabilities(); !allowed) return pass_on(std::move(allowed.error()));
    const PinDirectory pins(bpffs);
    for (const auto& version : pins.versions()) {
        for (const auto& pin : entries(version / "links")) report.links += remove_link(pin);
        for (const auto& pin : entries(version / "maps"))
            if (::unlink(pin.c_str()) == 0) ++report.maps;
    }
    pins.remove_if_empty();
    for (const auto& version : pins.versions())
        return fail("cannot remove " + version.string() + " completely", "look at what is in it");
    return report;
}

}  // namespace portlid::kernel
