// SPDX-License-Identifier: Apache-2.0
// The passes of load_file over the documents of one policy. Order: every document is read, then
// all zones and sets, then everything that refers to them, then what only the whole can show.
// Private to the room.
#pragma once

#include <filesystem>
#include <map>
#include <unordered_map>

#include "policy/document.hpp"
#include "policy/load.hpp"
#include "policy/reader.hpp"

namespace portlid::policy {

struct Document {
    std::string name;
    YamlNode root;
};

// What the passes share. Messages go to `report`, values to `policy`.
struct LoadState {
    LoadOptions options;
    std::filesystem::path directory;  // anchors includes and set files
    std::string name;                 // of the main file
    Policy policy;
    Report report;
    std::vector<Document> documents;                          // main file first
    std::map<std::string, std::string> texts;                 // of every policy file, for the caret
    std::vector<std::string> file_order;                      // as diagnostics are sorted
    std::string hashes;                                       // of every file, in that order
    std::unordered_map<std::string, std::size_t> set_index;   // into policy.sets
    std::unordered_map<std::string, std::string> interfaces;  // word -> zone that has it
    std::size_t resolved_prefixes = 0;                        // of all source lists
    std::map<std::string, Place> once;  // keys that one file may give: "transit"
};

// A list of set names and prefixes, resolved.
struct Sources {
    std::vector<Cidr> members;
    std::vector<std::string> text;
};

// documents.cpp
void read_documents(LoadState& state, std::string_view main_text);
// read_zones.cpp, read_sets.cpp, read_services.cpp, read_rest.cpp
void read_zones(LoadState& state, const YamlNode& node);
void read_sets(LoadState& state, const YamlNode& node);
void read_services(LoadState& state, const YamlNode& node);
[[nodiscard]] Sources read_sources(LoadState& state, const YamlNode& node, std::string_view what);
[[nodiscard]] std::optional<Owner> read_owner(LoadState& state, const YamlNode& node);
[[nodiscard]] std::optional<Mode> read_mode(const YamlNode& node, Report& report);
[[nodiscard]] std::optional<Action> read_action(const YamlNode& node, std::string_view what,
                                                Report& report);
[[nodiscard]] const Zone* find_zone(LoadState& state, const YamlNode& node, std::string_view name);
void read_rest(LoadState& state, const MapReader& root);
void read_failsafe(LoadState& state, const YamlNode& node);
void read_labels(LoadState& state, const YamlNode& node);
void read_binds(LoadState& state, const YamlNode& node);
void read_tests(LoadState& state, const YamlNode& node);
// True the first time `key` is given in any file; an error with the other place after that.
[[nodiscard]] bool only_once(LoadState& state, const std::string& key, const Place& place);
// load.cpp: from a place in bytes of `text`, the file's, to what a person is shown.
void point_at_text(Diagnostic& diagnostic, std::string_view text);
// review.cpp: lock-out, and the warnings about what this version does not apply yet.
void review(LoadState& state);

}  // namespace portlid::policy
