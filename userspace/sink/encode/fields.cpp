// SPDX-License-Identifier: Apache-2.0
#include "sink/encode/fields.hpp"

#include <array>
#include <charconv>
#include <ctime>

#include "base/text.hpp"

namespace portlid::sink {

const Json& at(const Json& document, std::string_view path) {
    static const Json kNone;
    const Json* node = &document;
    for (const auto part : split(path, '.')) {
        if (!node->is_object()) return kNone;
        const auto found = node->find(std::string(part));
        if (found == node->end()) return kNone;
        node = &*found;
    }
    return *node;
}

std::string text_at(const Json& document, std::string_view path) {
    const auto& value = at(document, path);
    return value.is_string() ? value.get<std::string>() : std::string();
}

void put(Json& document, std::string_view path, Json value) {
    if (value.is_null()) return;
    Json* node = &document;
    for (const auto part : split(path, '.')) node = &(*node)[std::string(part)];
    *node = std::move(value);
}

void copy(Json& into, std::string_view to, const Json& from, std::string_view path) {
    put(into, to, at(from, path));
}

const Json& container_of(const Json& native) {
    for (const auto* path : {"container", "target.container", "holder.container"})
        if (at(native, path).is_object()) return at(native, path);
    return at(native, "");
}

int severity_number(const Json& native) {
    const auto severity = parse_severity(text_at(native, "severity"));
    return severity ? static_cast<int>(*severity) + 1 : 1;
}

std::string family_of_kind(const Json& native) {
    const auto kind = text_at(native, "kind");
    return kind.substr(0, kind.find('.'));
}

std::string own_name(const std::string& key, const Json& native) {
    if (key != "mode" || !at(native, key).is_object()) return key;
    return text_at(native, "kind") == "mode.changed" ? "mode_change" : "mode_state";
}

Json milliseconds(const Json& time) {
    if (!time.is_string()) return nullptr;
    const auto text = time.get<std::string>();
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) return nullptr;
    std::int64_t fraction = 0;
    if (*rest == '.') {
        const std::string digits = (std::string(rest + 1) + "000").substr(0, 3);
        std::from_chars(digits.data(), digits.data() + 3, fraction);
    }
    return static_cast<std::int64_t>(::timegm(&parts)) * 1000 + fraction;
}

int protocol_number(std::string_view transport) {
    struct Row {
        std::string_view word;
        int number;
    };
    constexpr std::array<Row, 10> kRows = {{{"tcp", 6},
                                            {"udp", 17},
                                            {"icmp", 1},
                                            {"icmpv6", 58},
                                            {"ipv6-icmp", 58},
                                            {"sctp", 132},
                                            {"dccp", 33},
                                            {"udplite", 136},
                                            {"gre", 47},
                                            {"esp", 50}}};
    for (const auto& row : kRows)
        if (row.word == transport) return row.number;
    int number = -1;
    std::from_chars(transport.data(), transport.data() + transport.size(), number);
    return number;
}

}  // namespace portlid::sink
