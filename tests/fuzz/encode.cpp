// SPDX-License-Identifier: Apache-2.0
// Any text as the names in an event, through every encoder: one event is one record. And any bytes
// as a spooled record: refused or read, never more.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "event/event.hpp"
#include "sink/encode/encoder.hpp"
#include "sink/spool_format.hpp"

using namespace portlid;
using sink::Format;
using sink::Json;

static void check(bool promise) {
    if (!promise) std::abort();
}

static void one_record(const std::string& text, bool json) {
    for (const unsigned char c : text) check(c >= 0x20 && c != 0x7f);
    if (json) check(Json::parse(text, nullptr, false).is_object());
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string name(reinterpret_cast<const char*>(data), size);
    event::Event event;
    event.id = "0192f0c4-0000-7000-8000-000000000000";
    event.kind = static_cast<event::Kind>(size % 24);
    event.body = {{"verdict", name},
                  {"reason", name},
                  {"rule", {{"name", name}, {"source", name}}},
                  {"host", {{"name", name}, {"boot_id", name}}},
                  {"sensor", {{"version", name}}},
                  {"net", {{"family", name}, {"transport", name}, {"interface", name}}},
                  {"src", {{"ip", name}, {"port", 1}}},
                  {"first", name},
                  {"process", {{"pid", 1}, {"exe", name}, {"comm", name}, {"user", name}}},
                  {"target", {{"inner", name}, {"container", {{"id", name}, {"image", name}}}}},
                  {name, name}};
    const auto line = event::to_json_line(event);
    for (const auto format : {Format::Native, Format::Ecs, Format::Ocsf, Format::Cef}) {
        const auto text = sink::encode(format, line, 1, {"process.*"});
        check(text.has_value());
        one_record(*text, format != Format::Cef);
    }
    sink::SpooledRecord record;
    if (sink::record_length(name)) static_cast<void>(sink::read_record(name, record, true));
    return 0;
}
