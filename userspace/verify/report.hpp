// SPDX-License-Identifier: Apache-2.0
// The document `portlid.verify/v1`.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "verify/matrix.hpp"

namespace portlid::verify {

// Whether the twin of a hook is the program that is attached.
struct CodeCheck {
    std::string hook;
    std::string interface_name;
    std::string twin_tag;
    std::string attached_tag;  // "" = could not be read
    [[nodiscard]] bool same() const { return !twin_tag.empty() && twin_tag == attached_tag; }
};

struct RunFacts {
    std::uint64_t run = 0;
    std::uint64_t generation = 0;
    std::string policy_hash;
    std::chrono::milliseconds took{};
    std::vector<CodeCheck> code;
};

// {"schema":…,"state":"done","ok":…,…}. `ok` = no difference, and every twin is the same code.
[[nodiscard]] nlohmann::ordered_json report(const RunFacts& facts, const MatrixInput& input,
                                            const Matrix& matrix);
// {"schema":…,"state":"running","run":…,"asked":…,"of":…}
[[nodiscard]] nlohmann::ordered_json progress_report(std::uint64_t run, const Progress& progress);

}  // namespace portlid::verify
