// SPDX-License-Identifier: Apache-2.0
// used_ports from userspace: bits for flows that left before egress was watched, and the word that
// all of them are known. Used inside this room only.
#pragma once

#include <set>

#include "base/result.hpp"
#include "kernel/conntrack.hpp"

namespace portlid::kernel {

// `program`: seed_port, since only a program can set a bit of a word that others write.
[[nodiscard]] Result<> mark_used_ports(int program, const std::set<AnsweredPort>& ports);
// `table_sizes`: the map. See TABLE_PORTS_ARE_ALL.
[[nodiscard]] Result<> say_ports_are_all(int table_sizes, bool all);

}  // namespace portlid::kernel
