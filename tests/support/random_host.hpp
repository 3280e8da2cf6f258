// SPDX-License-Identifier: Apache-2.0
// The machine that random frames are sent to, and who sends them: few addresses and ports, so that
// what the policy names and what the frames carry meet often.
#pragma once

#include <string>
#include <vector>

#include "support/dice.hpp"
#include "support/packet.hpp"
#include "support/reference.hpp"

namespace portlid::test {

// Own addresses, networks and flows. The first flows are the same for every seed, the rest vary.
[[nodiscard]] ReferenceHost random_host(Dice& dice);

// How fast time passes for a round: in the kernel it cannot be set, so limits and `existing` are
// over hours there; natively every frame comes at a time of its own.
enum class Clock { Kernel, Own };

// Text of a valid policy of one to three zones; every key of contract §3 that decides a packet.
[[nodiscard]] std::string random_policy(Dice& dice, Clock clock);

// A frame (Ethernet, or IP when `layer3`): by grammar, then, one time in three, damaged.
[[nodiscard]] Bytes random_frame(Dice& dice, const ReferenceHost& host, bool layer3);

// Addresses and ports that policies and frames both draw from.
[[nodiscard]] const std::vector<std::string>& some_sources(bool v4);
[[nodiscard]] const std::vector<std::string>& some_destinations(bool v4);
[[nodiscard]] unsigned some_port(Dice& dice);
// The owners that policies name and sockets may be proven to have.
[[nodiscard]] const std::vector<std::map<std::string, std::string>>& some_owners();

}  // namespace portlid::test
