// SPDX-License-Identifier: Apache-2.0
// ArcSight Common Event Format, version 0: seven fields between pipes, then key=value pairs. Every
// value is escaped by what the place where it stands gives a meaning to. The table is in
// ../README.md.
#include "base/address.hpp"
#include "base/text.hpp"
#include "sink/encode/fields.hpp"

namespace portlid::sink {

namespace {

// printable() leaves no control character; what it writes as \u00XX has a backslash of its own.
std::string escaped(const std::string& text, std::string_view special) {
    std::string out;
    for (const char c : printable(text, 1023)) {
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string header(const std::string& text) {
    return escaped(text, "\\|");
}

class Extension {
public:
    void add(const char* key, const std::string& value) {
        if (value.empty()) return;
        if (!text_.empty()) text_ += ' ';
        text_ += std::string(key) + "=" + escaped(value, "\\=");
    }
    void add(const char* key, const Json& value) {
        if (value.is_string())
            add(key, value.get<std::string>());
        else if (value.is_number() || value.is_boolean())
            add(key, value.dump());
    }
    // "cs1=… cs1Label=…"
    void custom(const std::string& slot, const char* label, const Json& value) {
        const auto before = text_.size();
        add(slot.c_str(), value);
        if (text_.size() != before) add((slot + "Label").c_str(), std::string(label));
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

std::string action(const Json& native) {
    const auto verdict = text_at(native, "verdict");
    return verdict == "would_drop" ? "would-drop" : verdict;
}

// CEF's `src` and `dst` are IPv4; IPv6 has custom slots with labels. A network is no address.
void add_address(Extension& out, const char* key, const char* slot, const char* label,
                 const Json& value) {
    const auto ip = value.is_string() ? IpAddress::parse(value.get<std::string>()) : std::nullopt;
    if (!ip) return;
    if (ip->family() == Family::IPv6)
        out.custom(slot, label, Json(ip->to_string()));
    else
        out.add(key, ip->to_string());
}

// The first of the two that is there.
const Json& either(const Json& one, const Json& other) {
    return one.is_null() ? other : one;
}

void add_traffic(Extension& out, const Json& native) {
    // A packet's destination, what a socket is bound to, what is exposed.
    const auto& here = at(native, "socket").is_object() ? at(native, "socket") : native;
    add_address(out, "src", "c6a2", "Source IPv6 Address",
                either(at(native, "src.ip"), at(native, "ban.source")));
    out.add("spt", at(native, "src.port"));
    add_address(out, "dst", "c6a3", "Destination IPv6 Address",
                either(at(native, "dst.ip"), at(here, "address")));
    out.add("dpt", either(at(native, "dst.port"), at(here, "port")));
    out.add("proto", either(at(native, "net.transport"), at(here, "transport")));
    out.add("deviceInboundInterface", at(native, "net.interface"));
    if (at(native, "src").is_object()) out.add("deviceDirection", std::string("0"));
    out.add("in", at(native, "net.bytes"));
}

void add_custom(Extension& out, const Json& native) {
    const auto& container = container_of(native);
    out.custom("cs1", "rule", at(native, "rule.name"));
    out.custom("cs2", "zone", at(native, "net.zone"));
    out.custom("cs3", "container", at(container, "name"));
    out.custom("cs4", "image", at(container, "image"));
    out.custom("cs5", "ufw", at(native, "ufw"));
    out.custom("cs6", "mode",
               at(native, "mode").is_object() ? at(native, "mode.to") : at(native, "mode"));
    out.custom("cn1", "seq", at(native, "seq"));
    out.custom("cn2", "rev", at(native, "rev"));
    out.custom("flexNumber1", "sinkSeq", at(native, "sink_seq"));
}

void add_gap(Extension& out, const Json& gap) {
    out.custom("cn3", "lost", at(gap, "count"));
    out.custom("flexNumber2", "lostEver", at(gap, "total"));
    out.custom("flexString1", "gapCause", at(gap, "cause"));
    out.custom("flexString2", "gapSink", at(gap, "sink"));
    out.custom("deviceCustomDate1", "since", milliseconds(at(gap, "since")));
}

// The slots of rule, zone and container are free here.
void add_beat(Extension& out, const Json& events) {
    out.custom("flexNumber2", "emitted", at(events, "emitted"));
    out.custom("cs1", "lostRing", at(events, "lost.ring"));
    out.custom("cs2", "lostQueue", at(events, "lost.queue"));
    out.custom("cs3", "lostSpool", at(events, "lost.spool"));
}

void add_ban(Extension& out, const Json& ban) {
    out.custom("cn3", "hits", at(ban, "hits"));
    out.custom("flexString1", "banSource", at(ban, "source"));
    out.custom("flexString2", "banReason", at(ban, "reason"));
    out.custom("deviceCustomDate1", "until", milliseconds(at(ban, "until")));
}

void add_exposure(Extension& out, const Json& native) {
    out.custom("cn3", "lastPort", at(native, "ports.last"));
    out.custom("flexString1", "service", at(native, "service"));
    out.custom("flexString2", "previousVerdict", at(native, "previous.verdict"));
    out.add("destinationTranslatedPort", at(native, "published.container_port"));
}

// What only some kinds have; the labels say what a slot holds.
void add_of_kind(Extension& out, const Json& native) {
    if (at(native, "gap").is_object()) add_gap(out, at(native, "gap"));
    if (at(native, "events").is_object()) add_beat(out, at(native, "events"));
    if (at(native, "ban").is_object()) add_ban(out, at(native, "ban"));
    if (family_of_kind(native) == "exposure") add_exposure(out, native);
}

}  // namespace

std::string cef_line(const Json& native) {
    Extension out;
    out.add("externalId", at(native, "id"));
    out.add("rt", milliseconds(at(native, "time")));
    out.add("start", milliseconds(at(native, "first")));
    out.add("end", milliseconds(at(native, "last")));
    out.add("cnt", at(native, "count"));
    out.add("cat", family_of_kind(native));
    out.add("act", action(native));
    out.add("reason", at(native, "reason"));
    out.add("dvchost", at(native, "host.name"));
    add_traffic(out, native);
    const char* process = at(native, "process").is_object() ? "process" : "holder";
    out.add("dpid", at(at(native, process), "pid"));
    out.add("dproc", at(at(native, process), "exe"));
    out.add("duser", at(at(native, process), "user"));
    add_custom(out, native);
    add_of_kind(out, native);
    const auto message = message_of(native);
    out.add("msg", message);
    return "CEF:0|Portlid|portlid|" + header(text_at(native, "sensor.version")) + "|" +
           header(text_at(native, "kind")) + "|" + header(message) + "|" +
           std::to_string(severity_number(native) * 2) + "|" + out.text();
}

}  // namespace portlid::sink
