// SPDX-License-Identifier: Apache-2.0
#include "kernel/bans.hpp"

#include <algorithm>

namespace portlid::kernel {

namespace {

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96, where IPv4 lives

network_key key_of(const Cidr& source) {
    return {source.mapped_bits(), source.address.to_bytes()};
}

network_key shortened(const network_key& key, std::uint32_t bits) {
    network_key out = key;
    out.prefix_bits = bits;
    for (std::uint32_t bit = bits; bit < 128; ++bit)
        out.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
    return out;
}

bool same_network(const network_key& a, const network_key& b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

bool covers(const network_key& wide, const network_key& narrow) {
    return wide.prefix_bits <= narrow.prefix_bits &&
           same_network(wide, shortened(narrow, wide.prefix_bits));
}

// A mapped IPv4 prefix; an IPv6 one shorter than the mapped space never comes here.
Cidr cidr_of(const network_key& key) {
    Cidr out{IpAddress::from_bytes(key.address), static_cast<std::uint8_t>(key.prefix_bits)};
    if (out.address.family() == Family::IPv4)
        out.bits = static_cast<std::uint8_t>(key.prefix_bits - kMappedBits);
    return out;
}

bool holds_ipv4_too(const Cidr& source) {
    return source.address.family() == Family::IPv6 && source.bits < kMappedBits &&
           covers(key_of(source), key_of(*Cidr::parse("0.0.0.0/0")));
}

std::uint64_t deadline_after(std::optional<std::chrono::nanoseconds> length, BootTime now) {
    if (!length) return BAN_FOR_EVER;
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(length->count(), 0));
    return std::min<std::uint64_t>(now.ns + ns, BAN_FOR_EVER - 1);
}

}  // namespace

Result<Bans> Bans::open(int bans_fd, int sizes_fd, std::size_t room) {
    Bans bans(bans_fd, sizes_fd, room);
    for (const auto& key : map_keys<network_key>(bans_fd, room)) {
        ban value{};
        if (bpf_map_lookup_elem(bans_fd, &key, &value) == 0) bans.table_.emplace(key, value);
    }
    if (auto written = bans.write_size(bans.table_.size()); !written)
        return pass_on(std::move(written.error()));
    return bans;
}

Result<> Bans::write_size(std::uint64_t entries) const {
    return write_table_size(sizes_fd_, TABLE_BANS, entries, "the number of bans");
}

std::uint64_t Bans::latest_deadline(const network_key& key) const {
    std::uint64_t latest = 0;
    for (std::uint32_t bits = 0; bits <= key.prefix_bits; ++bits)
        if (const auto found = table_.find(shortened(key, bits)); found != table_.end())
            latest = std::max<std::uint64_t>(latest, found->second.own_deadline_boot_ns);
    return latest;
}

// Hits that come between the read and the write are lost; they are a count for people.
Result<> Bans::write(const network_key& key, ban& value) {
    ban in_kernel{};
    if (bpf_map_lookup_elem(bans_fd_, &key, &in_kernel) == 0) value.hits = in_kernel.hits;
    value.deadline_boot_ns = latest_deadline(key);
    const int error = bpf_map_update_elem(bans_fd_, &key, &value, BPF_ANY);
    if (error == 0) return {};
    const bool full = error == -ENOSPC || error == -E2BIG;
    return fail_errno("cannot write the ban of " + cidr_of(key).to_string(), -error,
                      full ? "the map of bans is full (" + std::to_string(room_) +
                                 " entries): ban prefixes, or use a deny set"
                           : std::string());
}

Result<> Bans::refresh_below(const network_key& changed) {
    if (changed.prefix_bits == 128) return {};
    for (auto& [key, value] : table_) {
        if (same_network(key, changed) || !covers(changed, key)) continue;
        if (auto written = write(key, value); !written) return written;
    }
    return {};
}

// The number goes up before the entry is there and down after it is gone.
Result<> Bans::add(const Cidr& source, std::optional<std::chrono::nanoseconds> length) {
    if (holds_ipv4_too(source))
        return fail(source.to_string() + " would also ban every IPv4 address",
                    "ban 2000::/3, and 0.0.0.0/0 where that is meant", ExitCode::Usage);
    const auto key = key_of(source);
    const auto now = boot_now();
    const auto [entry, fresh] = table_.emplace(key, ban{0, 0, 0, now.ns});
    const auto before = entry->second.own_deadline_boot_ns;
    if (before <= now.ns) entry->second.since_boot_ns = now.ns;  // it had ended
    entry->second.own_deadline_boot_ns =
        std::max<std::uint64_t>(before, deadline_after(length, now));
    auto done = write_size(table_.size());
    if (done) done = write(key, entry->second);
    if (done) return refresh_below(key);
    entry->second.own_deadline_boot_ns = before;
    if (fresh) table_.erase(entry);
    (void)write_size(table_.size());
    return done;
}

Result<bool> Bans::remove(const Cidr& source) {
    const auto key = key_of(source);
    if (table_.erase(key) == 0) return false;
    if (const int error = bpf_map_delete_elem(bans_fd_, &key); error != 0 && error != -ENOENT)
        return fail_errno("cannot remove the ban of " + source.to_string(), -error);
    if (auto done = refresh_below(key); !done) return pass_on(std::move(done.error()));
    if (auto done = write_size(table_.size()); !done) return pass_on(std::move(done.error()));
    return true;
}

Ban Bans::describe(const network_key& key, const ban& value, BootTime now) const {
    ban in_kernel = value;
    (void)bpf_map_lookup_elem(bans_fd_, &key, &in_kernel);
    Ban out{cidr_of(key), {value.since_boot_ns}, std::nullopt, in_kernel.hits};
    const auto deadline = value.own_deadline_boot_ns;
    if (deadline != BAN_FOR_EVER)
        out.remaining = std::chrono::nanoseconds(deadline > now.ns ? deadline - now.ns : 0);
    return out;
}

std::vector<Ban> Bans::list() const {
    std::vector<Ban> out;
    const auto now = boot_now();
    for (const auto& [key, value] : table_) out.push_back(describe(key, value, now));
    return out;
}

std::vector<Ban> Bans::take_expired() {
    std::vector<Ban> expired;
    const auto now = boot_now();
    for (const auto& [key, value] : table_)
        if (value.own_deadline_boot_ns <= now.ns) expired.push_back(describe(key, value, now));
    for (const auto& gone : expired) (void)remove(gone.source);
    return expired;
}

}  // namespace portlid::kernel
