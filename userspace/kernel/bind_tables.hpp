// SPDX-License-Identifier: Apache-2.0
// `binds:` as the bind hooks read it (bpf/lib/bind_rules.h): rules are bits of one word.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "abi/owners.h"
#include "base/result.hpp"
#include "kernel/map_access.hpp"

namespace portlid::kernel {

struct BindTables {
    bind_settings settings{};
    // Rules that name each port: TCP 0..65535, then UDP. Empty: none names any.
    std::vector<std::uint64_t> ports;
    // Which rules a cgroup, user or program fits.
    std::map<bind_who_key, std::uint64_t, LessBytes> who;
};

struct BindMaps {
    int settings, ports, sets, who;
};

// Written so that nobody is refused half-way: who may do what first, the mode last.
[[nodiscard]] Result<> write_bind_tables(const BindMaps& maps, const BindTables& tables);
// Who fits which rule alone, where rules, ports and mode are those that were written last.
[[nodiscard]] Result<> write_bind_who(const BindMaps& maps, const BindTables& tables);

}  // namespace portlid::kernel
