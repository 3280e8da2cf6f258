// SPDX-License-Identifier: Apache-2.0
// What a rollout remembers across restarts and reboots: DIR/rollout.json, replaced in one step at
// every change, and DIR/generations/N/, the policies that were in force, whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "rollout/overlays.hpp"

namespace portlid::rollout {

// One policy that was put in force.
struct Generation {
    std::uint64_t number = 0;
    std::string text_hash;  // of the files as they were
    std::string how;        // "start", "reload", "apply", "rollback"
    std::string file;       // where the text came from
    WallTime time;
    Author author;
    bool confirmed = false;
    std::vector<ModeOverride> modes;  // that were forced then
    std::uint64_t copy_of = 0;        // the one that a rollback brought back; 0 = none
};

struct Pending {
    std::uint64_t number = 0;
    std::string text_hash;
    std::string file;  // to be copied over the --policy file; empty: it is that file
    BootTime deadline;
};

struct KeptBan {
    Cidr source;
    Until until;
    std::string reason;
    WallTime since;
    Author author;
};

struct State {
    std::uint64_t last_number = 0;     // of any generation ever
    std::vector<Generation> history;   // oldest first, at most kHistory
    std::vector<std::string> refused;  // text hashes that were rolled back or never confirmed
    std::optional<Pending> pending;
    Overlays overlays;
    std::vector<KeptBan> bans;
};

inline constexpr std::size_t kHistory = 20;
inline constexpr std::size_t kRefused = 64;

// Instants are kept as boot time and wall time: the same boot trusts the former, another boot
// the latter.
[[nodiscard]] std::string to_json(const State& state, const std::string& boot_id);
// Refuses what it does not understand, naming it.
[[nodiscard]] Result<State> from_json(const std::string& text, const std::string& boot_id);

class Store {
public:
    // Reads what is there; a directory without it is an empty state.
    [[nodiscard]] static Result<Store> open(std::filesystem::path directory);

    [[nodiscard]] State& state() { return state_; }
    [[nodiscard]] const State& state() const { return state_; }
    [[nodiscard]] Result<> save();

    // Keeps `policy` (without overlays) as generation `entry.number`, and forgets the oldest.
    [[nodiscard]] Result<> keep(const Generation& entry, const policy::Policy& policy);
    [[nodiscard]] std::filesystem::path file_of(std::uint64_t number) const;
    [[nodiscard]] const Generation* find(std::uint64_t number) const;
    // The newest confirmed one before `number`; null when there is none.
    [[nodiscard]] const Generation* confirmed_before(std::uint64_t number) const;
    // The newest confirmed one before `now` (or before what it is a copy of) that has another text
    // or other modes; null when there is none.
    [[nodiscard]] const Generation* way_back(const Generation& now) const;

    void refuse(const std::string& text_hash);
    void accept(const std::string& text_hash);
    [[nodiscard]] bool refused(const std::string& text_hash) const;

private:
    explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}
    void forget_oldest();
    void forget_repeated_start();
    void forget(std::size_t index);

    std::filesystem::path directory_;
    State state_;
};

}  // namespace portlid::rollout
