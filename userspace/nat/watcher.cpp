// SPDX-License-Identifier: Apache-2.0
#include "nat/watcher.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>

#include "base/unique_fd.hpp"

namespace portlid::nat {

namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;
constexpr auto kLook = 500ms;  // at the ruleset's generation, at most that often
constexpr auto kLegacy = 5s;   // at the legacy backend, which tells of no change

}  // namespace

struct Watcher::State {
    Sources sources;
    std::function<void()> on_change;
    mutable std::mutex mutex;
    UniqueFd stop{::eventfd(0, EFD_CLOEXEC)};  // readable: look at `stopping`
    std::atomic<bool> stopping = false;
    std::shared_ptr<const Rules> rules;  // guarded by mutex
    std::thread thread;

    // Of the watcher's thread only.
    Parts parts;
    RulesetNumber ruleset;
    std::optional<RulesetChanges> changes;  // none: the generation is asked for again and again
    std::optional<std::uint32_t> generation;
    Clock::time_point next_legacy;

    void run();
    void look();
    void publish();
    [[nodiscard]] bool wait(bool for_changes, Clock::duration longest) const;
};

void Watcher::State::look() {
    const auto now = ruleset.now();
    const bool fresh = now && now != generation;
    // Taken before the reading: what changes meanwhile is seen by the next look.
    generation = now;
    if (fresh) read_nftables(sources, parts);
    const bool legacy = Clock::now() >= next_legacy;
    if (legacy) {
        read_legacy(sources, parts);
        next_legacy = Clock::now() + kLegacy;
    }
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

// False: to stop. Without the descriptor that ends a wait it is short.
bool Watcher::State::wait(bool for_changes, Clock::duration longest) const {
    using std::chrono::milliseconds;
    if (!stop.valid()) longest = std::min<Clock::duration>(longest, kLook);
    const auto ms = std::chrono::duration_cast<milliseconds>(std::max(longest, Clock::duration{}));
    std::array<pollfd, 2> fds{pollfd{stop.get(), POLLIN, 0},
                              pollfd{for_changes && changes ? changes->fd() : -1, POLLIN, 0}};
    if (!stopping && ::poll(fds.data(), fds.size(), static_cast<int>(ms.count()) + 1) < 0)
        std::this_thread::sleep_for(kLook);
    return !stopping;
}

// What was not answered is asked again soon; a change that was told of meanwhile is drained.
void Watcher::State::run() {
    changes = RulesetChanges::open();
    for (bool on = true; on;) {
        if (changes) changes->drain();
        const auto looked = Clock::now();
        look();
        on = wait(true, changes && generation ? next_legacy - Clock::now() : kLook) &&
             wait(false, looked + kLook - Clock::now());
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
    state_->stopping = true;
    const std::uint64_t now = 1;
    (void)!::write(state_->stop.get(), &now, sizeof(now));
    state_->thread.join();
}

std::shared_ptr<const Rules> Watcher::rules() const {
    const std::lock_guard lock(state_->mutex);
    return state_->rules;
}

}  // namespace portlid::nat
