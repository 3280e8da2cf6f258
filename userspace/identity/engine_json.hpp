// SPDX-License-Identifier: Apache-2.0
// JSON from somebody who may lie: bounded before it is built, read without exceptions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portlid::identity {

// Refuses more than 64 levels, more than a million values, and what is not JSON in UTF-8.
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text);

// Reads members of one object. A member that is absent or null reads as the empty value; one of
// another type is remembered as the reader's fault, and reads as the empty value too.
class JsonReader {
public:
    explicit JsonReader(const nlohmann::json& value, std::string where, std::string& fault);
    [[nodiscard]] std::string text(const char* key) const;
    [[nodiscard]] std::uint64_t number(const char* key) const;
    [[nodiscard]] JsonReader object(const char* key) const;
    [[nodiscard]] const nlohmann::json& array(const char* key) const;
    [[nodiscard]] const nlohmann::json& value() const { return *value_; }
    [[nodiscard]] std::string name_of(const std::string& key) const { return where_ + "." + key; }
    void complain(const std::string& key, const char* wanted) const;

private:
    [[nodiscard]] const nlohmann::json* member(const char* key) const;
    const nlohmann::json* value_;
    std::string where_;
    std::string* fault_;  // the first fault wins
};

}  // namespace portlid::identity
