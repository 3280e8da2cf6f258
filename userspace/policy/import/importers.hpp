// SPDX-License-Identifier: Apache-2.0
// `portlid import`: a policy from what the operator has already. Each reads only the files it is
// given, with caps, and never guesses open: what is not understood is listed and stays closed. The
// result is in monitor mode.
//
// Errors: a file that is missing, too large or not what it should be (exit code 1).
#pragma once

#include <filesystem>

#include "policy/import/draft.hpp"

namespace portlid::policy {

// A directory like /etc/ufw (user.rules, user6.rules, before.rules, after.rules, ufw.conf;
// ../default/ufw beside it), or one user.rules or user6.rules.
[[nodiscard]] Result<Draft> import_ufw(const std::filesystem::path& path);
// The JSON of `aws ec2 describe-security-groups`; "-" is standard input.
[[nodiscard]] Result<Draft> import_aws_sg(const std::filesystem::path& path);
// compose.yaml; published ports become services that only the project's container may hold.
[[nodiscard]] Result<Draft> import_compose(const std::filesystem::path& path);
// A zone's XML, or a directory like /etc/firewalld (zones/*.xml, services/*.xml).
[[nodiscard]] Result<Draft> import_firewalld(const std::filesystem::path& path);

// The whole of a file, checked to be text; the error names the file and its exit code is 1.
[[nodiscard]] Result<std::string> read_import(const std::filesystem::path& path);
// Every port of both protocols.
[[nodiscard]] std::vector<PortRange> every_port();

}  // namespace portlid::policy
