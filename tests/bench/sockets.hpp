// SPDX-License-Identifier: Apache-2.0
// What a program that opens a port pays for being watched: socket, bind, listen, close, with and
// without the running daemon.
#pragma once

#include "bench/machine.hpp"
#include "bench/results.hpp"

namespace portlid::bench {

struct SocketOptions {
    unsigned rounds = 7;
    unsigned bursts = 9;     // a round
    unsigned cycles = 3000;  // of a flood
};

[[nodiscard]] Result<> measure_sockets(const Machine& machine, const SocketOptions& options,
                                       Results& results);

}  // namespace portlid::bench
