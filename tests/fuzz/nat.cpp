// SPDX-License-Identifier: Apache-2.0
// NAT rules as other programs print them: iptables-save of both families, nft's JSON.
#include <netinet/in.h>

#include "fuzz.hpp"
#include "nat/rules.hpp"

namespace {

using portlid::fuzz::promise;
namespace nat = portlid::nat;

void check(const nat::DnatRule& rule) {
    promise(rule.protocol == IPPROTO_TCP || rule.protocol == IPPROTO_UDP, "another protocol");
    promise(rule.first.value <= rule.last.value, "a range that ends before it begins");
    for (const auto port : {rule.first, rule.last}) (void)rule.inner_port(port);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = portlid::fuzz::text_of(data, size);
    for (const auto family : {portlid::Family::IPv4, portlid::Family::IPv6})
        for (const auto& rule : nat::parse_iptables_save(text, family)) {
            check(rule);
            promise(rule.host_address.family() == family, "an address of another family");
        }
    (void)nat::parse_nft_chains(text);
    if (const auto table = nat::parse_nft_table(text))
        for (const auto& rule : table->dnat) check(rule);
    return 0;
}
