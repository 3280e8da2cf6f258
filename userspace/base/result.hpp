// SPDX-License-Identifier: Apache-2.0
// How functions fail here: a value that says what, where and what to type next.
// Library code returns an Error and never logs it; the caller nearest to main prints it once.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace portlid {

// Process exit codes of the contract; an Error carries the one it would end the program with.
enum class ExitCode : int {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    NotRunning = 3,
    NoPermission = 4,
    PolicyInvalid = 5,
    KernelMissing = 6,
    Findings = 10,
};

struct Error {
    std::string message;  // what failed, on which object, and why
    std::string hint;     // the next thing to type or look at; may be empty
    ExitCode code = ExitCode::Failed;
    int errno_value = 0;

    // Puts `what` in front: "attach eth0: no such device".
    Error&& within(std::string_view what) && {
        message.insert(0, std::string(what) + ": ");
        return std::move(*this);
    }
};

template <class T = void>
using Result = tl::expected<T, Error>;

// A failure with a message; the overload with errno appends its text.
[[nodiscard]] tl::unexpected<Error> fail(std::string message, std::string hint = {},
                                         ExitCode code = ExitCode::Failed);
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string message, int errno_value,
                                               std::string hint = {},
                                               ExitCode code = ExitCode::Failed);
// Passes on the error of another result, with context in front.
[[nodiscard]] tl::unexpected<Error> pass_on(Error error, std::string_view what = {});

}  // namespace portlid
