// SPDX-License-Identifier: Apache-2.0
#include "kernel/lsm_order.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"

namespace portlid::kernel {

std::string lsm_order() {
    auto list = read_file("/sys/kernel/security/lsm", 4096).value_or(std::string());
    while (!list.empty() && list.back() == '\n') list.pop_back();
    return list;
}

bool bpf_lsm_runs(std::string_view order) {
    const auto names = split(order, ',');
    return std::find(names.begin(), names.end(), "bpf") != names.end();
}

}  // namespace portlid::kernel
