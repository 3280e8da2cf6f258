// SPDX-License-Identifier: Apache-2.0
// Maps that live inside maps: made to fit the outer map's template, filled, read back, frozen.
// Frozen: nobody changes what is published, not even by mistake or through its id.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <span>
#include <vector>

#include "abi/maps.h"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

// What an inner map must look like for the kernel to accept it; taken from the outer map's
// template before it is loaded (libbpf drops the template then).
struct InnerShape {
    bpf_map_type type = BPF_MAP_TYPE_ARRAY;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
    std::uint32_t max_entries = 0;
    std::uint32_t flags = 0;
};
[[nodiscard]] InnerShape inner_shape(const bpf_map* outer);

// A frozen map of `shape` whose one element is `value`, which has the shape's value size. `what`
// names the content in messages: "the policy image".
[[nodiscard]] Result<UniqueFd> make_frozen(const char* name, const InnerShape& shape,
                                           std::span<const std::byte> value, const char* what);

// One chunk of a trie. Held for as long as its policy has a slot, so that it can be put back.
struct TrieChunk {
    UniqueFd map;
    std::uint32_t id = 0;
};
using Trie = std::vector<TrieChunk>;

// Writes an image's trie into chunks and points the chunks of trie slot `slot`, which nobody may
// be reading, at them. Chunks of an older trie in that slot are let go.
[[nodiscard]] Result<Trie> write_trie(int tries_fd, const InnerShape& shape, std::uint32_t slot,
                                      const std::vector<trie_node>& nodes);
// What an earlier run wrote there.
[[nodiscard]] Result<Trie> read_trie(int tries_fd, std::uint32_t slot);
// Points the slot's chunks at `trie` again where they lead elsewhere; whether any did.
[[nodiscard]] Result<bool> mend_trie(int tries_fd, std::uint32_t slot, const Trie& trie);

}  // namespace portlid::kernel
