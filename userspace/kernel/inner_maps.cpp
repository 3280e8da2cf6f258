// SPDX-License-Identifier: Apache-2.0
#include "kernel/inner_maps.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace portlid::kernel {

namespace {

constexpr std::size_t kBatch = 256;  // chunks that one call points at

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

std::uint32_t index_of(std::uint32_t slot, std::size_t chunk) {
    return slot * TRIE_CHUNKS + static_cast<std::uint32_t>(chunk);
}

// 0 = nothing.
std::uint32_t id_at(int tries_fd, std::uint32_t index) {
    std::uint32_t id = 0;
    return bpf_map_lookup_elem(tries_fd, &index, &id) == 0 ? id : 0;
}

// Of the first `count` chunks; by one call where all are there.
std::vector<std::uint32_t> ids_at(int tries_fd, std::uint32_t slot, std::size_t count) {
    std::vector<std::uint32_t> ids(count);
    std::vector<std::uint32_t> indexes(count);
    auto before = index_of(slot, 0) - 1;
    auto got = static_cast<__u32>(count);
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (count > 1 &&
        bpf_map_lookup_batch(tries_fd, index_of(slot, 0) != 0 ? &before : nullptr, &before,
                             indexes.data(), ids.data(), &got, &options) == 0 &&
        got == count && indexes.back() == index_of(slot, count - 1))
        return ids;
    for (std::size_t n = 0; n < count; ++n) ids[n] = id_at(tries_fd, index_of(slot, n));
    return ids;
}

// Entries of the slot from `first` on that still hold chunks of an older trie.
std::vector<std::uint32_t> left_over(int tries_fd, std::uint32_t slot, std::size_t first) {
    std::vector<std::uint32_t> indexes;
    for (auto chunk = first; chunk < TRIE_CHUNKS; ++chunk) {
        if (id_at(tries_fd, index_of(slot, chunk)) == 0) break;
        indexes.push_back(index_of(slot, chunk));
    }
    return indexes;
}

Result<TrieChunk> make_chunk(const InnerShape& shape, const std::vector<trie_node>& nodes,
                             std::size_t number, trie_chunk& scratch) {
    const auto begin = std::min(number * TRIE_CHUNK_NODES, nodes.size());
    const auto end = std::min(begin + TRIE_CHUNK_NODES, nodes.size());
    auto* rest = std::copy(&nodes.data()[begin], &nodes.data()[end], scratch.nodes);
    std::fill(rest, std::end(scratch.nodes), trie_node{});
    auto map = make_frozen("trie_chunk", shape, bytes_of(scratch), "the source trie");
    if (!map && map.error().errno_value == EMFILE)
        return fail_errno("cannot hold the source lists open", EMFILE,
                          "allow more open files: LimitNOFILE= of the unit, ulimit -n");
    if (!map) return pass_on(std::move(map.error()));
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (const int error = bpf_obj_get_info_by_fd(map->get(), &info, &size); error != 0)
        return fail_errno("cannot examine the source trie", -error);
    return TrieChunk{std::move(*map), info.id};
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

Result<Trie> write_trie(int tries_fd, const InnerShape& shape, std::uint32_t slot,
                        const std::vector<trie_node>& nodes) {
    const auto chunks =
        std::max<std::size_t>((nodes.size() + TRIE_CHUNK_NODES - 1) / TRIE_CHUNK_NODES, 1);
    if (chunks > TRIE_CHUNKS)
        return fail("the source lists need more than " +
                        std::to_string(TRIE_CHUNKS * TRIE_CHUNK_NODES) + " trie nodes",
                    "use shorter lists, or shorter prefixes");
    auto stale = left_over(tries_fd, slot, chunks);
    const auto scratch = std::make_unique<trie_chunk>();
    Trie trie;
    for (std::size_t first = 0; first < chunks; first += kBatch) {
        std::vector<std::uint32_t> indexes;
        std::vector<int> maps;
        for (auto n = first; n < std::min(chunks, first + kBatch); ++n) {
            auto chunk = make_chunk(shape, nodes, n, *scratch);
            if (!chunk) return pass_on(std::move(chunk.error()));
            indexes.push_back(index_of(slot, n));
            maps.push_back(chunk->map.get());
            trie.push_back(std::move(*chunk));
        }
        if (first + kBatch >= chunks)  // what is left over goes along with the last
            for (const auto index : stale) {
                indexes.push_back(index);
                maps.push_back(trie.front().map.get());
            }
        if (auto done = point_all(tries_fd, indexes, maps); !done) return pass_on(done.error());
    }
    return trie;
}

Result<Trie> read_trie(int tries_fd, std::uint32_t slot) {
    Trie trie;
    for (std::size_t chunk = 0; chunk < TRIE_CHUNKS; ++chunk) {
        const auto id = id_at(tries_fd, index_of(slot, chunk));
        if (id == 0 || (!trie.empty() && id == trie.front().id)) break;  // see left_over()
        const int fd = bpf_map_get_fd_by_id(id);
        if (fd < 0) return fail_errno("cannot open map " + std::to_string(id), -fd);
        trie.push_back({UniqueFd(fd), id});
    }
    return trie;
}

Result<bool> mend_trie(int tries_fd, std::uint32_t slot, const Trie& trie) {
    std::vector<std::uint32_t> indexes;
    std::vector<int> maps;
    const auto there = ids_at(tries_fd, slot, trie.size());
    for (std::size_t n = 0; n < trie.size(); ++n) {
        if (there[n] == trie[n].id) continue;
        indexes.push_back(index_of(slot, n));
        maps.push_back(trie[n].map.get());
    }
    if (auto done = point_all(tries_fd, indexes, maps); !done) return pass_on(done.error());
    return !indexes.empty();
}

}  // namespace portlid::kernel
