// SPDX-License-Identifier: Apache-2.0
#include "kernel/inner_maps.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace portlid::kernel {

namespace {

// How many chunks are held open at a time: far below the usual limit of 1024 descriptors.
constexpr std::size_t kBatch = 256;

std::span<const std::byte> bytes_of(const trie_chunk& chunk) {
    return std::as_bytes(std::span(&chunk, 1));
}

// One call, so one grace period for all of them.
Result<> point_all(int tries_fd, std::vector<std::uint32_t>& indexes, std::vector<int>& maps) {
    auto count = static_cast<__u32>(indexes.size());
    if (count == 0) return {};
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    const int error = bpf_map_update_batch(tries_fd, indexes.data(), maps.data(), &count, &options);
    if (error != 0) return fail_errno("cannot put the source trie in its slot", -error);
    return {};
}

// Entries of the slot from `first` on that still hold chunks of an older trie.
std::vector<std::uint32_t> left_over(int tries_fd, std::uint32_t slot, std::size_t first) {
    std::vector<std::uint32_t> indexes;
    for (auto chunk = static_cast<std::uint32_t>(first); chunk < TRIE_CHUNKS; ++chunk) {
        const std::uint32_t index = slot * TRIE_CHUNKS + chunk;
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(tries_fd, &index, &id) != 0) break;
        indexes.push_back(index);
    }
    return indexes;
}

}  // namespace

InnerShape inner_shape(const bpf_map* outer) {
    const auto* inner = bpf_map__inner_map(const_cast<bpf_map*>(outer));
    if (inner == nullptr) return {};
    return {bpf_map__type(inner), bpf_map__key_size(inner), bpf_map__value_size(inner),
            bpf_map__max_entries(inner), bpf_map__map_flags(inner)};
}

Result<UniqueFd> make_frozen(const char* name, const InnerShape& shape,
                             std::span<const std::byte> value, const char* what) {
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.map_flags = shape.flags;
    UniqueFd map(bpf_map_create(shape.type, name, shape.key_size, shape.value_size,
                                shape.max_entries, &options));
    if (!map.valid()) return fail_errno(std::string("cannot make room for ") + what, errno);
    const std::uint32_t zero = 0;
    if (const int error = bpf_map_update_elem(map.get(), &zero, value.data(), BPF_ANY); error != 0)
        return fail_errno(std::string("cannot write ") + what, -error);
    // Read back before anything refers to it. Not zeroed first: all of it is overwritten.
    const std::unique_ptr<std::byte[]> back(new std::byte[value.size()]);
    if (const int error = bpf_map_lookup_elem(map.get(), &zero, back.get()); error != 0)
        return fail_errno(std::string("cannot read back ") + what, -error);
    if (std::memcmp(back.get(), value.data(), value.size()) != 0)
        return fail(std::string(what) + " reads back differently from what was written");
    if (const int error = bpf_map_freeze(map.get()); error != 0)
        return fail_errno(std::string("cannot freeze ") + what, -error);
    return map;
}

Result<> write_trie(int tries_fd, const InnerShape& shape, std::uint32_t slot,
                    const std::vector<trie_node>& nodes) {
    const auto chunks =
        std::max<std::size_t>((nodes.size() + TRIE_CHUNK_NODES - 1) / TRIE_CHUNK_NODES, 1);
    if (chunks > TRIE_CHUNKS)
        return fail("the source lists need more than " +
                        std::to_string(TRIE_CHUNKS * TRIE_CHUNK_NODES) + " trie nodes",
                    "use shorter lists, or shorter prefixes");
    auto stale = left_over(tries_fd, slot, chunks);
    const auto chunk = std::make_unique<trie_chunk>();
    for (std::size_t first = 0; first < chunks; first += kBatch) {
        std::vector<UniqueFd> made;
        std::vector<std::uint32_t> indexes;
        std::vector<int> maps;
        for (auto n = first; n < std::min(chunks, first + kBatch); ++n) {
            const auto begin = std::min(n * TRIE_CHUNK_NODES, nodes.size());
            const auto end = std::min(begin + TRIE_CHUNK_NODES, nodes.size());
            auto* rest = std::copy(&nodes.data()[begin], &nodes.data()[end], chunk->nodes);
            std::fill(rest, std::end(chunk->nodes), trie_node{});
            auto map = make_frozen("trie_chunk", shape, bytes_of(*chunk), "the source trie");
            if (!map) return pass_on(std::move(map.error()));
            indexes.push_back(slot * TRIE_CHUNKS + static_cast<std::uint32_t>(n));
            maps.push_back(map->get());
            made.push_back(std::move(*map));
        }
        if (first + kBatch >= chunks)  // what is left over goes along with the last
            for (const auto index : stale) {
                indexes.push_back(index);
                maps.push_back(maps.front());
            }
        if (auto done = point_all(tries_fd, indexes, maps); !done) return done;
    }
    return {};
}

}  // namespace portlid::kernel
