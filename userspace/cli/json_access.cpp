// SPDX-License-Identifier: Apache-2.0
#include "cli/json_access.hpp"

#include "base/text.hpp"

namespace portlid::cli {

namespace {

constexpr int kMaxDepth = 64;

}  // namespace

const Json& at(const Json& json, std::initializer_list<const char*> path) {
    static const Json kNothing;
    const Json* here = &json;
    for (const auto* name : path) {
        if (!here->is_object()) return kNothing;
        const auto found = here->find(name);
        if (found == here->end()) return kNothing;
        here = &*found;
    }
    return *here;
}

std::string text(const Json& json, std::string_view absent) {
    if (json.is_string()) return printable(json.get_ref<const std::string&>());
    if (json.is_number() || json.is_boolean()) return json.dump();
    return std::string(absent);
}

std::uint64_t number(const Json& json) {
    if (json.is_number_unsigned()) return json.get<std::uint64_t>();
    if (!json.is_number_integer()) return 0;
    const auto value = json.get<std::int64_t>();
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

bool flag(const Json& json) {
    return json.is_boolean() && json.get<bool>();
}

const Json& list(const Json& json) {
    static const Json kNone = Json::array();
    return json.is_array() ? json : kNone;
}

Result<Json> parse_document(std::string_view body) {
    bool too_deep = false;
    const auto watch = [&](int depth, Json::parse_event_t, Json&) {
        too_deep |= depth > kMaxDepth;
        return !too_deep;
    };
    auto document = Json::parse(body, watch, false);
    if (document.is_discarded() || too_deep || document.is_null())
        return fail("the sensor's answer is not a JSON document",
                    "is that socket really portlid's? portlid doctor");
    return document;
}

}  // namespace portlid::cli
