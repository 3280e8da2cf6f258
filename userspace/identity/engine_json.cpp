// SPDX-License-Identifier: Apache-2.0
#include "identity/engine_json.hpp"

#include "base/text.hpp"

namespace portlid::identity {

namespace {

constexpr unsigned kDepth = 64;
constexpr std::size_t kValues = 1'000'000;

const nlohmann::json kEmptyObject = nlohmann::json::object();
const nlohmann::json kEmptyArray = nlohmann::json::array();

// Counts brackets and commas outside strings, before anything is allocated for them.
Result<> check_bounds(std::string_view text) {
    unsigned depth = 0;
    std::size_t values = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        if (c == '[' || c == '{') ++depth;
        if ((c == ']' || c == '}') && depth > 0) --depth;
        if (c == '[' || c == '{' || c == ',') ++values;
        if (depth > kDepth) return fail("JSON is nested more than 64 levels deep");
        if (values > kValues) return fail("JSON has more than a million values");
    }
    return {};
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
    if (auto bounds = check_bounds(text); !bounds) return pass_on(bounds.error());
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) return fail("not valid JSON");
    return value;
}

JsonReader::JsonReader(const nlohmann::json& value, std::string where, std::string& fault)
    : value_(&value), where_(std::move(where)), fault_(&fault) {
    if (value.is_object()) return;
    if (fault_->empty()) *fault_ = where_ + " is not an object";
    value_ = &kEmptyObject;
}

void JsonReader::complain(const std::string& key, const char* wanted) const {
    if (fault_->empty()) *fault_ = printable(name_of(key), 200) + " is not " + wanted;
}

const nlohmann::json* JsonReader::member(const char* key) const {
    const auto found = value_->find(key);
    return found == value_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonReader::text(const char* key) const {
    const auto* found = member(key);
    if (found == nullptr) return {};
    if (const auto* text = found->get_ptr<const std::string*>()) return *text;
    complain(key, "a text");
    return {};
}

std::uint64_t JsonReader::number(const char* key) const {
    const auto* found = member(key);
    if (found == nullptr) return 0;
    if (found->is_number_unsigned()) return found->get<std::uint64_t>();
    complain(key, "a whole number");
    return 0;
}

JsonReader JsonReader::object(const char* key) const {
    const auto* found = member(key);
    return JsonReader(found == nullptr ? kEmptyObject : *found, name_of(key), *fault_);
}

const nlohmann::json& JsonReader::array(const char* key) const {
    const auto* found = member(key);
    if (found == nullptr) return kEmptyArray;
    if (found->is_array()) return *found;
    complain(key, "a list");
    return kEmptyArray;
}

}  // namespace portlid::identity
