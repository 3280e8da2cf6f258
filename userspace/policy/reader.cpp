// SPDX-License-Identifier: Apache-2.0
#include "policy/reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"

namespace portlid::policy {

namespace {

std::string wrong_type(std::string_view what, std::string_view wanted, const YamlNode& node) {
    return fmt::format("{} must be {}, not {}", what, wanted,
                       node.kind == YamlNode::Kind::Scalar ? quote(node.text) : kind_name(node));
}

// What YAML itself would read as something else than text.
bool reads_as_null(const YamlNode& node) {
    return node.kind == YamlNode::Kind::Null ||
           (node.kind == YamlNode::Kind::Scalar && !node.quoted &&
            (node.text.empty() || node.text == "~" || node.text == "null"));
}

}  // namespace

MapReader::MapReader(const YamlNode& node, std::string_view what,
                     std::initializer_list<std::string_view> known, Report& report)
    : node_(node), what_(what), report_(report), is_map_(node.kind == YamlNode::Kind::Map) {
    if (!is_map_) {
        report.error(node.place, wrong_type(what, "a map", node),
                     fmt::format("keys: {}", fmt::join(known, ", ")));
        return;
    }
    for (const auto& key : node.keys) {
        if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
        auto hint = did_you_mean(key.text, known);
        if (hint.empty()) hint = fmt::format("known here: {}", fmt::join(known, ", "));
        report.error(key.place, fmt::format("unknown key {} in {}", quote(key.text), what),
                     std::move(hint));
    }
}

const YamlNode* MapReader::find(std::string_view key) const {
    return is_map_ ? node_.find(key) : nullptr;
}

const YamlNode* MapReader::need(std::string_view key) const {
    const auto* found = find(key);
    if (found == nullptr && is_map_)
        report_.error(node_.place, fmt::format("{} has no `{}`", what_, key));
    return found;
}

std::optional<std::string> read_text(const YamlNode& node, std::string_view what, Report& report) {
    if (node.kind != YamlNode::Kind::Scalar || reads_as_null(node)) {
        report.error(node.place, wrong_type(what, "text", node));
        return std::nullopt;
    }
    if (node.text.empty()) {
        report.error(node.place, fmt::format("{} is empty", what));
        return std::nullopt;
    }
    if (printable(node.text, node.text.size() * 8) != node.text) {
        report.error(node.place,
                     fmt::format("{} {} contains control characters", what, quote(node.text)));
        return std::nullopt;
    }
    return node.text;
}

std::optional<bool> read_bool(const YamlNode& node, std::string_view what, Report& report) {
    const bool plain = node.kind == YamlNode::Kind::Scalar && !node.quoted;
    if (plain && node.text == "true") return true;
    if (plain && node.text == "false") return false;
    report.error(node.place, wrong_type(what, "true or false", node));
    return std::nullopt;
}

std::optional<std::size_t> read_word(const YamlNode& node, std::string_view what,
                                     std::initializer_list<std::string_view> words,
                                     Report& report) {
    const auto text = read_text(node, what, report);
    if (!text) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), *text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    report.error(node.place,
                 fmt::format("{} must be {}, not {}", what, fmt::join(words, " or "), quote(*text)),
                 did_you_mean(*text, words));
    return std::nullopt;
}

void read_list(const YamlNode& node, std::string_view what, bool empty_ok, Report& report,
               const std::function<void(const YamlNode&)>& each) {
    if (node.kind != YamlNode::Kind::List) {
        auto hint = node.kind == YamlNode::Kind::Scalar && !node.text.empty()
                        ? fmt::format("write [{}]", printable(node.text, 60))
                        : std::string();
        report.error(node.place, wrong_type(what, "a list", node), std::move(hint));
        return;
    }
    if (node.items.empty() && !empty_ok)
        report.error(node.place, fmt::format("{} is an empty list", what),
                     "leave the key out, or name what belongs there");
    for (const auto& item : node.items) each(item);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& words) {
    if (word.size() > 64) return {};
    auto near = nearest(word, words);
    for (const auto candidate : words)  // `prots`: swapped letters, the commonest slip
        if (near.empty() &&
            std::is_permutation(word.begin(), word.end(), candidate.begin(), candidate.end()))
            near = candidate;
    return near.empty() ? std::string() : fmt::format("did you mean `{}`?", near);
}

}  // namespace portlid::policy
