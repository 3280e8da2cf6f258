// SPDX-License-Identifier: Apache-2.0
#include "identity/engine_sync.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace portlid::identity {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnswerBytes = std::size_t{16} << 20U;
constexpr std::chrono::milliseconds kOneAnswer = 3s;
constexpr std::chrono::milliseconds kWholeListing = 10s;
constexpr unsigned kFailuresAtMost = 3;
constexpr auto kRemembered = 10min;
constexpr std::size_t kGraves = 4096;

Result<HttpAnswer> must_answer(EngineClient& client, const std::string& path) {
    auto answer = client.get(path, kAnswerBytes, kOneAnswer);
    if (answer && answer->status != 200 && answer->status != 404)
        return fail("container engine answered " + path + " with HTTP status " +
                    std::to_string(answer->status));
    return answer;
}

// Refines what the list said; false: the container is gone.
Result<bool> inspect(EngineClient& client, Container& container) {
    const auto answer = must_answer(client, "/containers/" + container.id + "/json");
    if (!answer) return pass_on(answer.error());
    if (answer->status == 404) return false;
    auto inspected = parse_container_inspect(answer->body);
    if (!inspected) return pass_on(inspected.error());
    if (inspected->id != container.id) return fail("the engine answered about another container");
    container = std::move(*inspected);
    return container.running;
}

}  // namespace

Result<Listing> list_containers(EngineClient& client, std::chrono::milliseconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    const auto answer = must_answer(client, "/containers/json?all=0");
    if (!answer) return pass_on(answer.error());
    if (answer->status == 404)
        return fail("the socket is no container engine's: /containers/json is not found there");
    auto listed = parse_container_list(answer->body);
    if (!listed) return pass_on(listed.error());
    Listing listing;
    unsigned failures = 0;
    for (auto& container : *listed) {
        bool running = true;
        if (failures < kFailuresAtMost && std::chrono::steady_clock::now() < deadline) {
            const auto inspected = inspect(client, container);
            running = !inspected || *inspected;
            if (!inspected) {
                ++failures;
                listing.problem =
                    "container " + container.id.substr(0, 12) + ": " + inspected.error().message;
            }
        } else {
            listing.problem = "not every container could be inspected; names come from the list";
        }
        if (running) listing.containers.insert_or_assign(container.id, std::move(container));
    }
    return listing;
}

Result<EngineSnapshot> engine_list(const std::string& endpoint) {
    if (auto valid = check_endpoint(endpoint); !valid) return pass_on(valid.error());
    EngineClient client(endpoint);
    auto listing = list_containers(client, kWholeListing);
    if (!listing) return pass_on(listing.error());
    EngineSnapshot snapshot;
    snapshot.version = 1;
    snapshot.reachable = true;
    snapshot.endpoint = endpoint;
    snapshot.problem = std::move(listing->problem);
    snapshot.containers = std::move(listing->containers);
    return snapshot;
}

Result<std::string> engine_get(const std::string& endpoint, const std::string& path,
                               std::size_t limit_bytes) {
    if (auto valid = check_endpoint(endpoint); !valid) return pass_on(valid.error());
    EngineClient client(endpoint);
    auto answer = client.get(path, limit_bytes, kOneAnswer);
    if (!answer) return pass_on(answer.error());
    if (answer->status != 200)
        return fail("container engine answered " + printable(path) + " with HTTP status " +
                    std::to_string(answer->status));
    return std::move(answer->body);
}

const Container* EngineSnapshot::find(std::string_view id) const {
    constexpr std::size_t kShort = 12;
    if (id.size() != kShort) {
        const auto exact = containers.find(std::string(id));
        return exact == containers.end() ? nullptr : &exact->second;
    }
    const auto first = containers.lower_bound(std::string(id));
    if (first == containers.end() || !first->first.starts_with(id)) return nullptr;
    const auto second = std::next(first);
    const bool ambiguous = second != containers.end() && second->first.starts_with(id);
    return ambiguous ? nullptr : &first->second;
}

void Tombstones::bury(Container container, Clock::time_point now) {
    container.running = false;
    container.pid = 0;
    container.published.clear();
    const auto id = container.id;
    graves_.insert_or_assign(id, Grave{std::move(container), now});
    if (graves_.size() <= kGraves) return;
    graves_.erase(std::min_element(graves_.begin(), graves_.end(), [](auto& a, auto& b) {
        return a.second.since < b.second.since;
    }));
}

void Tombstones::expire(Clock::time_point now) {
    std::erase_if(graves_,
                  [&](const auto& grave) { return now - grave.second.since > kRemembered; });
}

void Tombstones::add_to(std::map<std::string, Container>& containers) const {
    for (const auto& [id, grave] : graves_) containers.try_emplace(id, grave.container);
}

}  // namespace portlid::identity
