// SPDX-License-Identifier: Apache-2.0
// GET over a unix socket with every bound the engine needs: connect, total time, bytes, and a
// descriptor that ends the wait at once. Not thread-safe: one client per thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portlid::identity {

struct HttpAnswer {
    long status = 0;
    std::string body;
};

class EngineClient {
public:
    // `stop_fd` becomes readable when the caller wants every transfer to end; -1 = never.
    EngineClient(std::string endpoint, int stop_fd = -1);
    ~EngineClient();
    EngineClient(const EngineClient&) = delete;
    EngineClient& operator=(const EngineClient&) = delete;

    // The whole answer, whatever its status. Keeps the connection for the next call.
    [[nodiscard]] Result<HttpAnswer> get(const std::string& path, std::size_t limit_bytes,
                                         std::chrono::milliseconds total);
    // An answer without end. `on_bytes` sees each piece and may end it by false; `on_tick` runs
    // after every wait, says how long the next one may last (at most 1 s), and may set `done`.
    using OnBytes = std::function<bool(std::string_view)>;
    using OnTick = std::function<std::chrono::milliseconds(bool& done)>;
    [[nodiscard]] Result<> stream(const std::string& path, const OnBytes& on_bytes,
                                  const OnTick& on_tick);
    // The status line of the present transfer has arrived.
    [[nodiscard]] bool answering() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace portlid::identity
