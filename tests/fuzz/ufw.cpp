// SPDX-License-Identifier: Apache-2.0
// UFW's rules: one tuple line, in both families, and the same text as a whole user.rules.
#include "directory.hpp"
#include "inventory/firewall.hpp"

namespace {

using portlid::fuzz::promise;
using namespace portlid::inventory;

void check(const UfwRule& rule, portlid::Family family) {
    promise(rule.first_port <= rule.last_port, "a range that ends before it begins");
    promise(rule.source.address.family() == family, "a source of another family");
    promise(rule.destination.address.family() == family, "a destination of another family");
}

class Etc : public portlid::fuzz::Directory {
public:
    Etc() {
        std::filesystem::create_directories(path() / "ufw");
        std::filesystem::create_directories(path() / "default");
        write("ufw/ufw.conf", "ENABLED=yes\n");
        write("default/ufw", "DEFAULT_INPUT_POLICY=\"DROP\"\n");
        write("ufw/user6.rules", "");
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Etc etc;
    const auto text = portlid::fuzz::text_of(data, size);
    for (const auto family : {portlid::Family::IPv4, portlid::Family::IPv6})
        if (const auto rules = parse_ufw_tuple(text, family))
            for (const auto& rule : *rules) check(rule, family);
    etc.write("ufw/user.rules", text);
    const auto ufw = Ufw::read(etc.path());
    for (const auto family : {portlid::Family::IPv4, portlid::Family::IPv6})
        promise(to_string(ufw.answer(6, portlid::IpAddress::any(family), {22})) != nullptr,
                "an answer without a word");
    return 0;
}
