// SPDX-License-Identifier: Apache-2.0
// Owners of libbpf objects. Programs, maps and links that outlive a call are kept as UniqueFd.
#pragma once

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>

namespace portlid::kernel {

struct RingBufferDeleter {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingBuffer = std::unique_ptr<ring_buffer, RingBufferDeleter>;

struct BtfDeleter {
    void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfDeleter>;

}  // namespace portlid::kernel
