// SPDX-License-Identifier: Apache-2.0
// Where certificates, keys and tokens stand: files, or systemd's credentials.
#pragma once

#include <string>

#include "base/result.hpp"

namespace portlid::sink {

// The file of `ca`, `cert`, `key` or `token`: an absolute path is one; any other name is a
// credential of systemd's ($CREDENTIALS_DIRECTORY; for a command in a shell, where there is none,
// what the running service was given: root sees that in `of_service`). What can be neither fails;
// its words are not repeated, they may be the secret.
[[nodiscard]] Result<std::string> secret_path(
    const std::string& name, const std::string& of_service = "/run/credentials/portlid.service");
// An absolute path, or a credential that is there.
[[nodiscard]] bool is_secret_file(const std::string& name);

}  // namespace portlid::sink
