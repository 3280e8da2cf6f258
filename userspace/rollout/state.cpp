// SPDX-License-Identifier: Apache-2.0
#include "rollout/state.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "policy/show.hpp"

namespace portlid::rollout {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kStateBytes = 16U << 20U;
constexpr unsigned kPrivate = 0600;

// A set of a file becomes a file of its own beside the policy, so that the generation is whole.
Result<> write_sets(policy::Policy& policy, const fs::path& directory) {
    unsigned number = 0;
    for (auto& set : policy.sets) {
        ++number;
        if (!set.file) continue;
        std::string text;
        for (const auto& member : set.members) text += member.to_string() + "\n";
        set.file = "set-" + std::to_string(number) + ".netset";
        if (auto written = write_file_atomically(directory / *set.file, text, kPrivate); !written)
            return written;
    }
    return {};
}

// Read from two places after a reboot, the same instant differs by what reading takes.
bool same_until(const Until& a, const Until& b) {
    constexpr std::uint64_t kReadingNs = 1'000'000'000;
    if (!a || !b) return !a && !b;
    return std::max(a->ns, b->ns) - std::min(a->ns, b->ns) < kReadingNs;
}

std::vector<ModeOverride> alive(std::vector<ModeOverride> modes) {
    const auto now = boot_now();
    std::erase_if(modes, [now](const auto& one) { return one.until && *one.until <= now; });
    return modes;
}

bool same_modes(const std::vector<ModeOverride>& all_a, const std::vector<ModeOverride>& all_b) {
    const auto a = alive(all_a);
    const auto b = alive(all_b);
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.mode == y.mode && x.zone == y.zone && x.rule == y.rule &&
               same_until(x.until, y.until);
    });
}

bool same_content(const Generation& a, const Generation& b) {
    return a.text_hash == b.text_hash && same_modes(a.modes, b.modes);
}

}  // namespace

Result<Store> Store::open(fs::path directory) {
    Store store(std::move(directory));
    const auto file = store.directory_ / "rollout.json";
    std::error_code failed;
    if (!fs::exists(file, failed)) return store;
    const auto text = read_file(file, kStateBytes);
    if (!text) return pass_on(text.error());
    auto state = from_json(*text, boot_id());
    if (!state) return pass_on(state.error(), file.string());
    store.state_ = std::move(*state);
    return store;
}

Result<> Store::save() {
    return write_file_atomically(directory_ / "rollout.json", to_json(state_, boot_id()), kPrivate);
}

fs::path Store::file_of(std::uint64_t number) const {
    return directory_ / "generations" / std::to_string(number) / "policy.yaml";
}

Result<> Store::keep(const Generation& entry, const policy::Policy& policy) {
    const auto file = file_of(entry.number);
    std::error_code failed;
    fs::create_directories(file.parent_path(), failed);
    if (failed) return fail_errno("cannot make " + file.parent_path().string(), failed.value());
    auto whole = policy;
    if (auto written = write_sets(whole, file.parent_path()); !written) return written;
    if (auto written = write_file_atomically(file, policy::show(whole), kPrivate); !written)
        return written;
    state_.last_number = std::max(state_.last_number, entry.number);
    std::erase_if(state_.history, [&](const auto& old) { return old.number == entry.number; });
    state_.history.push_back(entry);
    forget_repeated_start();
    forget_oldest();
    return {};
}

void Store::forget(std::size_t index) {
    const auto at = state_.history.begin() + static_cast<std::ptrdiff_t>(index);
    std::error_code ignored;  // what stays behind is only disk space
    fs::remove_all(file_of(at->number).parent_path(), ignored);
    state_.history.erase(at);
}

void Store::forget_oldest() {
    while (state_.history.size() > kHistory) forget(0);
}

// A host that is started every day must not push out what an operator did.
void Store::forget_repeated_start() {
    const auto count = state_.history.size();
    if (count < 2) return;
    const auto& last = state_.history[count - 1];
    const auto& before = state_.history[count - 2];
    const bool starts = last.how == "start" && before.how == "start";
    if (starts && before.confirmed == last.confirmed && same_content(before, last))
        forget(count - 2);
}

const Generation* Store::find(std::uint64_t number) const {
    const auto found = std::find_if(state_.history.begin(), state_.history.end(),
                                    [&](const auto& entry) { return entry.number == number; });
    return found == state_.history.end() ? nullptr : &*found;
}

const Generation* Store::confirmed_before(std::uint64_t number) const {
    const Generation* best = nullptr;
    for (const auto& entry : state_.history)
        if (entry.confirmed && entry.number < number && !refused(entry.text_hash) &&
            (best == nullptr || entry.number > best->number))
            best = &entry;
    return best;
}

const Generation* Store::way_back(const Generation& now) const {
    const auto from = now.copy_of != 0 ? now.copy_of : now.number;
    const Generation* best = nullptr;
    for (const auto& entry : state_.history)
        if (entry.confirmed && entry.number < from && !refused(entry.text_hash) &&
            !same_content(entry, now) && (best == nullptr || entry.number > best->number))
            best = &entry;
    return best;
}

void Store::refuse(const std::string& text_hash) {
    accept(text_hash);
    state_.refused.push_back(text_hash);
    if (state_.refused.size() > kRefused) state_.refused.erase(state_.refused.begin());
}

void Store::accept(const std::string& text_hash) {
    std::erase(state_.refused, text_hash);
}

bool Store::refused(const std::string& text_hash) const {
    return std::find(state_.refused.begin(), state_.refused.end(), text_hash) !=
           state_.refused.end();
}

}  // namespace portlid::rollout
