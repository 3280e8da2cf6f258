// SPDX-License-Identifier: Apache-2.0
#include "kernel/bind_tables.hpp"

namespace portlid::kernel {

namespace {

constexpr std::size_t kWhoRoom = 32768;

Result<> write(int map, std::uint32_t index, const void* value, const char* what) {
    if (const int error = bpf_map_update_elem(map, &index, value, BPF_ANY); error != 0)
        return fail_errno(std::string("cannot write ") + what, -error);
    return {};
}

// Number of each combination of rules; 0 = no rule.
Result<std::map<std::uint64_t, std::uint8_t>> write_sets(int map,
                                                         const std::vector<std::uint64_t>& ports) {
    std::map<std::uint64_t, std::uint8_t> numbers{{0, 0}};
    for (const auto rules : ports) {
        if (numbers.contains(rules)) continue;
        if (numbers.size() >= BIND_SETS)
            return fail("`binds.allow` divides the ports in more than 255 ways",
                        "let rules share their port ranges", ExitCode::PolicyInvalid);
        const auto number = static_cast<std::uint8_t>(numbers.size());
        if (auto done = write(map, number, &rules, "the rules of `binds`"); !done)
            return pass_on(done.error());
        numbers.emplace(rules, number);
    }
    return numbers;
}

}  // namespace

Result<> write_bind_who(const BindMaps& maps, const BindTables& tables) {
    if (auto done = sync_map(maps.who, tables.who, kWhoRoom, "who may bind"); !done)
        return pass_on(done.error());
    return {};
}

Result<> write_bind_tables(const BindMaps& maps, const BindTables& tables) {
    bind_settings now{};
    const std::uint32_t zero = 0;
    (void)bpf_map_lookup_elem(maps.settings, &zero, &now);
    // While the tables change, nobody is refused by halves of two policies.
    const bool same_rules = now.needs_cgroup == tables.settings.needs_cgroup &&
                            now.needs_user == tables.settings.needs_user &&
                            now.needs_program == tables.settings.needs_program;
    if (!same_rules) {
        const bind_settings pause{};
        if (auto done = write(maps.settings, 0, &pause, "`binds`"); !done) return done;
    }
    if (auto done = write_bind_who(maps, tables); !done) return done;
    const auto numbers = write_sets(maps.sets, tables.ports);
    if (!numbers) return pass_on(numbers.error());
    for (std::uint32_t i = 0; i < BIND_PORT_ENTRIES; ++i) {
        bind_port_entry entry{}, known{};
        for (std::uint32_t j = 0; j < BIND_PORTS_PER_ENTRY && !tables.ports.empty(); ++j)
            entry.set[j] = numbers->at(tables.ports[i * BIND_PORTS_PER_ENTRY + j]);
        if (bpf_map_lookup_elem(maps.ports, &i, &known) == 0 &&
            std::memcmp(&known, &entry, sizeof(entry)) == 0)
            continue;
        if (auto done = write(maps.ports, i, &entry, "the ports of `binds`"); !done) return done;
    }
    return write(maps.settings, 0, &tables.settings, "`binds`");
}

}  // namespace portlid::kernel
