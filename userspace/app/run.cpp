// SPDX-License-Identifier: Apache-2.0
// The lifecycle in order: read, lock, load, fill, publish, attach, tell, loop, leave.
#include "app/run.hpp"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <csignal>

#include "app/answers.hpp"
#include "app/binds.hpp"
#include "app/config.hpp"
#include "app/engines.hpp"
#include "app/ledger.hpp"
#include "app/loop.hpp"
#include "app/nat_source.hpp"
#include "app/notify.hpp"
#include "app/owners.hpp"
#include "app/ring_watch.hpp"
#include "app/rollout.hpp"
#include "app/seed.hpp"
#include "app/start.hpp"
#include "app/status.hpp"
#include "app/verdicts.hpp"
#include "kernel/capabilities.hpp"

namespace portlid::app {

namespace {

using std::chrono::milliseconds;
using LostRecords = std::array<std::uint64_t, EVENT_KIND_SLOTS>;
constexpr milliseconds kSecond{1000};
constexpr milliseconds kWindow{10000};
constexpr milliseconds kHeartbeat{60000};

// Everything of a running sensor; members in order of the lifecycle, so destruction undoes it.
struct Running {
    const RunOptions& options;
    Config config;
    UniqueFd lock;
    std::unique_ptr<Emitter> emitter;
    std::optional<Ledger> ledger;
    PolicyStore policies;
    std::unique_ptr<kernel::Sensor> sensor;
    std::optional<Rollout> rollout;
    std::optional<Coverage> coverage;
    std::optional<Observer> observer;
    std::optional<Owners> owners;
    std::optional<Binds> binds;
    std::optional<Verdicts> verdicts;
    std::optional<Engines> engines;
    std::optional<NatSource> nat;
    std::optional<Answers> answers;
    std::unique_ptr<control::Server> server;
    std::optional<kernel::NetworkMonitor> monitor;
    std::optional<RingWatch> rings;
    LostRecords lost{};
    bool may_have_lost = false;
    std::string stop_reason = "stopped";
    bool trim_due = true;
    std::vector<Missing> missing;

    explicit Running(const RunOptions& given)
        : options(given), policies(given.policy, given.mode_cap) {}

    [[nodiscard]] Result<> prepare();
    [[nodiscard]] Result<> attach();
    [[nodiscard]] Result<> watch_sources(Loop& loop);
    [[nodiscard]] Result<> watch_time(Loop& loop);
    [[nodiscard]] Result<> serve(Loop& loop);
    [[nodiscard]] Result<> once();
    Found read_rings();
    void sweep();
    void sweep_if_lost(const LostRecords& now);
    void every_second();
    void reload();
    void network_changed();
    [[nodiscard]] Result<> watch_control(Loop& loop);
    void keep_control(Loop& loop);
    void leave();
    void rescue_without_start();
};

Result<> Running::prepare() {
    auto read = read_config(options, missing);
    if (!read) return pass_on(read.error());
    config = std::move(*read);
    policies.set_rescue(find_rescue(options.kernel_cmdline, options.rescue_file));
    rollout.emplace(options, policies);
    if (auto policy = rollout->read(); !policy) return policy;
    auto locked = lock_runtime(options.runtime_dir);
    if (!locked) return pass_on(locked.error());
    lock = std::move(*locked);
    auto opened = open_emitter(options, config, missing);
    if (!opened) return pass_on(opened.error());
    emitter = std::move(*opened);
    ledger.emplace(history::Options{options.state_dir / "history.db", config.history.age,
                                    config.history.bytes},
                   *emitter);
    if (auto free = require_free_pins(options); !free) return free;
    auto sensor_loaded = kernel::Sensor::load(
        {.bpffs = options.bpffs, .cgroup = options.cgroup, .sockets_only = options.sockets_only});
    if (!sensor_loaded) return pass_on(sensor_loaded.error());
    sensor = std::move(*sensor_loaded);
    return {};
}

// Policy and host tables are complete in the maps before the first program sees a packet.
Result<> Running::attach() {
    coverage.emplace(options, policies, *emitter, sensor.get());
    observer.emplace(policies, *coverage, *emitter);
    if (auto looked = coverage->look(); !looked) return looked;
    if (auto begun =
            rollout->begin(options.sockets_only ? nullptr : sensor.get(), *coverage, *emitter);
        !begun)
        return begun;
    say_seed_problem(policies, *emitter);
    say_weaknesses(*emitter);
    say_missing(*emitter, missing);
    if (auto filled = coverage->fill_tables(); !filled) return filled;
    if (!options.sockets_only)
        if (auto seeded = seed_flows(*sensor); !seeded) return seeded;
    if (auto sockets = sensor->attach_sockets(); !sockets) return sockets;
    verdicts.emplace(*sensor, policies, *coverage, *emitter,
                     [this](std::uint8_t protocol, const IpAddress& address, HostPort port) {
                         return observer->target(protocol, address, port);
                     });
    std::optional<kernel::Uses> uses;
    if (!options.sockets_only) {
        auto opened = kernel::Uses::open(options.bpffs);
        if (!opened) return pass_on(opened.error());
        uses.emplace(std::move(*opened));
    }
    ledger->attach(std::move(uses), policies, *coverage, *observer, *rollout);
    owners.emplace(policies, *coverage, *observer, *emitter, *sensor);
    binds.emplace(policies, *observer, *emitter, *sensor, options.cgroup);
    if (auto covered = coverage->refresh(true); !covered) return covered;
    return {};
}

Found Running::read_rings() {
    const auto received = sensor->poll_rings([this](std::span<const std::byte> bytes) {
        const auto record = event::decode(bytes);
        if (!record) return;  // not ours to guess at; counted by the ring as delivered
        if (const auto* socket = std::get_if<event::SocketRecord>(&*record))
            observer->record(*socket);
        else
            verdicts->record(std::get<event::VerdictRecord>(*record));
    });
    // A record is lost to a full ring, so never without others; it is counted a moment later.
    if (std::exchange(may_have_lost, received != 0) || received != 0)
        sweep_if_lost(sensor->lost_records());
    owners->update();
    const bool joined = observer->settle();
    if (joined) verdicts->complete();
    trim_due = trim_due || joined;
    emitter->sinks().pump();
    ledger->pump();
    if (server) server->wake_followers();
    if (received != 0) return Found::Records;
    return joined || observer->owes_news() ? Found::Pending : Found::Nothing;
}

void Running::sweep() {
    observer->sweep();
    owners->swept();
    owners->update();
}

// A lost event never loses the truth.
void Running::sweep_if_lost(const LostRecords& now) {
    if (now == lost) return;
    lost = now;
    sweep();
}

void Running::every_second() {
    emitter->report_gaps(lost);
    // Also for a port chosen after listen(), a descriptor given away: told within a second.
    if (observer->wants_sweep()) sweep();
    rollout->tick();
    binds->update();
    coverage->verify();
    answers->every_second();
    ledger->every_second();
    // A join or a big answer leaves its pages with the heap; a sensor gives them back.
    if (std::exchange(trim_due, false)) ::malloc_trim(0);
}

void Running::network_changed() {
    if (auto refreshed = coverage->refresh(); !refreshed)
        say_network_problem(*emitter, refreshed.error());
    observer->invalidate();
}

// SIGHUP. Whatever is wrong with the new text, the policy in force stays in force.
void Running::reload() {
    emitter->sinks().reopen();
    if (auto done = rollout->reload(); !done)
        spdlog::error("{}; generation {} stays in force", done.error().message,
                      policies.generation());
    else
        spdlog::info("policy {} in force, generation {}", options.policy.string(),
                     policies.generation());
    if (rings) rings->stir();
}

Result<> Running::once() {
    observer->sweep();
    engines->wait_first(std::chrono::seconds(3));
    observer->set_engines(engines->snapshots());
    observer->set_nat(nat->wait_first(std::chrono::seconds(3)));
    observer->sweep();
    options.on_ports(answers->ports());
    return {};
}

// It may be gone by the time that an event of it is handled.
Result<> Running::watch_control(Loop& loop) {
    return loop.watch(server->fd(), [this] {
        const auto before = emitter->sinks().emitted();
        if (server) server->serve();
        if (emitter->sinks().emitted() != before) rings->stir();
    });
}

// A sensor that nobody can ask is taken for one that does not run.
void Running::keep_control(Loop& loop) {
    if (server && server->reachable()) return;
    const bool told = !server;
    server.reset();
    auto again = control::Server::listen(options.runtime_dir, *answers);
    Result<> watched;
    if (again) {
        server = std::move(*again);
        watched = watch_control(loop);
        if (!watched) server.reset();
    }
    // The lock may be gone with the directory; where it is not, we hold it.
    if (auto relocked = lock_runtime(options.runtime_dir)) lock = std::move(*relocked);
    const auto* still = !again ? &again.error() : !watched ? &watched.error() : nullptr;
    if (still == nullptr || !told) say_control_gone(*emitter, still);
}

// What brings news stirs the rings' reader too, which tells what follows from it.
Result<> Running::watch_sources(Loop& loop) {
    const auto stirs = [this, &loop](int fd, auto work) {
        return loop.watch(fd, [this, work] {
            work();
            rings->stir();
        });
    };
    const auto engines_changed = [this] {
        observer->set_engines(engines->drain());
        owners->update();
        binds->update();
    };
    const auto links_changed = [this] {
        if (monitor->drain()) network_changed();
    };
    for (const auto& begun : {watch_control(loop), stirs(monitor->fd(), links_changed),
                              stirs(engines->fd(), engines_changed),
                              stirs(nat->fd(), [this] { observer->set_nat(nat->drain()); }),
                              stirs(binds->fd(), [this] { binds->cgroups_changed(); })})
        if (!begun) return begun;
    return {};
}

Result<> Running::watch_time(Loop& loop) {
    const auto second = [this, &loop] {
        every_second();
        keep_control(loop);
        rings->glance();
    };
    const auto window = [this] {
        verdicts->close_window();
        ledger->note_uses();
    };
    const auto heartbeat = [this] {
        emitter->heartbeat(hooks_json(sensor->hooks()), attached_interfaces(*coverage));
    };
    const auto alive = [] { notify_manager("WATCHDOG=1"); };
    const auto watchdog = watchdog_period();
    for (const auto& begun :
         {loop.every(kSecond, second), loop.every(kWindow, window),
          loop.every(kHeartbeat, heartbeat), watchdog ? loop.every(*watchdog, alive) : Result<>()})
        if (!begun) return begun;
    return {};
}

Result<> Running::serve(Loop& loop) {
    auto listening = control::Server::listen(options.runtime_dir, *answers);
    if (!listening) return pass_on(listening.error());
    server = std::move(*listening);
    auto network = kernel::NetworkMonitor::open();
    if (!network) return pass_on(network.error());
    monitor = std::move(*network);
    lost = sensor->lost_records();
    sweep();
    engines->wait_first(std::chrono::milliseconds(options.show_ports ? 3000 : 0));
    observer->set_engines(engines->snapshots());
    observer->set_nat(nat->wait_first(std::chrono::milliseconds(options.show_ports ? 3000 : 0)));
    owners->update();
    binds->update();
    announce_start(options, policies, *coverage, *rollout, *emitter);
    rollout->attach(*observer, [this] {
        say_seed_problem(policies, *emitter);
        network_changed();
        owners->update();
        binds->update();
    });
    observer->settle();
    rings.emplace(*sensor, [this] { return read_rings(); });
    for (const auto& begun : {rings->begin(loop), watch_sources(loop), watch_time(loop)})
        if (!begun) return begun;
    // From here on what is big goes back to the system when it is done with.
    ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    ::malloc_trim(0);  // what the start needed: policy text, sweep, first join
    answers->set_ready();
    notify_manager("READY=1");
    spdlog::info("ready: {}, generation {}", policies.effective_mode(), policies.generation());
    if (options.show_ports && options.on_ports) options.on_ports(answers->ports());
    loop.run();
    return {};
}

// A start that failed leaves what an earlier run has in force, except where a rescue was asked for:
// then nothing may go on dropping.
void Running::rescue_without_start() {
    if (!find_rescue(options.kernel_cmdline, options.rescue_file).asked()) return;
    if (!lock.valid()) {
        auto locked = lock_runtime(options.runtime_dir);
        if (!locked) return;  // a living sensor: it follows the rescue by itself
        lock = std::move(*locked);
    }
    if (auto gone = kernel::detach_pins(options.bpffs); !gone)
        spdlog::error("rescue: {}", gone.error().message);
    else if (gone->links != 0)
        spdlog::warn("rescue: what an earlier run had in force is removed, nothing is dropped");
}

void Running::leave() {
    read_rings();
    rings->end();
    observer->finish();
    verdicts->close_window();
    ledger->note_uses();
    const bool keep = options.on_exit == OnExit::Keep;
    emitter->emit(event::Kind::SensorStopped,
                  event::sensor_stopped_body(emitter->origin(), stop_reason, keep));
    emitter->sinks().pump();
    ledger->pump();
    server.reset();
    if (!keep) sensor->detach_all();
}

}  // namespace

Result<> run(const RunOptions& options) {
    open_log();
    prepare_process();
    auto loop = Loop::create();
    if (!loop) return pass_on(loop.error());
    Running running(options);
    // Before any thread starts, so that every thread leaves the signals to the loop.
    auto signals = loop->on_signals({SIGTERM, SIGINT, SIGHUP, SIGUSR1}, [&](int number) {
        if (number == SIGHUP) return running.reload();
        if (number == SIGUSR1) return running.emitter->sinks().reopen();
        running.stop_reason = number == SIGINT ? "SIGINT" : "SIGTERM";
        loop->stop();
    });
    if (!signals) return signals;
    if (auto prepared = running.prepare(); !prepared) {
        running.rescue_without_start();
        return prepared;
    }
    const bool in_force = running.sensor->adopted() || running.sensor->found_links();
    auto done = running.attach();
    if (done) {
        running.engines.emplace(options, running.config);
        running.nat.emplace();
        running.answers.emplace(options, running.policies, *running.rollout, *running.coverage,
                                *running.observer, *running.emitter, *running.sensor,
                                *running.ledger);
        done = options.once ? running.once() : running.serve(*loop);
    }
    if (!done || options.once) {
        // What an earlier run left in force stays when this one could not start.
        if (!in_force) running.sensor->detach_all();
        if (!done) running.rescue_without_start();
        return done;
    }
    running.leave();
    return {};
}

}  // namespace portlid::app
