// SPDX-License-Identifier: Apache-2.0
// A scan from outside (`verify --nmap`): somebody else's XML.
#include "verify/nmap.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto hosts = portlid::verify::read_nmap(portlid::fuzz::text_of(data, size));
    portlid::fuzz::promise(hosts || !hosts.error().message.empty(), "refused without a reason");
    return 0;
}
