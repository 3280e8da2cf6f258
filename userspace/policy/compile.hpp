// SPDX-License-Identifier: Apache-2.0
// Model -> image: the flat structure of abi/image.h that kernel and native pipeline both read.
// Deterministic: the same policy gives the same bytes.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "abi/image.h"
#include "base/result.hpp"
#include "policy/model.hpp"

namespace portlid::policy {

// What a rule index in the image means to a person.
struct RuleName {
    std::string name;    // "web", "public default", "ping"; index 0 is "built-in"
    std::string source;  // "policy.yaml:6" or "built-in"
};

struct CompiledPolicy {
    std::unique_ptr<policy_image> image;  // ~3.3 MiB; head.generation etc. filled by the publisher
    std::vector<trie_node> nodes;         // nodes and paths; indices count from 0 in this vector
    std::vector<RuleName> rules;          // by decision.rule
    std::vector<std::string> zones;       // zone names by index
    std::string hash;                     // sha256 over image, names and normal form; the same
                                          // policy in another directory has the same hash
    // Which classes sources of a family (0 = IPv4, 1 = IPv6) can have, and the one that most of
    // the address space has: that of a source no set names.
    std::array<std::vector<std::uint16_t>, 2> classes;
    std::array<std::uint16_t, 2> unlisted_class{};
};

struct CompileOptions {
    bool cap_to_monitor = false;  // --mode monitor: nothing in the image enforces
};

// On failure `refused_at` is where the service stands that was too much; line 0 when no one is.
[[nodiscard]] Result<CompiledPolicy> compile(const Policy& policy, CompileOptions options = {},
                                             Place* refused_at = nullptr);

// True when some rule of the image would really drop.
[[nodiscard]] bool enforces(const policy_image& image);

}  // namespace portlid::policy
