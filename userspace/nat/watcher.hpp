// SPDX-License-Identifier: Apache-2.0
// Follows the NAT rules of this process's network namespace on a thread of its own: no reading ever
// makes the sensor wait.
#pragma once

#include <functional>
#include <memory>

#include "nat/reader.hpp"
#include "nat/rules.hpp"

namespace portlid::nat {

class Watcher {
public:
    // `on_change` is called on the watcher's thread after each reading that differs.
    Watcher(Sources sources, std::function<void()> on_change);
    ~Watcher();  // waits for a program that is running, 2 s at most
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    // Never null, never blocks. version 0: not read yet.
    [[nodiscard]] std::shared_ptr<const Rules> rules() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace portlid::nat
