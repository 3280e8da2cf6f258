// SPDX-License-Identifier: Apache-2.0
// Firewalls of somebody else: the first byte says which of ufw, firewalld, aws-sg and compose the
// rest is. What is imported is a policy that loads, in monitor mode, and nothing that was not
// understood is forgotten.
#include "policy/import/importers.hpp"

#include "directory.hpp"
#include "policy/load.hpp"

namespace {

using portlid::Result;
using portlid::fuzz::promise;
namespace policy = portlid::policy;

Result<policy::Draft> read(unsigned which, std::string_view text) {
    static const portlid::fuzz::Directory directory;
    switch (which % 4) {
        case 0:
            return policy::import_ufw(directory.write("user.rules", text));
        case 1:
            return policy::import_firewalld(directory.write("zone.xml", text));
        case 2:
            return policy::import_aws_sg(directory.write("groups.json", text));
        default:
            return policy::import_compose(directory.write("compose.yaml", text));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto draft = read(data[0], portlid::fuzz::text_of(data + 1, size - 1));
    if (!draft) {
        promise(!draft.error().message.empty(), "refused without a reason");
        return 0;
    }
    for (const auto& one : draft->unmapped) promise(!one.why.empty(), "left out without a reason");
    const auto imported = policy::render(*draft);
    if (!imported) std::fprintf(stderr, "%s\n", imported.error().message.c_str());
    promise(imported.has_value(), "a draft that is no policy");
    const auto loaded = policy::load_text(imported->yaml, "imported.yaml", "/nonexistent");
    promise(loaded.ok(), "an imported policy that does not load");
    promise(loaded.policy.mode == policy::Mode::Monitor, "an imported policy that enforces");
    promise(imported->unmapped.size() >= draft->unmapped.size(), "something left out is not told");
    return 0;
}
