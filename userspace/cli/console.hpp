// SPDX-License-Identifier: Apache-2.0
// Where a verb writes: data on one side, messages on the other, and what the data side can show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portlid::cli {

enum class ColorChoice : std::uint8_t { Auto, Always, Never };

class Console {
public:
    virtual ~Console() = default;
    // Data. False when nobody reads any more (EPIPE) or it cannot be written; then stop.
    virtual bool out(std::string_view data) = 0;
    virtual void message(std::string_view text) = 0;
    // Why data was not written; nothing for a reader that merely went away.
    [[nodiscard]] virtual Result<> out_result() const = 0;

    [[nodiscard]] virtual bool out_is_terminal() const = 0;
    // Somebody watches the messages: progress may be drawn over itself.
    [[nodiscard]] virtual bool messages_are_seen() const { return false; }
    [[nodiscard]] virtual std::size_t out_width() const = 0;  // columns; 0 = do not cut

    // NO_COLOR and TERM=dumb turn `auto` off; `always` means always.
    [[nodiscard]] bool color(ColorChoice choice) const;
};

// stdout and stderr of this process.
class ProcessConsole final : public Console {
public:
    bool out(std::string_view data) override;
    void message(std::string_view text) override;
    [[nodiscard]] Result<> out_result() const override;
    [[nodiscard]] bool out_is_terminal() const override;
    [[nodiscard]] bool messages_are_seen() const override;
    [[nodiscard]] std::size_t out_width() const override;

private:
    int out_error_ = 0;  // errno of the first write that failed
};

// "portlid: what: why" and "  next: hint", for stderr.
[[nodiscard]] std::string error_text(const Error& error);

}  // namespace portlid::cli
