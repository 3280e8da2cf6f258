// SPDX-License-Identifier: Apache-2.0
// The client verbs' side of the control socket.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portlid::control {

class Client {
public:
    explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}
    // The body of a 2xx answer. No daemon -> exit code 3 with `portlid run` as the hint; no
    // permission -> 4; an error answer keeps its message, hint and exit code.
    [[nodiscard]] Result<std::string> get(const std::string& path_and_query) const;
    [[nodiscard]] Result<std::string> post(const std::string& path, const std::string& body) const;
    // Calls `on_line` for each line until the peer ends it, on_line returns false, or SIGINT.
    [[nodiscard]] Result<> stream(const std::string& path_and_query,
                                  const std::function<bool(std::string_view)>& on_line) const;

private:
    std::string socket_path_;
};

}  // namespace portlid::control
