// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "event/decode.hpp"
#include "inventory/ports_table.hpp"
#include "inventory/ports_words.hpp"

namespace portlid::inventory {

namespace {

constexpr std::size_t kShortId = 12;

// A name that begins like a formula would run in a spreadsheet.
std::string cell(std::string text) {
    text = printable(text);
    if (!text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos)
        text.insert(text.begin(), '\'');
    if (text.find_first_of(",\"") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string reach_text(const Exposure& item) {
    std::string text;
    for (const auto& zone : item.reach)
        text += (text.empty() ? "" : " ") + zone.zone + "=" + policy::to_string(zone.now) + "/" +
                policy::to_string(zone.enforced);
    return text;
}

}  // namespace

std::string protocol_word(const Exposure& item) {
    return event::protocol_name(item.protocol);
}

std::string holder_word(const Exposure& item) {
    if (!item.holder) return {};
    if (const auto& container = item.holder->container)
        return container->name.empty() ? container->id.substr(0, kShortId) : container->name;
    const auto program = std::string(identity::exe_name(item.holder->exe));
    return program.empty() ? item.holder->comm : program;
}

std::string ports_csv(const std::vector<Exposure>& exposures) {
    std::string text =
        "transport,family,address,port,netns,host_netns,pid,exe,user,container_id,container,image,"
        "ufw,service,reach,verdict\r\n";
    for (const auto& item : exposures) {
        const auto holder = item.holder.value_or(HolderView());
        const auto container = holder.container.value_or(ContainerName());
        const bool unused = item.verdict == ExposureVerdict::Unused;
        const std::string cells[] = {protocol_word(item),
                                     to_string(item.family),
                                     item.address ? item.address->to_string() : "",
                                     std::to_string(item.port.value),
                                     unused ? "" : std::to_string(item.netns),
                                     item.host_netns ? "true" : "false",
                                     holder.pid == 0 ? "" : std::to_string(holder.pid),
                                     holder.exe,
                                     holder.user,
                                     container.id,
                                     container.name,
                                     container.image,
                                     to_string(item.ufw),
                                     item.service,
                                     reach_text(item),
                                     to_string(item.verdict)};
        std::string line;
        for (const auto& text_of_cell : cells)
            line += (line.empty() ? "" : ",") + cell(text_of_cell);
        text += line + "\r\n";
    }
    return text;
}

}  // namespace portlid::inventory
