// SPDX-License-Identifier: Apache-2.0
// The watcher's thread: one connection streams events, another asks for listings. Events only say
// "look again"; what is true comes from a full listing, so a lost event costs at most 30 seconds.
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <thread>

#include "base/unique_fd.hpp"
#include "identity/engine.hpp"
#include "identity/engine_http.hpp"
#include "identity/engine_sync.hpp"

namespace portlid::identity {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

constexpr Millis kDebounce = 100ms;
constexpr Millis kDebounceAtMost = 500ms;  // under a storm of events
constexpr Millis kResync = 30s;
constexpr Millis kFirstRetry = 200ms;
constexpr Millis kLastRetry = 5s;
constexpr Millis kListing = 20s;
constexpr std::size_t kLineBytes = std::size_t{1} << 20U;
constexpr const char* kEventsPath =
    "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

// Signals are for the main thread.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

struct EngineWatcher::State {
    std::string endpoint;
    std::function<void()> on_change;
    UniqueFd stop;
    mutable std::mutex mutex;
    std::shared_ptr<const EngineSnapshot> snapshot;  // guarded by mutex

    // Of the watcher's thread only.
    Tombstones tombstones;
    std::map<std::string, Container> running;
    std::uint64_t version = 0;
    Millis retry = kFirstRetry;
    std::string line;
    bool dirty = false;
    Clock::time_point first_event, last_event, next_resync, last_announced;
    std::thread thread;

    void run();
    void follow_once();
    bool take_bytes(std::string_view bytes);
    void take_line();
    void mark_dirty(Clock::time_point now);
    Millis tick(EngineClient& client, bool& done);
    bool resync(EngineClient& client);
    void accept(Listing listing);
    void publish(bool reachable, std::string problem, bool fresh);
    [[nodiscard]] bool stopped(Millis wait) const;
};

bool EngineWatcher::State::stopped(Millis wait) const {
    pollfd waiting{stop.get(), POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(wait.count())) > 0;
}

// A failure that changes nothing is not told again.
void EngineWatcher::State::publish(bool reachable, std::string problem, bool fresh) {
    auto next = std::make_shared<EngineSnapshot>();
    next->version = version;
    next->reachable = reachable;
    next->endpoint = endpoint;
    next->problem = std::move(problem);
    next->containers = running;
    tombstones.add_to(next->containers);
    {
        const std::lock_guard lock(mutex);
        if (!fresh && snapshot->reachable == reachable && snapshot->problem == next->problem)
            return;
        snapshot = std::move(next);
    }
    if (on_change) on_change();
}

void EngineWatcher::State::accept(Listing listing) {
    const auto now = Clock::now();
    tombstones.expire(now);
    for (auto& [id, container] : running) {
        if (!listing.containers.contains(id)) tombstones.bury(std::move(container), now);
    }
    for (const auto& [id, container] : listing.containers) tombstones.forget(id);
    running = std::move(listing.containers);
    ++version;
    publish(true, std::move(listing.problem), true);
}

bool EngineWatcher::State::resync(EngineClient& client) {
    dirty = false;
    next_resync = Clock::now() + kResync;
    auto listing = list_containers(client, kListing);
    if (listing) {
        accept(std::move(*listing));
        return true;
    }
    if (!stopped(0ms)) publish(false, listing.error().message, false);
    return false;
}

void EngineWatcher::State::mark_dirty(Clock::time_point now) {
    if (!dirty) first_event = now;
    last_event = now;
    dirty = true;
}

void EngineWatcher::State::take_line() {
    auto event = parse_event(line);
    line.clear();
    const auto now = Clock::now();
    if (event.changes_listing) mark_dirty(now);
    if (!event.container || running.contains(event.container->id)) return;
    const bool news = !tombstones.knows(event.container->id);
    tombstones.bury(std::move(*event.container), now);
    // Its name is wanted before it runs; more of them at once wait for the listing.
    if (!news || now - last_announced < kDebounce) return;
    last_announced = now;
    publish(snapshot->reachable, snapshot->problem, true);
}

bool EngineWatcher::State::take_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        line.append(bytes.substr(0, end));
        if (line.size() > kLineBytes) return false;
        if (end == std::string_view::npos) return true;
        take_line();
        bytes.remove_prefix(end + 1);
    }
    return true;
}

// Returns how long the event stream may be waited for.
Millis EngineWatcher::State::tick(EngineClient& client, bool& done) {
    const auto due = [&] {
        const auto settled = std::min(last_event + kDebounce, first_event + kDebounceAtMost);
        return dirty ? std::min(settled, next_resync) : next_resync;
    };
    if (Clock::now() >= due()) done = !resync(client);
    const auto wait = std::chrono::ceil<Millis>(due() - Clock::now());
    return std::max(wait, 0ms);
}

// Streams until the engine goes away. The first tick asks for a listing at once; one more follows
// when the stream has begun, for what happened in between.
void EngineWatcher::State::follow_once() {
    EngineClient events(endpoint, stop.get());
    EngineClient listings(endpoint, stop.get());
    line.clear();
    next_resync = Clock::now();
    bool begun = false;
    const auto ended = events.stream(
        kEventsPath, [this](std::string_view bytes) { return take_bytes(bytes); },
        [&](bool& done) {
            if (!begun && events.answering()) {
                begun = true;
                mark_dirty(Clock::now());
            }
            return tick(listings, done);
        });
    if (stopped(0ms)) return;
    if (!ended) publish(false, ended.error().message, false);
}

// Waits half as long again after each try that did not last.
void EngineWatcher::State::run() {
    while (!stopped(0ms)) {
        const auto began = Clock::now();
        follow_once();
        if (Clock::now() - began > kLastRetry) retry = kFirstRetry;
        if (stopped(retry)) return;
        retry = std::min(retry * 3 / 2, kLastRetry);
    }
}

EngineWatcher::EngineWatcher(std::string endpoint, std::function<void()> on_change)
    : state_(std::make_unique<State>()) {
    state_->endpoint = std::move(endpoint);
    state_->on_change = std::move(on_change);
    auto first = std::make_shared<EngineSnapshot>();
    first->endpoint = state_->endpoint;
    first->problem = "not asked yet";
    const auto valid = check_endpoint(state_->endpoint);
    if (!valid) first->problem = valid.error().message;
    state_->snapshot = std::move(first);
    state_->stop = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!valid || !state_->stop.valid()) return;
    const SignalsBlocked blocked;
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

EngineWatcher::~EngineWatcher() {
    if (!state_->thread.joinable()) return;
    (void)::eventfd_write(state_->stop.get(), 1);
    state_->thread.join();
}

std::shared_ptr<const EngineSnapshot> EngineWatcher::snapshot() const {
    const std::lock_guard lock(state_->mutex);
    return state_->snapshot;
}

}  // namespace portlid::identity
