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
    forget_oldest();
    return {};
}

void Store::forget_oldest() {
    while (state_.history.size() > kHistory) {
        std::error_code ignored;  // what stays behind is only disk space
        fs::remove_all(file_of(state_.history.front().number).parent_path(), ignored);
        state_.history.erase(state_.history.begin());
    }
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
