// SPDX-License-Identifier: Apache-2.0
// A policy text, and behind a line "%%" the text of the set file `list.netset` that it may name.
// What loads has a normal form that loads again and is its own normal form; what loads compiles or
// is refused with a reason.
#include "directory.hpp"
#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "policy/show.hpp"

namespace {

using portlid::fuzz::Directory;
using portlid::fuzz::promise;
namespace policy = portlid::policy;

void check_errors(const policy::LoadOutcome& outcome) {
    bool error = false;
    for (const auto& diagnostic : outcome.diagnostics) {
        error = error || !diagnostic.warning;
        promise(!diagnostic.message.empty(), "a diagnostic says nothing");
        promise(!diagnostic.file.empty(), "a diagnostic names no file");
    }
    promise(error != outcome.ok(), "refused without an error");
}

void check_normal_form(const policy::Policy& loaded, const std::filesystem::path& directory) {
    const auto shown = policy::show(loaded);
    const auto again = policy::load_text(shown, "shown.yaml", directory);
    if (!again.ok()) {
        for (const auto& diagnostic : again.diagnostics)
            std::fprintf(stderr, "%s\n", to_string(diagnostic).c_str());
        std::fprintf(stderr, "%s\n", shown.c_str());
    }
    promise(again.ok(), "the normal form does not load");
    promise(policy::show(again.policy) == shown, "the normal form has another normal form");
}

void check_compiles(const policy::Policy& loaded) {
    const auto compiled = policy::compile(loaded);
    promise(compiled || !compiled.error().message.empty(), "refused without a reason");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Directory directory;
    static unsigned loads = 0;
    const auto text = portlid::fuzz::text_of(data, size);
    const auto cut = text.find("\n%%\n");
    if (cut != std::string_view::npos)
        std::ofstream(directory.path() / "list.netset", std::ios::binary)
            << text.substr(cut + 4) << std::flush;
    const auto outcome =
        policy::load_text(text.substr(0, cut == std::string_view::npos ? cut : cut + 1),
                          "policy.yaml", directory.path());
    check_errors(outcome);
    if (!outcome.ok()) return 0;
    check_normal_form(outcome.policy, directory.path());
    // An image is megabytes: compiling each would make the reader's search a crawl.
    if (++loads % 16 == 0) check_compiles(outcome.policy);
    return 0;
}
