// SPDX-License-Identifier: Apache-2.0
// Elements that matter (nmap.dtd): scaninfo, host, status, address, extraports, extrareasons, port,
// state. Everything else is passed over.
#include "verify/nmap.hpp"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "verify/matrix.hpp"

namespace portlid::verify {

namespace {

constexpr unsigned kMaxDepth = 32;
constexpr std::size_t kPortCount = 65536;
constexpr const char* kHint = "give it the file that `nmap -oX FILE` wrote";

using Attributes = std::map<std::string_view, std::string_view>;

constexpr std::array<std::pair<std::string_view, ScanState>, 6> kStates{{
    {"open", ScanState::Open},
    {"closed", ScanState::Closed},
    {"filtered", ScanState::Filtered},
    {"unfiltered", ScanState::Unfiltered},
    {"open|filtered", ScanState::OpenOrFiltered},
    {"closed|filtered", ScanState::ClosedOrFiltered},
}};

std::string_view value(const Attributes& attributes, std::string_view name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::string_view() : found->second;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
    std::uint16_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || stop != text.data() + text.size() || text.empty())
        return std::nullopt;
    return number;
}

// "1,3-4,6"; nothing when any part is wrong.
std::optional<std::vector<Ports>> port_list(std::string_view text) {
    std::vector<Ports> out;
    for (const auto part : split(text, ',')) {
        const auto dash = part.find('-');
        const auto first = port_number(part.substr(0, dash));
        const auto last =
            dash == std::string_view::npos ? first : port_number(part.substr(dash + 1));
        if (!first || !last || *last < *first) return std::nullopt;
        out.push_back({*first, *last});
    }
    return out;
}

std::optional<std::size_t> protocol_index(std::string_view word) {
    if (word == "tcp") return 0;
    if (word == "udp") return 1;
    return std::nullopt;  // sctp and ip scans are not about our ports
}

// Collects the elements of one file. Every handler may set `refusal`, which ends the parse.
class Reader {
public:
    explicit Reader(XML_Parser parser) : parser_(parser) {}

    void begin(std::string_view name, const Attributes& attributes) {
        if (++depth_ > kMaxDepth) return refuse("it is nested too deeply");
        if (depth_ == 1 && name != "nmaprun") return refuse("it is no nmap output");
        if (name == "scaninfo") return scan_info(attributes);
        if (name == "host") return begin_host();
        if (!in_host_) return;
        if (name == "status") up_ = value(attributes, "state") != "down";
        if (name == "address") address(attributes);
        if (name == "extraports") begin_extra(attributes);
        if (name == "extrareasons") extra_reasons(attributes);
        if (name == "port") begin_port(attributes);
        if (name == "state" && port_) set(*port_protocol_, {*port_, *port_}, word(attributes));
    }

    void end(std::string_view name) {
        --depth_;
        if (name == "port") port_.reset();
        if (name == "extraports" && extra_ != ScanState::NotScanned && !extra_placed_)
            unplaced_.push_back(extra_);
        if (name == "host" && in_host_) end_host();
    }

    void refuse(const std::string& why) {
        if (refusal_.empty()) refusal_ = why;
        XML_StopParser(parser_, XML_FALSE);
    }

    [[nodiscard]] const std::string& refusal() const { return refusal_; }
    [[nodiscard]] std::vector<ScannedHost> take() { return std::move(hosts_); }

private:
    void scan_info(const Attributes& attributes) {
        const auto protocol = protocol_index(value(attributes, "protocol"));
        if (!protocol) return;
        const auto ports = port_list(value(attributes, "services"));
        if (!ports) return refuse("its list of scanned ports cannot be read");
        auto& all = scanned_[*protocol];
        all.insert(all.end(), ports->begin(), ports->end());
    }

    void begin_host() {
        if (hosts_.size() >= kMaxScannedHosts)
            return refuse(fmt::format("it has more than {} hosts", kMaxScannedHosts));
        in_host_ = up_ = true;
        host_ = {};
        unplaced_.clear();
    }

    void address(const Attributes& attributes) {
        if (value(attributes, "addrtype") == "mac") return;
        const auto parsed = IpAddress::parse(value(attributes, "addr"));
        if (!parsed) return refuse("a host's address cannot be read");
        host_.addresses.push_back(*parsed);
    }

    ScanState word(const Attributes& attributes) {
        const auto wanted = value(attributes, "state");
        for (const auto& [text, state] : kStates)
            if (text == wanted) return state;
        refuse("it has a port in the unknown state '" + printable(wanted, 32) + "'");
        return ScanState::NotScanned;
    }

    void begin_extra(const Attributes& attributes) {
        extra_ = word(attributes);
        extra_placed_ = false;
    }

    // Since nmap 7.91 the ports stand here; before, only their number.
    void extra_reasons(const Attributes& attributes) {
        const auto protocol = protocol_index(value(attributes, "proto"));
        const auto text = value(attributes, "ports");
        if (!protocol || text.empty()) return;
        const auto ports = port_list(text);
        if (!ports) return refuse("a list of ports cannot be read");
        for (const auto& range : *ports) set(*protocol, range, extra_);
        extra_placed_ = true;
    }

    void begin_port(const Attributes& attributes) {
        port_.reset();  // of a port around this one, which no scanner writes
        port_protocol_ = protocol_index(value(attributes, "protocol"));
        const auto number = port_number(value(attributes, "portid"));
        if (!number) return refuse("a port's number cannot be read");
        if (port_protocol_) port_ = number;
    }

    std::vector<ScanState>& table(std::size_t protocol) {
        auto& ports = host_.ports[protocol];
        if (ports.empty()) ports.assign(kPortCount, ScanState::NotScanned);
        return ports;
    }

    void set(std::size_t protocol, Ports range, ScanState state) {
        auto& ports = table(protocol);
        std::fill(ports.begin() + range.first_host, ports.begin() + range.last_host + 1, state);
    }

    // One state without ports is that of all scanned ports that were not named; of two, nobody
    // can say which is whose.
    void end_host() {
        in_host_ = false;
        if (!up_) return;
        if (unplaced_.size() == 1)
            for (std::size_t protocol = 0; protocol < 2; ++protocol)
                for (const auto& range : scanned_[protocol])
                    fill_rest(protocol, range, unplaced_.front());
        hosts_.push_back(std::move(host_));
    }

    void fill_rest(std::size_t protocol, Ports range, ScanState state) {
        auto& ports = table(protocol);
        std::replace(ports.begin() + range.first_host, ports.begin() + range.last_host + 1,
                     ScanState::NotScanned, state);
    }

    XML_Parser parser_;
    unsigned depth_ = 0;
    std::string refusal_;
    std::array<std::vector<Ports>, 2> scanned_;
    bool in_host_ = false;
    bool up_ = true;
    ScannedHost host_;
    ScanState extra_ = ScanState::NotScanned;
    bool extra_placed_ = false;
    std::vector<ScanState> unplaced_;
    std::optional<std::size_t> port_protocol_;
    std::optional<std::uint16_t> port_;
    std::vector<ScannedHost> hosts_;
};

Reader& reader(void* self) {
    return *static_cast<Reader*>(self);
}

void XMLCALL on_begin(void* self, const XML_Char* name, const XML_Char** pairs) {
    Attributes attributes;
    for (; *pairs != nullptr; pairs += 2) attributes[pairs[0]] = pairs[1];
    reader(self).begin(name, attributes);
}

void XMLCALL on_end(void* self, const XML_Char* name) {
    reader(self).end(name);
}

void XMLCALL on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*,
                        int has_internal_subset) {
    if (has_internal_subset != 0) reader(self).refuse("it brings a document type of its own");
}

void XMLCALL on_entity(void* self, const XML_Char*, int, const XML_Char*, int, const XML_Char*,
                       const XML_Char*, const XML_Char*, const XML_Char*) {
    reader(self).refuse("it declares entities");
}

struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};

}  // namespace

const char* to_string(ScanState state) {
    for (const auto& [text, known] : kStates)
        if (known == state) return text.data();
    return "not scanned";
}

Result<std::vector<ScannedHost>> read_nmap(std::string_view xml) {
    if (xml.size() > kMaxScanBytes) return fail("the scan is larger than 64 MiB", kHint);
    const std::unique_ptr<XML_ParserStruct, FreeParser> parser(XML_ParserCreate("UTF-8"));
    if (!parser) return fail("cannot start the XML parser");
    Reader collected(parser.get());
    XML_SetUserData(parser.get(), &collected);
    XML_SetElementHandler(parser.get(), on_begin, on_end);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
    XML_SetEntityDeclHandler(parser.get(), on_entity);
    XML_SetParamEntityParsing(parser.get(), XML_PARAM_ENTITY_PARSING_NEVER);
    const auto status = XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE);
    if (status == XML_STATUS_OK && collected.refusal().empty()) return collected.take();
    const std::string why = collected.refusal().empty()
                                ? XML_ErrorString(XML_GetErrorCode(parser.get()))
                                : collected.refusal();
    return fail(fmt::format("the scan cannot be read (line {}): {}",
                            XML_GetCurrentLineNumber(parser.get()), why),
                kHint);
}

}  // namespace portlid::verify
