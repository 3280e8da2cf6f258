// SPDX-License-Identifier: Apache-2.0
// Pieces that several builders share; used inside this room only.
#pragma once

#include "event/build.hpp"

namespace portlid::event {

// Adds host{name,boot_id} and sensor{version[,hook],generation,policy} to `body`.
void add_origin(Json& body, const Origin& origin, const char* hook = nullptr);
[[nodiscard]] Json text_or_null(const std::string& text);
[[nodiscard]] Json published_json(const PublishedView& published);
[[nodiscard]] std::string time_of(BootTime instant);

}  // namespace portlid::event
