// SPDX-License-Identifier: Apache-2.0
#include "identity/raw_sockets.hpp"

#include <string>

#include "base/text.hpp"
#include "identity/number.hpp"
#include "identity/proc_dir.hpp"

namespace portlid::identity {

namespace {

constexpr std::size_t kTableBytes = std::size_t{1} << 20U;
constexpr unsigned kRawInode = 9;
constexpr unsigned kPacketInode = 8;

void add(const ProcDir& process, const char* table, const char* kind, unsigned column,
         std::vector<RawSocket>& sockets) {
    const auto text = process.file(table, kTableBytes);
    if (!text) return;
    for (const auto inode : inodes_in_table(*text, column)) sockets.push_back({kind, inode});
}

}  // namespace

std::vector<std::uint64_t> inodes_in_table(std::string_view text, unsigned column) {
    std::vector<std::uint64_t> inodes;
    for (const auto line : split(text, '\n')) {
        unsigned at = 0;
        for (const auto word : split(line, ' ')) {
            if (word.empty()) continue;
            if (at++ != column) continue;
            if (const auto inode = whole_number<std::uint64_t>(word); inode && *inode != 0)
                inodes.push_back(*inode);
            break;
        }
    }
    return inodes;
}

std::vector<RawSocket> raw_sockets(const std::filesystem::path& proc, std::uint32_t pid) {
    const ProcDir process(proc / std::to_string(pid));
    std::vector<RawSocket> sockets;
    add(process, "net/raw", "raw", kRawInode, sockets);
    add(process, "net/raw6", "raw", kRawInode, sockets);
    add(process, "net/packet", "packet", kPacketInode, sockets);
    return sockets;
}

}  // namespace portlid::identity
