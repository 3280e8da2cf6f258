// SPDX-License-Identifier: Apache-2.0
#include "sink/encode/encoder.hpp"

#include "event/escape.hpp"
#include "sink/encode/fields.hpp"
#include "sink/filter.hpp"

namespace portlid::sink {

namespace {

std::string endpoint(const Json& native, const char* side) {
    const auto& ip = at(native, std::string(side) + ".ip");
    if (!ip.is_string()) return {};
    const auto& port = at(native, std::string(side) + ".port");
    return ip.get<std::string>() + (port.is_number() ? " port " + port.dump() : "");
}

std::string plain(const Json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string traffic_message(const Json& native) {
    auto text = text_at(native, "verdict") + " (" + text_at(native, "reason") + ")";
    const auto from = endpoint(native, "src");
    if (!from.empty()) text += " from " + from;
    const auto to = endpoint(native, "dst");
    if (!to.empty()) text += " to " + to;
    const auto& count = at(native, "count");
    if (count.is_number() && count != 1) text += ", " + count.dump() + " packets";
    return text;
}

// Where an event says what it is about, in the order of how telling that is.
std::string subject(const Json& native) {
    for (const auto* path : {"why", "what", "ban.source", "gap.cause", "net.interface", "policy"})
        if (at(native, path).is_primitive() && !at(native, path).is_null())
            return plain(at(native, path));
    const auto& socket = at(native, "socket");
    const auto& here = socket.is_object() ? socket : native;
    if (!at(here, "port").is_number()) return {};
    const auto address = text_at(here, "address");
    return address + (address.empty() ? "port " : " port ") + at(here, "port").dump() + "/" +
           text_at(here, "transport");
}

std::string native_text(std::string_view line, std::uint64_t sink_seq) {
    std::string text(line);
    if (sink_seq == 0) return text;
    text.pop_back();  // the closing brace
    return text + ",\"sink_seq\":" + std::to_string(sink_seq) + "}";
}

}  // namespace

std::string message_of(const Json& native) {
    const auto kind = text_at(native, "kind");
    const auto what = family_of_kind(native) == "net" ? traffic_message(native) : subject(native);
    return what.empty() ? kind : kind + ": " + what;
}

std::string json_text(const Json& document) {
    return event::escape_invisible(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<std::string> encode(Format format, std::string_view native_line,
                                  std::uint64_t sink_seq,
                                  const std::vector<std::string>& redacted) {
    if (format == Format::Native && redacted.empty() && native_line.size() > 2 &&
        native_line.back() == '}')
        return native_text(native_line, sink_seq);
    auto native = Json::parse(native_line, nullptr, false);
    if (!native.is_object()) return std::nullopt;
    redact(native, redacted);
    if (sink_seq != 0) native["sink_seq"] = sink_seq;
    switch (format) {
        case Format::Native:
            return json_text(native);
        case Format::Ecs:
            return json_text(ecs_document(native));
        case Format::Ocsf:
            return json_text(ocsf_document(native));
        case Format::Cef:
            return cef_line(native);
    }
    return std::nullopt;
}

}  // namespace portlid::sink
