// SPDX-License-Identifier: Apache-2.0
#include "cli/verify_view.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>

namespace portlid::cli {

namespace {

std::string ports_text(const Json& ranges) {
    std::string out;
    for (const auto& range : list(ranges)) out += (out.empty() ? "" : ", ") + text(range);
    if (out == "0-65535") return "all";
    return out.empty() ? "-" : out;
}

std::string destination_text(const Json& row) {
    return flag(at(row, "named")) ? text(at(row, "to")) : "own addresses";
}

std::string count_of(std::uint64_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string answer_text(const Json& answer) {
    return text(at(answer, "verdict")) + " (" + text(at(answer, "reason")) + ")";
}

bool same_code(const Json& document) {
    for (const auto& check : list(at(document, "code")))
        if (!flag(at(check, "same"))) return false;
    return true;
}

}  // namespace

Table matrix_table(const Json& document) {
    using Key =
        std::tuple<std::string, std::string, std::string, std::string, std::string, std::string>;
    std::vector<std::pair<Key, std::string>> lines;
    std::map<Key, std::size_t> known;
    for (const auto& row : list(at(document, "matrix"))) {
        Key key{text(at(row, "zone")),        text(at(row, "source")),
                destination_text(row),        text(at(row, "protocol")),
                ports_text(at(row, "allow")), ports_text(at(row, "would_drop"))};
        const auto family = text(at(row, "family"));
        const auto [place, fresh] = known.emplace(key, lines.size());
        if (fresh)
            lines.emplace_back(std::move(key), family);
        else if (lines[place->second].second.find(family) == std::string::npos)
            lines[place->second].second += "," + family;
    }
    Table table({{"ZONE"},
                 {"SOURCE"},
                 {"TO"},
                 {"PROTO"},
                 {"FAMILY"},
                 {"LET IN", false, true},
                 {"ONLY WATCHED", false, true}});
    for (const auto& [key, family] : lines) {
        const auto& [zone, source, to, protocol, allow, watched] = key;
        table.add({zone,
                   source,
                   to,
                   protocol,
                   family,
                   allow,
                   {watched, watched == "-" ? Color::None : Color::Yellow}});
    }
    return table;
}

Table differences_table(const Json& document) {
    Table table({{"PORTS"},
                 {"PROTO"},
                 {"ZONE"},
                 {"SOURCE"},
                 {"FROM"},
                 {"TO"},
                 {"KERNEL SAYS"},
                 {"POLICY SAYS"}});
    for (const auto& found : list(at(document, "differences")))
        table.add({{text(at(found, "ports")), Color::Red},
                   text(at(found, "protocol")),
                   text(at(found, "zone")),
                   text(at(found, "source")),
                   text(at(found, "from")),
                   text(at(found, "to")),
                   {answer_text(at(found, "kernel")), Color::Red},
                   answer_text(at(found, "policy"))});
    return table;
}

Table scan_table(const Json& scan) {
    Table table({{"PORTS"}, {"PROTO"}, {"SCAN SAYS"}, {"HERE"}, {"MEANS"}});
    for (const auto& found : list(at(scan, "findings"))) {
        const auto kind = text(at(found, "misfit"));
        const bool bad = kind == "leak" || kind == "exposed";
        table.add({{text(at(found, "ports")), bad ? Color::Red : Color::None},
                   text(at(found, "protocol")),
                   text(at(found, "scan")),
                   text(at(found, "verdict")),
                   {kind + ": " + text(at(found, "why")), bad ? Color::Red : Color::None}});
    }
    return table;
}

std::string verify_summary(const Json& document) {
    const auto differing = number(at(document, "differing_ports"));
    auto out = fmt::format("{} in {:.1f} s: ", count_of(number(at(document, "asked")), "question"),
                           static_cast<double>(number(at(document, "took_ms"))) / 1000);
    out += differing == 0 ? "kernel and policy agree on every port"
                          : "kernel and policy differ on " + count_of(differing, "port");
    out += same_code(document) ? "; asked of the code that is attached\n"
                               : "; what is attached is NOT the code that was asked\n";
    for (const auto& left_out : list(at(document, "not_asked")))
        out += "not asked: " + text(left_out) + "\n";
    return out;
}

std::string verify_progress(const Json& document) {
    const auto of = number(at(document, "of"));
    if (of == 0) return "loading the twin";
    return fmt::format("verifying {:3}%", number(at(document, "asked")) * 100 / of);
}

}  // namespace portlid::cli
