// SPDX-License-Identifier: Apache-2.0
// From a task of the kernel's record, or a pid, to a Holder.
#pragma once

#include "event/decode.hpp"
#include "identity/process.hpp"
#include "inventory/listener.hpp"

namespace portlid::inventory {

// The process as procfs has it now; what the kernel recorded when it is already gone, or when its
// pid belongs to somebody else by now. comm is the process's, not the acting thread's (io_uring
// workers bind under names of their own).
[[nodiscard]] Holder identify(const identity::ProcRoot& proc, const event::TaskFacts& task);
// The process behind a pid; none when it is gone.
[[nodiscard]] std::optional<Holder> identify(const identity::ProcRoot& proc, std::uint32_t pid);
// The same process: same pid, started at the same time.
[[nodiscard]] bool same_process(const Holder& a, const Holder& b);

}  // namespace portlid::inventory
