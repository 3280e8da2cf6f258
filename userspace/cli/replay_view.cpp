// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_view.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/table.hpp"
#include "event/decode.hpp"
#include "learn/learn.hpp"

namespace portlid::cli {

namespace {

constexpr std::size_t kMostLines = 200;

std::string holder(const history::Target& target) {
    if (!target.container.empty()) return printable(target.container);
    if (!target.container_id.empty()) return printable(target.container_id.substr(0, 12));
    return target.exe.empty() ? "-" : printable(target.exe);
}

Cell verdict(const learn::Changed& one) {
    const std::string words = std::string(event::verdict_name(one.before.verdict)) + " -> " +
                              event::verdict_name(one.after.verdict);
    if (one.cut()) return {words, one.use ? Color::Red : Color::Yellow};
    return {words, one.let_in() ? Color::Green : Color::None};
}

}  // namespace

std::string replay_text(const learn::Replayed& replayed, const std::string& length, bool color,
                        std::size_t width) {
    auto out = fmt::format(
        "\nreplay of {}: {} flows, {} judged differently; {} cut, {} of them in use; {} let in\n",
        length, replayed.flows, replayed.changed.size(), replayed.cut(), replayed.cut_uses(),
        replayed.let_in());
    Table table({{"SOURCE"},
                 {"ZONE"},
                 {"PORT"},
                 {"HOLDER", false, true},
                 {"PACKETS", true},
                 {"USE"},
                 {"VERDICT"},
                 {"RULE", false, true}});
    std::size_t lines = 0;
    for (const auto& one : replayed.changed) {
        if (++lines > kMostLines) break;
        const auto& flow = one.flow;
        table.add(
            {learn::source_prefix(flow.source).to_string(), printable(flow.zone),
             fmt::format("{}/{}", flow.port.value, event::protocol_name(flow.protocol)),
             holder(*flow.target), std::to_string(flow.packets), one.use ? "yes" : "no",
             verdict(one),
             fmt::format("{} ({})", printable(one.after.rule), event::reason_word(one.after.why))});
    }
    if (!table.empty()) out += table.aligned(color, width);
    if (replayed.changed.size() > kMostLines)
        out +=
            fmt::format("... and {} more: -o json has all\n", replayed.changed.size() - kMostLines);
    return out;
}

}  // namespace portlid::cli
