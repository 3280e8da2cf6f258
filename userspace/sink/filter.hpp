// SPDX-License-Identifier: Apache-2.0
// What a sink does not want, and what it must not see. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sink/record.hpp"

namespace portlid::sink {

class Filter {
public:
    Filter(std::vector<std::string> kinds, event::Severity least);
    // A sensor.gap passes always: a sink that hears nothing else must still hear what it lost.
    [[nodiscard]] bool passes(event::Kind kind, event::Severity severity) const;

private:
    std::uint64_t kinds_ = 0;  // a bit for each Kind
    event::Severity least_;
};

// Replaces the scalars at every path that matches one of the globs ("process.exe", "container.*",
// "*.image") with "[redacted]"; containers below a matching path go as a whole. The envelope
// (v, id, rev, seq, time, kind, severity) stays.
void redact(nlohmann::ordered_json& event, const std::vector<std::string>& globs);

}  // namespace portlid::sink
