// SPDX-License-Identifier: Apache-2.0
// A set file, as block lists come from anywhere: it loads, or each refusal names its line.
#include <algorithm>

#include "directory.hpp"
#include "policy/load.hpp"
#include "policy/show.hpp"

namespace {

using portlid::fuzz::promise;
namespace policy = portlid::policy;

constexpr const char* kPolicy =
    "version: 1\nzones: { public: { interfaces: [uplink] } }\n"
    "sets: { list: { file: list.netset } }\ndeny: [list]\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const portlid::fuzz::Directory directory;
    const auto text = portlid::fuzz::text_of(data, size);
    directory.write("list.netset", text);
    const auto outcome = policy::load_text(kPolicy, "policy.yaml", directory.path());
    for (const auto& diagnostic : outcome.diagnostics) {
        promise(!diagnostic.message.empty(), "a diagnostic says nothing");
        promise(diagnostic.line != 0, "a diagnostic without a line");
    }
    const bool error = std::any_of(outcome.diagnostics.begin(), outcome.diagnostics.end(),
                                   [](const auto& one) { return !one.warning; });
    promise(error != outcome.ok(), "refused without an error");
    if (!outcome.ok()) return 0;
    const auto again =
        policy::load_text(policy::show(outcome.policy), "shown.yaml", directory.path());
    promise(again.ok(), "the normal form does not load");
    return 0;
}
