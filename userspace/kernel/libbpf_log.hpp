// SPDX-License-Identifier: Apache-2.0
// What libbpf has to say goes into our errors, never to stderr.
#pragma once

#include <string>

namespace portlid::kernel {

// Takes over libbpf's output for the whole process (once), and forgets what this thread has of it.
void capture_libbpf_log();
// The last lines that libbpf wrote on this thread, verifier's included, made safe to show.
[[nodiscard]] std::string last_libbpf_lines();

}  // namespace portlid::kernel
