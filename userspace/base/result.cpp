// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include <cstring>

namespace portlid {

tl::unexpected<Error> fail(std::string message, std::string hint, ExitCode code) {
    return tl::unexpected<Error>(Error{std::move(message), std::move(hint), code, 0});
}

tl::unexpected<Error> fail_errno(std::string message, int errno_value, std::string hint,
                                 ExitCode code) {
    message += ": ";
    message += std::strerror(errno_value);
    return tl::unexpected<Error>(Error{std::move(message), std::move(hint), code, errno_value});
}

tl::unexpected<Error> pass_on(Error error, std::string_view what) {
    return tl::unexpected<Error>(what.empty() ? std::move(error) : std::move(error).within(what));
}

}  // namespace portlid
