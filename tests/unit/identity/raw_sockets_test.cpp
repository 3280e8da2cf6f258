// SPDX-License-Identifier: Apache-2.0
#include "identity/raw_sockets.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace portlid::identity {
namespace {

using Inodes = std::vector<std::uint64_t>;

TEST(RawSockets, ReadsTheInodesOfBothTablesAndSkipsTheRest) {
    const char* const raw =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout "
        "inode ref pointer drops\n"
        "   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        "
        "0 "
        "28151 2 0000000000000000 0\n"
        "garbage\n";
    EXPECT_EQ(inodes_in_table(raw, 9), Inodes{28151});
    const char* const packet =
        "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
        "0000000000000000 3      3    0003   0     1 0      0      28152 \n";
    EXPECT_EQ(inodes_in_table(packet, 8), Inodes{28152});
    EXPECT_TRUE(inodes_in_table("", 8).empty());
}

TEST(RawSockets, OfAProcessThatIsGoneThereAreNone) {
    EXPECT_TRUE(raw_sockets("/proc", 0x7ffffffe).empty());
}

TEST(RawSockets, FindsARealOneByItsInode) {
    const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1);
    if (fd < 0) GTEST_SKIP() << "raw sockets need CAP_NET_RAW";
    char link[64] = {};
    ASSERT_GT(::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1),
              0);
    bool found = false;
    for (const auto& socket : raw_sockets("/proc", static_cast<std::uint32_t>(::getpid())))
        found |= "socket:[" + std::to_string(socket.inode) + "]" == link;
    EXPECT_TRUE(found);
    ::close(fd);
}

}  // namespace
}  // namespace portlid::identity
