// SPDX-License-Identifier: Apache-2.0
// What a native event may hold behind its envelope, by dotted path; the elements of a list have the
// path of the list. A new field of an event gets a line here and in schema/event.schema.json.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace portlid::sink {

enum class FieldType : std::uint8_t { Text, Number, Flag, Time, Address };

struct NativeField {
    std::string_view path;  // of a leaf: "target.container.name"
    FieldType type = FieldType::Text;
};
[[nodiscard]] const std::vector<NativeField>& native_fields();
// A time, an address, or an address with a prefix length or port: JSON texts that a SIEM gives a
// type of its own.
[[nodiscard]] bool is_typed_text(std::string_view path);

}  // namespace portlid::sink
