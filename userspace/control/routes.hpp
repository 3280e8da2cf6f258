// SPDX-License-Identifier: Apache-2.0
// Which request may go where: paths, methods, who may change things. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "control/server.hpp"

namespace portlid::control {

enum class Target : std::uint8_t { Get, Post, Events };

struct Route {
    Target target = Target::Get;
    std::optional<Response> refusal;  // set: this is the whole answer
};

// 404 unknown path, 405 wrong method, 403 change by a peer that is not uid 0, 501 not built yet.
[[nodiscard]] Route route(std::string_view method, std::string_view path, std::uint32_t peer_uid);

}  // namespace portlid::control
