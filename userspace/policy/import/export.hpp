// SPDX-License-Identifier: Apache-2.0
// A policy in somebody else's words. Both targets only speak of ports, sources and (ufw) denied
// sources; what they cannot say is listed, and left out, so that they open less, never more.
#pragma once

#include <string>
#include <vector>

#include "policy/import/draft.hpp"
#include "policy/model.hpp"

namespace portlid::policy {

struct Exported {
    std::string text;
    std::vector<Unmapped> unmapped;
};

// `ufw` commands, one a line, as a shell script that only prints what it would do unless run.
[[nodiscard]] Exported export_ufw(const Policy& policy);
// {"IpPermissions": [...]} for `aws ec2 authorize-security-group-ingress --cli-input-json`.
[[nodiscard]] Exported export_aws_sg(const Policy& policy);

}  // namespace portlid::policy
