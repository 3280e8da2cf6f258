// SPDX-License-Identifier: Apache-2.0
#include "nat/watcher.hpp"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace portlid::nat {

namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 500ms;          // at the ruleset's generation
constexpr unsigned kLegacyEvery = 10;  // looks: the legacy backend tells of no change

}  // namespace

struct Watcher::State {
    Sources sources;
    std::function<void()> on_change;
    mutable std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;               // guarded by mutex
    std::shared_ptr<const Rules> rules;  // guarded by mutex
    std::thread thread;

    // Of the watcher's thread only.
    Parts parts;
    RulesetNumber ruleset;
    std::optional<std::uint32_t> generation;
    unsigned looks = 0;

    void run();
    void look();
    void publish();
};

void Watcher::State::look() {
    const auto now = ruleset.now();
    const bool fresh = now && now != generation;
    // Taken before the reading: what changes meanwhile is seen by the next look.
    generation = now;
    if (fresh) read_nftables(sources, parts);
    const bool legacy = looks++ % kLegacyEvery == 0;
    if (legacy) read_legacy(sources, parts);
    if (fresh || legacy) publish();
}

void Watcher::State::publish() {
    auto next = std::make_shared<Rules>();
    next->dnat = parts.nftables;
    next->dnat.insert(next->dnat.end(), parts.legacy.begin(), parts.legacy.end());
    next->problem = parts.nftables_problem.empty() ? parts.legacy_problem : parts.nftables_problem;
    {
        const std::lock_guard lock(mutex);
        const bool same =
            rules->version != 0 && rules->dnat == next->dnat && rules->problem == next->problem;
        if (same) return;
        next->version = rules->version + 1;
        rules = std::move(next);
    }
    if (on_change) on_change();
}

void Watcher::State::run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        lock.unlock();
        look();
        lock.lock();
        wake.wait_for(lock, kLook, [this] { return stopping; });
    }
}

Watcher::Watcher(Sources sources, std::function<void()> on_change)
    : state_(std::make_unique<State>()) {
    state_->sources = std::move(sources);
    state_->on_change = std::move(on_change);
    state_->rules = std::make_shared<Rules>();
    // Signals are for the main thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watcher::~Watcher() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    state_->thread.join();
}

std::shared_ptr<const Rules> Watcher::rules() const {
    const std::lock_guard lock(state_->mutex);
    return state_->rules;
}

}  // namespace portlid::nat
