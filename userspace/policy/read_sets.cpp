// SPDX-License-Identifier: Apache-2.0
// Named sets, their files, and the lists that refer to them.
#include <fmt/format.h>

#include <unordered_set>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/source_file.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxSetFileErrors = 20;

// One line of a set file; errors carry the line, since the file itself is not kept.
void read_set_line(std::string_view row, const Place& start, NamedSet& set, Report& report) {
    const auto value = trim(row.substr(0, row.find('#')));
    if (value.empty()) return;
    auto place = start;
    place.column = static_cast<unsigned>(value.data() - row.data()) + 1;
    Report problems;
    const auto prefix = parse_prefix(value, place, problems);
    if (prefix) return set.members.push_back(*prefix);
    for (auto& problem : problems.take()) {
        problem.source_line = std::string(row.substr(0, 200));
        report.add(std::move(problem));
    }
}

void parse_set_file(std::string_view text, const std::string& name, NamedSet& set, Report& report) {
    Place place{name, 0, 1};
    std::size_t bad = 0;
    while (!text.empty()) {
        ++place.line;
        const auto end = text.find('\n');
        const auto before = set.members.size();
        const auto row = text.substr(0, end);
        read_set_line(row, place, set, report);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const bool blank = trim(row.substr(0, row.find('#'))).empty();
        if (set.members.size() > before || blank) continue;
        if (++bad < kMaxSetFileErrors) continue;
        report.error(place, "too many bad lines; the rest of the file was not read");
        return;
    }
}

void read_set_file(LoadState& state, const YamlNode& node, NamedSet& set) {
    const auto file = read_text(node, "`file`", state.report);
    if (!file) return;
    set.file = *file;
    const auto path = (state.directory / *file).string();
    auto text = read_source(path, kMaxSetBytes, state.options.check_ownership);
    if (!text) {
        state.report.error(node.place,
                           fmt::format("set file {}: {}", quote(*file), text.error().message),
                           text.error().hint);
        return;
    }
    state.file_order.push_back(path);
    state.hashes += sha256(*text);
    if (check_text(*text, path, state.report)) parse_set_file(*text, path, set, state.report);
}

void read_set_members(LoadState& state, const YamlNode& node, NamedSet& set) {
    if (node.kind == YamlNode::Kind::Map) {
        const MapReader map(node, "a set", {"file"}, state.report);
        if (const auto* file = map.need("file")) read_set_file(state, *file, set);
        return;
    }
    read_list(node, "a set", true, state.report, [&](const YamlNode& item) {
        const auto text = read_text(item, "an address", state.report);
        if (!text) return;
        if (const auto prefix = parse_prefix(*text, item.place, state.report))
            set.members.push_back(*prefix);
    });
}

void read_set(LoadState& state, const Key& key, const YamlNode& node) {
    if (!check_name(key.text, "a set", key.place, state.report)) return;
    const auto [entry, is_new] = state.set_index.emplace(key.text, state.policy.sets.size());
    if (!is_new)
        return state.report.error(key.place,
                                  fmt::format("the set name `{}` is used twice", key.text),
                                  "first used at " + at(state.policy.sets[entry->second].place));
    NamedSet set;
    set.name = key.text;
    set.place = key.place;
    read_set_members(state, node, set);
    state.policy.sets.push_back(std::move(set));
}

// Anything with these characters was meant as an address, not as a name.
bool looks_like_address(std::string_view text) {
    return text.find_first_of("/:") != std::string_view::npos ||
           text.find_first_not_of("0123456789.") == std::string_view::npos;
}

void report_missing_set(LoadState& state, const YamlNode& item) {
    constexpr std::size_t kMaxCandidates = 256;
    if (state.report.full()) return;
    std::vector<std::string_view> names;
    for (const auto& set : state.policy.sets)
        if (names.size() < kMaxCandidates) names.emplace_back(set.name);
    auto hint = did_you_mean(item.text, names);
    if (hint.empty()) hint = "define it under `sets:`";
    state.report.error(item.place, fmt::format("there is no set {}", quote(item.text)),
                       std::move(hint));
}

// Sets are copied into every list that names them; this bounds what one policy may make of that.
bool count_prefixes(LoadState& state, const YamlNode& item, std::size_t count) {
    constexpr std::size_t kMaxResolved = 16'000'000;
    const bool fitted = state.resolved_prefixes <= kMaxResolved;
    state.resolved_prefixes += count;
    if (state.resolved_prefixes <= kMaxResolved) return true;
    if (fitted)
        state.report.error(item.place,
                           "all source lists together hold more than 16 million prefixes",
                           "name large sets in fewer places");
    return false;
}

void add_source(LoadState& state, const YamlNode& item, Sources& sources) {
    const auto text = read_text(item, "an entry", state.report);
    if (!text) return;
    sources.text.push_back(*text);
    if (Cidr::parse(*text) || looks_like_address(*text)) {
        if (const auto prefix = parse_prefix(*text, item.place, state.report))
            sources.members.push_back(*prefix);
        return;
    }
    const auto found = state.set_index.find(*text);
    if (found == state.set_index.end()) return report_missing_set(state, item);
    const auto& members = state.policy.sets[found->second].members;
    if (count_prefixes(state, item, members.size()))
        sources.members.insert(sources.members.end(), members.begin(), members.end());
}

}  // namespace

void read_sets(LoadState& state, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::Map) {
        state.report.error(node.place, fmt::format("`sets` must be a map, not {}", kind_name(node)),
                           "write sets: { office: [203.0.113.0/24] }");
        return;
    }
    for (std::size_t i = 0; i < node.keys.size(); ++i) read_set(state, node.keys[i], node.items[i]);
}

Sources read_sources(LoadState& state, const YamlNode& node, std::string_view what) {
    Sources sources;
    std::unordered_set<std::string_view> seen;
    read_list(node, what, false, state.report, [&](const YamlNode& item) {
        if (item.kind == YamlNode::Kind::Scalar && !seen.insert(item.text).second)
            state.report.error(item.place, fmt::format("{} is named twice", quote(item.text)));
        else
            add_source(state, item, sources);
    });
    return sources;
}

}  // namespace portlid::policy
