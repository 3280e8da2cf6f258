// SPDX-License-Identifier: Apache-2.0
#include "policy/import/xml.hpp"

#include <expat.h>
#include <fmt/format.h>

#include <memory>
#include <optional>

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxOpen = 16;
constexpr std::size_t kMaxElements = 50'000;

struct Builder {
    XML_Parser parser = nullptr;
    std::vector<XmlElement> open;
    std::optional<XmlElement> root;
    std::size_t elements = 0;
    std::string refusal;

    void refuse(std::string why) {
        if (refusal.empty()) refusal = std::move(why);
        XML_StopParser(parser, XML_FALSE);
    }
};

void on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
    auto& builder = *static_cast<Builder*>(data);
    if (builder.open.size() >= kMaxOpen) return builder.refuse("nested deeper than 16 levels");
    if (++builder.elements > kMaxElements) return builder.refuse("more than 50000 elements");
    XmlElement element;
    element.name = name;
    element.line = static_cast<unsigned>(XML_GetCurrentLineNumber(builder.parser));
    for (; *attributes != nullptr; attributes += 2)
        element.attributes.emplace(attributes[0], attributes[1]);
    builder.open.push_back(std::move(element));
}

void on_end(void* data, const XML_Char*) {
    auto& builder = *static_cast<Builder*>(data);
    if (builder.open.empty()) return;
    auto element = std::move(builder.open.back());
    builder.open.pop_back();
    if (builder.open.empty())
        builder.root = std::move(element);
    else
        builder.open.back().children.push_back(std::move(element));
}

void on_text(void* data, const XML_Char* text, int length) {
    auto& builder = *static_cast<Builder*>(data);
    if (!builder.open.empty())
        builder.open.back().text.append(text, static_cast<std::size_t>(length));
}

// A document type is where entities, bombs and outside files come from; these files have none.
void on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<Builder*>(data)->refuse("a document type is not allowed");
}

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
    for (const auto& one : children)
        if (one.name == child) return &one;
    return nullptr;
}

std::string XmlElement::attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? "" : found->second;
}

Result<XmlElement> parse_xml(const std::string& text, const std::string& shown) {
    const std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser(
        XML_ParserCreate("UTF-8"), &XML_ParserFree);
    Builder builder;
    builder.parser = parser.get();
    XML_SetUserData(parser.get(), &builder);
    XML_SetElementHandler(parser.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
    const auto status =
        XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (status == XML_STATUS_OK && builder.root) return std::move(*builder.root);
    const auto why = !builder.refusal.empty()
                         ? builder.refusal
                         : std::string(XML_ErrorString(XML_GetErrorCode(parser.get())));
    return fail(fmt::format("{}:{}: {}", shown, XML_GetCurrentLineNumber(parser.get()), why),
                "is it one of firewalld's XML files?");
}

}  // namespace portlid::policy
