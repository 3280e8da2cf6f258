// SPDX-License-Identifier: Apache-2.0
// Cgroup paths, whose every component somebody chose: an id is 64 hex digits that stand in the
// path, a unit is one of its components, and what is appended below never changes either.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "identity/process.hpp"

namespace {

using portlid::fuzz::promise;

void check_id(const std::string& id, std::string_view path) {
    if (id.empty()) return;
    promise(id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string::npos,
            "an id that is none");
    promise(path.find(id) != std::string_view::npos, "an id that is not in the path");
    // Whoever lives in the container may make cgroups below his own.
    const std::string other(64, id == std::string(64, 'a') ? 'b' : 'a');
    const auto spoofed = std::string(path) + "/docker-" + other + ".scope";
    promise(portlid::identity::container_id_of(spoofed) == id, "a name below its own level wins");
}

void check_unit(const std::string& unit, std::string_view path) {
    if (unit.empty()) return;
    promise(unit.find('/') == std::string::npos, "a unit with a slash");
    promise(path.find(unit) != std::string_view::npos, "a unit that is not in the path");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto path = portlid::fuzz::text_of(data, size);
    check_id(portlid::identity::container_id_of(path), path);
    check_unit(portlid::identity::unit_of(path), path);
    return 0;
}
