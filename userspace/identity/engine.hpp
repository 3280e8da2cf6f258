// SPDX-License-Identifier: Apache-2.0
// What a container engine says about its containers: GET requests on its unix socket only.
// Every answer is untrusted: time-outs, size caps, depth caps; a bad answer changes nothing but
// the names shown. Runs on a thread of its own; others read immutable snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace portlid::identity {

struct PublishedPort {
    std::uint8_t protocol = 6;  // IPPROTO_*
    IpAddress host_address;     // any() = every address of that family
    HostPort host_port;
    HostPort container_port;
    // Of the host address's family where the container has one, else its IPv4 address: then an
    // IPv6 client is served by the proxy process alone. `::` when not known.
    IpAddress container_address;
};

struct Container {
    std::string id;    // 64 hex digits
    std::string name;  // without the leading slash
    std::string image;
    std::string image_id;  // "sha256:<64 hex>": the very content; empty when the engine did not say
    std::map<std::string, std::string> labels;  // at most 64
    std::string compose_project;                // empty when not from compose
    std::string compose_service;
    std::string started;    // State.StartedAt, in the engine's words; empty when it did not say
    std::uint32_t pid = 0;  // init process in the host's pid namespace; 0 = not running, not known
    bool host_network = false;
    std::string engine_socket;  // host path by which an engine's socket is mounted; empty = not
    bool running = true;        // false: a tombstone, kept for its name only
    std::vector<PublishedPort> published;
};

struct EngineSnapshot {
    std::uint64_t version = 0;  // grows with every successful sync
    bool reachable = false;
    std::string endpoint;
    std::string problem;  // why not reachable, or what was wrong with the last answer
    std::map<std::string, Container> containers;  // by id; tombstones of the last 10 minutes too
    // Full or 12-digit id; none when two containers share the 12 digits.
    [[nodiscard]] const Container* find(std::string_view id) const;
};

// Fails with exit 2 unless the endpoint is unix:///absolute/path.
[[nodiscard]] Result<> check_endpoint(const std::string& endpoint);
// One GET on a unix-socket HTTP endpoint. `unix:///path`; anything else is refused with exit 2.
[[nodiscard]] Result<std::string> engine_get(const std::string& endpoint, const std::string& path,
                                             std::size_t limit_bytes);
// One full listing (GET /containers/json, /containers/{id}/json), parsed; within 10 s. `problem`
// says so when some container could only be read from the list.
[[nodiscard]] Result<EngineSnapshot> engine_list(const std::string& endpoint);
// Parses the two answers; exposed for tests and fuzzing. Never throws.
[[nodiscard]] Result<std::vector<Container>> parse_container_list(std::string_view json);
[[nodiscard]] Result<Container> parse_container_inspect(std::string_view json);
// One line of /events. A container may be gone before anybody can ask for it: the event itself
// carries its names.
struct EngineEvent {
    bool changes_listing = false;  // false: health checks, exec, attach and garbage
    std::optional<Container> container;
};
[[nodiscard]] EngineEvent parse_event(std::string_view json);

// Follows one endpoint: full sync at start, on every event (debounced 100 ms), on reconnect and
// every 30 s. `on_change` is called on the watcher's thread after each new snapshot.
class EngineWatcher {
public:
    EngineWatcher(std::string endpoint, std::function<void()> on_change);
    ~EngineWatcher();  // stops the thread within a second even if the engine hangs
    EngineWatcher(const EngineWatcher&) = delete;
    EngineWatcher& operator=(const EngineWatcher&) = delete;
    // Never null, never blocks on the engine.
    [[nodiscard]] std::shared_ptr<const EngineSnapshot> snapshot() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace portlid::identity
