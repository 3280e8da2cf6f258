// SPDX-License-Identifier: Apache-2.0
// A container engine's answers: the list, one inspect, one line of /events. (How they arrive over
// HTTP is libcurl's work.)
#include "fuzz.hpp"
#include "identity/engine.hpp"

namespace {

using portlid::fuzz::promise;

void check(const portlid::identity::Container& container) {
    promise(container.id.size() == 64, "a container without a whole id");
    promise(container.name.size() <= 1024 && container.image.size() <= 1024, "an endless name");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = portlid::fuzz::text_of(data, size);
    if (const auto list = portlid::identity::parse_container_list(text))
        for (const auto& container : *list) check(container);
    if (const auto one = portlid::identity::parse_container_inspect(text)) check(*one);
    if (const auto event = portlid::identity::parse_event(text); event.container)
        check(*event.container);
    return 0;
}
