// SPDX-License-Identifier: Apache-2.0
// The main file and its includes, as trees.
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/source_file.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxDocuments = 256;

bool has_wildcard(const std::string& pattern) {
    return pattern.find_first_of("*?[") != std::string::npos;
}

// Sorted, so that the same directory is the same policy everywhere.
std::vector<std::string> files_matching(const std::filesystem::path& pattern) {
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    std::sort(paths.begin(), paths.end());
    return paths;
}

void add_document(LoadState& state, const std::string& name, std::string_view text) {
    state.file_order.push_back(name);
    state.texts.emplace(name, text);
    state.hashes += sha256(text);
    auto root = parse_document(text, name, state.report);
    if (root) state.documents.push_back({name, std::move(*root)});
}

void include_file(LoadState& state, const std::filesystem::path& full, const Place& place) {
    const auto path = full.string();
    const auto shown = full.lexically_relative(state.directory).string();
    if (state.texts.contains(path)) {
        state.report.error(place, fmt::format("{} is included twice", quote(shown)));
        return;
    }
    if (state.file_order.size() >= kMaxDocuments) {
        state.report.error(place, fmt::format("more than {} files", kMaxDocuments));
        return;
    }
    auto text = read_source(path, kMaxPolicyBytes, state.options.check_ownership);
    if (!text) {
        state.report.error(place, fmt::format("include {}: {}", quote(shown), text.error().message),
                           text.error().hint);
        return;
    }
    add_document(state, path, *text);
}

void include_pattern(LoadState& state, const YamlNode& node) {
    const auto pattern = read_text(node, "an include", state.report);
    if (!pattern) return;
    const auto full = state.directory / *pattern;
    if (!has_wildcard(*pattern)) return include_file(state, full, node.place);
    for (const auto& path : files_matching(full)) include_file(state, path, node.place);
}

void follow_includes(LoadState& state, const YamlNode& root) {
    if (root.kind != YamlNode::Kind::Map) return;
    const auto* include = root.find("include");
    if (include == nullptr) return;
    if (include->kind != YamlNode::Kind::List) return include_pattern(state, *include);
    for (const auto& item : include->items) include_pattern(state, item);
}

}  // namespace

void read_documents(LoadState& state, std::string_view main_text) {
    if (main_text.size() > kMaxPolicyBytes) {
        state.report.error({state.name, 0, 0}, "the file is larger than 1 MiB");
        return;
    }
    add_document(state, state.name, main_text);
    // Grows while it is walked: an included file may include further ones.
    for (std::size_t i = 0; i < state.documents.size(); ++i) {
        const auto root = state.documents[i].root;  // a copy: the vector may move meanwhile
        follow_includes(state, root);
    }
}

bool only_once(LoadState& state, const std::string& key, const Place& place) {
    const auto [entry, is_new] = state.once.emplace(key, place);
    if (!is_new)
        state.report.error(place, fmt::format("`{}` is given twice", key),
                           "first given at " + at(entry->second));
    return is_new;
}

}  // namespace portlid::policy
