// SPDX-License-Identifier: Apache-2.0
#include "inventory/ports_table.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"
#include "inventory/ports_words.hpp"

namespace portlid::inventory {

namespace {

using policy::Reach;
using Row = std::vector<std::string>;

constexpr std::size_t kCellBytes = 200;
constexpr std::size_t kShortId = 12;

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : printable(text, kCellBytes);
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string bind_cell(const Exposure& item) {
    if (!item.address) return "*:" + std::to_string(item.port.value);
    return endpoint(*item.address, item.port);
}

bool out_of_reach(const Exposure& item) {
    return std::all_of(item.reach.begin(), item.reach.end(),
                       [](const ZoneReach& zone) { return zone.now == Reach::Closed; });
}

// UFW has no part in loopback traffic and in other namespaces.
std::string ufw_cell(const Exposure& item) {
    const bool local = item.address && item.address->is_loopback();
    if (local || !item.host_netns) return "-";
    auto word = upper(to_string(item.ufw));
    const bool dnat = item.published && item.published->dnat;
    const bool refused = item.ufw == UfwAnswer::Deny || item.ufw == UfwAnswer::Reject;
    return dnat && refused && !out_of_reach(item) ? word + " (bypassed)" : word;
}

std::string zones_with(const Exposure& item, Reach ZoneReach::*which) {
    std::string text;
    for (const auto& zone : item.reach) {
        if (zone.*which == Reach::Closed) continue;
        text += (text.empty() ? "" : ", ") + printable(zone.zone, kCellBytes);
        if (zone.*which == Reach::Restricted) text += " (some)";
    }
    return text;
}

std::string reachable_cell(const Exposure& item) {
    if (item.verdict == ExposureVerdict::Unused) return "nobody listens";
    const auto zones = zones_with(item, &ZoneReach::now);
    if (!zones.empty()) return zones;
    if (item.verdict == ExposureVerdict::Closed) return "nowhere (dropped)";
    return item.host_netns ? "this host" : "its container";
}

std::string policy_cell(const Exposure& item) {
    if (!item.service.empty()) return printable(item.service, kCellBytes);
    const auto zones = zones_with(item, &ZoneReach::enforced);
    return zones.empty() ? "-" : "zone default";
}

std::string verdict_cell(const Exposure& item) {
    const std::string word = to_string(item.verdict);
    return item.verdict == ExposureVerdict::Exposed ? upper(word) : word;
}

Row header(bool wide) {
    Row row{"HOST BIND", "PROTO", "HOLDER", "UFW SAYS", "REACHABLE FROM", "POLICY"};
    if (wide) row.insert(row.end(), {"PID", "USER", "UNIT", "CONTAINER", "IMAGE", "NETNS"});
    row.emplace_back("VERDICT");
    return row;
}

Row row_of(const Exposure& item, bool wide) {
    Row row{bind_cell(item), protocol_word(item),  or_dash(holder_word(item)),
            ufw_cell(item),  reachable_cell(item), policy_cell(item)};
    if (wide) {
        const auto holder = item.holder.value_or(HolderView());
        const auto container = holder.container.value_or(ContainerName());
        row.push_back(holder.pid == 0 ? "-" : std::to_string(holder.pid));
        row.push_back(or_dash(holder.user));
        row.push_back(or_dash(holder.unit));
        row.push_back(or_dash(container.id.substr(0, kShortId)));
        row.push_back(or_dash(container.image));
        row.push_back(item.host_netns ? "host" : std::to_string(item.netns));
    }
    row.push_back(verdict_cell(item));
    return row;
}

// Columns on a terminal, near enough: one per character.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
    }));
}

std::string cut(std::string_view text, std::size_t width) {
    std::size_t end = 0;
    for (std::size_t shown = 0; end < text.size(); ++end) {
        const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80;
        if (begins && shown++ == width) break;
    }
    return std::string(text.substr(0, end));
}

const char* color_of(ExposureVerdict verdict) {
    switch (verdict) {
        case ExposureVerdict::Exposed:
            return "\x1b[1;31m";
        case ExposureVerdict::Closed:
            return "\x1b[33m";
        case ExposureVerdict::Unused:
            return "\x1b[2m";
        default:
            return "\x1b[32m";
    }
}

std::string line_of(const Row& row, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
        line += row[i] + std::string(widths[i] - columns(row[i]) + 2, ' ');
    return line + row.back();
}

std::string coloured(std::string line, const Exposure& item) {
    const auto word = verdict_cell(item);
    if (!line.ends_with(word)) return line;  // cut away
    line.erase(line.size() - word.size());
    return line + color_of(item.verdict) + word + "\x1b[0m";
}

std::string summary(const std::vector<Exposure>& exposures) {
    std::array<std::size_t, 4> counts{};
    const Exposure* worst = nullptr;
    for (const auto& item : exposures) {
        ++counts[static_cast<std::size_t>(item.verdict)];
        if (worst == nullptr && item.verdict == ExposureVerdict::Exposed) worst = &item;
    }
    const auto count = [&](ExposureVerdict verdict) {
        return std::to_string(counts[static_cast<std::size_t>(verdict)]);
    };
    std::string text = count(ExposureVerdict::Exposed) + " exposed, " +
                       count(ExposureVerdict::Closed) + " closed by Portlid, " +
                       count(ExposureVerdict::Ok) + " ok, " + count(ExposureVerdict::Unused) +
                       " unused.";
    if (worst != nullptr)
        text += "  Why:  portlid explain any to :" + std::to_string(worst->port.value) + "/" +
                protocol_word(*worst);
    return text;
}

}  // namespace

std::string ports_table(const std::vector<Exposure>& exposures, const TableStyle& style) {
    std::vector<Row> rows{header(style.wide)};
    for (const auto& item : exposures) rows.push_back(row_of(item, style.wide));
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], columns(row[i]));
    }
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto line = line_of(rows[i], widths);
        if (style.width != 0) line = cut(line, style.width);
        if (style.color && i > 0) line = coloured(std::move(line), exposures[i - 1]);
        text += line + "\n";
    }
    return text + summary(exposures) + "\n";
}

}  // namespace portlid::inventory
