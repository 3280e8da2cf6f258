// SPDX-License-Identifier: Apache-2.0
#include "sink/filter.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"

namespace portlid::sink {

namespace {

constexpr std::array<event::Kind, 24> kAll = {
#define PORTLID_KIND(name, text) event::Kind::name,
    PORTLID_KINDS(PORTLID_KIND)
#undef PORTLID_KIND
};

constexpr std::array<std::string_view, 7> kEnvelope = {"v",    "id",   "rev",     "seq",
                                                       "time", "kind", "severity"};

void redact_below(nlohmann::ordered_json& node, const std::string& path,
                  const std::vector<std::string>& globs) {
    for (auto& [key, value] : node.items()) {
        // The elements of a list have the path of the list.
        const auto here = node.is_array() ? path : path.empty() ? key : path + "." + key;
        if (path.empty() && std::find(kEnvelope.begin(), kEnvelope.end(), key) != kEnvelope.end())
            continue;
        const bool hit = std::any_of(globs.begin(), globs.end(),
                                     [&](const auto& glob) { return glob_match(glob, here); });
        if (hit && !value.is_null())
            value = "[redacted]";
        else if (value.is_structured())
            redact_below(value, here, globs);
    }
}

}  // namespace

Filter::Filter(std::vector<std::string> kinds, event::Severity least) : least_(least) {
    if (kinds.empty()) kinds.emplace_back("*");
    for (const auto kind : kAll)
        for (const auto& glob : kinds)
            if (glob_match(glob, event::to_string(kind)))
                kinds_ |= 1ULL << static_cast<unsigned>(kind);
}

bool Filter::passes(event::Kind kind, event::Severity severity) const {
    if (kind == event::Kind::SensorGap) return true;
    return severity >= least_ && ((kinds_ >> static_cast<unsigned>(kind)) & 1U) != 0;
}

void redact(nlohmann::ordered_json& event, const std::vector<std::string>& globs) {
    if (!globs.empty()) redact_below(event, "", globs);
}

}  // namespace portlid::sink
