// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/result.hpp"
#include "identity/engine.hpp"
#include "identity/engine_http.hpp"

namespace portlid::identity {

struct Listing {
    std::map<std::string, Container> containers;
    std::string problem;  // what could not be read, though the listing as such is good
};

// Lists the running containers and looks at each. A container that vanished meanwhile is left out;
// one that cannot be inspected (a hung one must not hide the others) keeps what the list said.
[[nodiscard]] Result<Listing> list_containers(EngineClient& client,
                                              std::chrono::milliseconds at_most);

// Remembers containers that are gone for ten minutes, the newest 4096 of them.
class Tombstones {
public:
    using Clock = std::chrono::steady_clock;
    void bury(Container container, Clock::time_point now);
    void forget(const std::string& id) { graves_.erase(id); }
    [[nodiscard]] bool knows(const std::string& id) const { return graves_.contains(id); }
    void expire(Clock::time_point now);
    // Adds those that `containers` does not hold itself.
    void add_to(std::map<std::string, Container>& containers) const;
    [[nodiscard]] std::size_t size() const { return graves_.size(); }

private:
    struct Grave {
        Container container;
        Clock::time_point since;
    };
    std::map<std::string, Grave> graves_;
};

}  // namespace portlid::identity
