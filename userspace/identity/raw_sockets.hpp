// SPDX-License-Identifier: Apache-2.0
// Sockets that see packets without a port: raw IP and packet (sniffing) sockets. No hook and no
// socket dump of ours tells of them; procfs lists them a network namespace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace portlid::identity {

struct RawSocket {
    const char* kind = "raw";  // "raw", "packet"
    std::uint64_t inode = 0;
};

// Those of the namespace that `pid` is in; none when the process is gone.
[[nodiscard]] std::vector<RawSocket> raw_sockets(const std::filesystem::path& proc,
                                                 std::uint32_t pid);
// The inodes of /proc/net/raw (column 9) and /proc/net/packet (column 8); lines of another form
// are skipped.
[[nodiscard]] std::vector<std::uint64_t> inodes_in_table(std::string_view text, unsigned column);

}  // namespace portlid::identity
