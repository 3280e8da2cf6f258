// SPDX-License-Identifier: Apache-2.0
// What the verbs that show a document of the sensor share: ask for it, read it, print it.
#pragma once

#include <functional>
#include <initializer_list>

#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

[[nodiscard]] Result<Json> get_document(Context& context, const std::string& path);
// On one line, as -o json and -o jsonl have it.
void print_document(Context& context, const Json& document);

// The text for people of a format that is neither json nor jsonl.
using Describe = std::function<std::string(const Json&, OutputFormat)>;
// GET `path` and print it: as JSON, or as `describe` puts it. `others` are the forms besides
// table, json and jsonl.
[[nodiscard]] Result<ExitCode> show_document(Context& context, const std::string& path,
                                             const Describe& describe,
                                             std::initializer_list<OutputFormat> others = {});

}  // namespace portlid::cli
