// SPDX-License-Identifier: Apache-2.0
// What a sink does not want, and what it must not see. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
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

// Takes what stands at, or below, every path that matches one of the globs ("process.exe",
// "container.*", "*.image"): text becomes "[redacted]"; numbers, booleans, times and addresses are
// left out, and so is an object or list in which nothing is left. "src.ip" means `sources[].ip`,
// too. The envelope (v, id, rev, seq, time, kind, severity, sink_seq) stays, and null stays null.
void redact(nlohmann::ordered_json& event, const std::vector<std::string>& globs);
// Whether redact() takes what stands at `path`: for what a transport tells besides the event.
[[nodiscard]] bool hides(const std::vector<std::string>& globs, std::string_view path);
// Refuses a glob that no field of a native event matches, and one for the envelope alone.
[[nodiscard]] Result<> check_redact(const std::string& glob);

}  // namespace portlid::sink
