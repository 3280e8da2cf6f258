// SPDX-License-Identifier: Apache-2.0
// A twin of the attached programs: the same code over the same policy maps, with flows, counters,
// budgets, limits and rings of its own, so that asking it changes no state and no count of the
// sensor. Made from TwinParts, which the sensor's thread collects; after that it belongs to
// whichever thread made it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "abi/reasons.h"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

enum class TwinHook : std::uint8_t { Xdp, Tc };
[[nodiscard]] const char* to_string(TwinHook hook);  // "xdp", "tc"

// Descriptors of the maps that sensor and twin share, and what the sensor's programs were loaded
// with. Independent of the sensor once made.
struct TwinParts {
    std::map<std::string, UniqueFd> maps;
    std::vector<std::byte> constants;           // the programs' read-only data
    std::map<std::uint32_t, std::string> tags;  // by ifindex: tag of what is attached there
    std::map<std::uint32_t, TwinHook> hooks;    // by ifindex; absent: nothing is attached
};

struct TwinAnswer {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
};

class Twin {
public:
    // Loads the programs of `hooks` of `parts`. Takes up to a second: the verifier reads them.
    [[nodiscard]] static Result<Twin> make(TwinParts parts);
    Twin(Twin&&) noexcept;
    Twin& operator=(Twin&&) noexcept;
    ~Twin();

    // The kernel's hash of the twin's instructions (map references left out), equal to the tag of
    // an attached program exactly when it is the same code.
    [[nodiscard]] std::string tag(TwinHook hook) const;
    [[nodiscard]] const TwinParts& parts() const;

    // Runs one frame, as if it had come in by `ifindex`. Fails when the interface is gone or has
    // no entry, and when the program counts another verdict than it returns.
    [[nodiscard]] Result<TwinAnswer> ask(TwinHook hook, std::uint32_t ifindex,
                                         std::span<const std::uint8_t> frame);

    // Forgets how often every source has tried, so that the next try is a first one again.
    [[nodiscard]] Result<> forget_tries();

private:
    Twin();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace portlid::kernel
