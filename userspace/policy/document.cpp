// SPDX-License-Identifier: Apache-2.0
#include "policy/document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_set>

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr const char* kPlainWords = "a policy uses plain maps, lists and text only";

// Ours, told apart from the parser's own complaints.
class Refusal : public YAML::ParserException {
public:
    using YAML::ParserException::ParserException;
};

Place place_of(const std::string& file, const YAML::Mark& mark) {
    return {file, static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
}

// Builds the tree from yaml-cpp's events. What makes the rest of the file meaningless (depth, a
// second document, a key that is no scalar) ends the parse by the library's own exception.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, Report& report) : file_(file), report_(report) {}

    [[nodiscard]] std::optional<YamlNode> take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) throw Refusal(mark, "more than one document");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        check(mark, {}, anchor);
        if (expecting_key()) throw Refusal(mark, "a key is missing");
        finish(make(mark, YamlNode::Kind::Null));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        report_.error(place(mark), "aliases are not allowed", kPlainWords);
        if (expecting_key()) throw Refusal(mark, "a key must be text");
        finish(make(mark, YamlNode::Kind::Null));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        check(mark, tag, anchor);
        if (expecting_key()) return take_key(mark, value);
        auto node = make(mark, YamlNode::Kind::Scalar);
        node.text = value;
        node.quoted = tag == "!";
        finish(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::List);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::Map);
    }
    void OnMapEnd() override { close(); }

private:
    struct Frame {
        YamlNode node;
        std::unordered_set<std::string> seen;
        bool skip_value = false;  // of a duplicate key
    };

    [[nodiscard]] Place place(const YAML::Mark& mark) const { return place_of(file_, mark); }
    [[nodiscard]] YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) const {
        YamlNode node;
        node.kind = kind;
        node.place = place(mark);
        return node;
    }
    [[nodiscard]] bool expecting_key() const {
        if (stack_.empty() || stack_.back().node.kind != YamlNode::Kind::Map) return false;
        const auto& frame = stack_.back();
        return !frame.skip_value && frame.node.keys.size() == frame.node.items.size();
    }
    void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != 0) report_.error(place(mark), "anchors are not allowed", kPlainWords);
        if (!tag.empty() && tag != "?" && tag != "!")
            report_.error(place(mark), "tags are not allowed", kPlainWords);
    }
    void take_key(const YAML::Mark& mark, const std::string& text) {
        auto& frame = stack_.back();
        if (!frame.seen.insert(text).second) {
            report_.error(place(mark), "duplicate key " + quote(text),
                          "keep one of them; the later one would silently win");
            frame.skip_value = true;
            return;
        }
        frame.node.keys.push_back({text, place(mark)});
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              YamlNode::Kind kind) {
        check(mark, tag, anchor);
        if (expecting_key()) throw Refusal(mark, "a key must be text");
        if (stack_.size() >= kMaxDepth) throw Refusal(mark, "nested deeper than 16 levels");
        stack_.push_back({make(mark, kind), {}});
    }
    void close() {
        auto node = std::move(stack_.back().node);
        stack_.pop_back();
        finish(std::move(node));
    }
    void finish(YamlNode node) {
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& frame = stack_.back();
        if (frame.skip_value) {
            frame.skip_value = false;
            return;
        }
        // An empty value has no place of its own that a reader would look at.
        if (node.kind == YamlNode::Kind::Null && frame.node.kind == YamlNode::Kind::Map)
            node.place = frame.node.keys.back().place;
        frame.node.items.push_back(std::move(node));
    }

    const std::string& file_;
    Report& report_;
    std::vector<Frame> stack_;
    std::optional<YamlNode> root_;
    unsigned documents_ = 0;
};

// YAML forbids tabs in indentation and its parsers disagree about the rest; one clear refusal.
bool check_indentation(std::string_view text, const std::string& file, Report& report) {
    unsigned line = 0;
    while (!text.empty()) {
        ++line;
        const auto end = text.find('\n');
        const auto row = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto first = row.find_first_not_of(" \t\r");
        if (first == std::string_view::npos || row[first] == '#') continue;
        const auto tab = row.substr(0, first).find('\t');
        if (tab == std::string_view::npos) continue;
        report.error({file, line, static_cast<unsigned>(tab + 1)}, "tab in indentation",
                     "indent with spaces");
        return false;
    }
    return true;
}

bool starts_with_bom(std::string_view text) {
    return text.substr(0, 3) == "\xef\xbb\xbf";
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (keys[i].text == key) return &items[i];
    return nullptr;
}

const char* kind_name(const YamlNode& node) {
    switch (node.kind) {
        case YamlNode::Kind::Null:
            return "empty";
        case YamlNode::Kind::Scalar:
            return "text";
        case YamlNode::Kind::List:
            return "a list";
        case YamlNode::Kind::Map:
            return "a map";
    }
    return "unknown";
}

std::optional<YamlNode> parse_document(std::string_view text, const std::string& file,
                                       Report& report) {
    if (starts_with_bom(text)) text.remove_prefix(3);
    if (!check_text(text, file, report) || !check_indentation(text, file, report))
        return std::nullopt;
    TreeBuilder builder(file, report);
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Refusal& refusal) {
        report.error(place_of(file, refusal.mark), refusal.msg, kPlainWords);
        return std::nullopt;
    } catch (const YAML::Exception& problem) {
        report.error(place_of(file, problem.mark), "not valid YAML: " + problem.msg);
        return std::nullopt;
    }
    auto root = builder.take();
    if (!root || root->kind == YamlNode::Kind::Null) {
        report.error({file, 1, 1}, "the file is empty", "a policy begins with `version: 1`");
        return std::nullopt;
    }
    return root;
}

}  // namespace portlid::policy
