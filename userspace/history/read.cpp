// SPDX-License-Identifier: Apache-2.0
#include "history/read.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "history/database.hpp"
#include "history/flow.hpp"

namespace portlid::history {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kAnswerBytes = 1U << 20U;
constexpr std::size_t kPageFlows = 4096;

Result<Database> open(const std::filesystem::path& file) {
    auto database = Database::open(file, true);
    if (!database)
        return pass_on(Error{database.error().message, "portlid status", ExitCode::Failed, 0});
    return database;
}

tl::unexpected<Error> unreadable(const std::filesystem::path& file, const Database& database) {
    return fail("cannot read " + file.string() + ": " + database.problem(), "portlid status");
}

tl::unexpected<Error> bad_cursor() {
    return fail("`after` is not the `next` of a page", "begin without it", ExitCode::Usage);
}

std::optional<std::int64_t> number_in(const std::string& text) {
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string any_of(const char* column, const char* compare, std::size_t count) {
    if (count == 0) return {};
    std::string sql = " AND (";
    for (std::size_t i = 0; i < count; ++i)
        sql += std::string(i == 0 ? "" : " OR ") + column + compare;
    return sql + ")";
}

// The key of the flow after which a page begins, as one JSON array.
struct Cursor {
    IpAddress source;
    std::string zone, rule, interface_name;
    std::int64_t protocol = -1, port = -1, verdict = -1, reason = -1, hour = -1;

    [[nodiscard]] std::string text() const {
        return Json{source.to_string(), zone, protocol, port, verdict, reason, rule,
                    interface_name,     hour}
            .dump(-1, ' ', true, Json::error_handler_t::replace);
    }
    [[nodiscard]] static std::optional<Cursor> parse(const std::string& text) {
        if (text.empty()) return Cursor{};
        try {
            const auto json = Json::parse(text);
            const auto source = IpAddress::parse(json.at(0).get<std::string>());
            if (!source) return std::nullopt;
            return Cursor{*source,    json.at(1), json.at(6), json.at(7), json.at(2),
                          json.at(3), json.at(4), json.at(5), json.at(8)};
        } catch (const Json::exception&) {
            return std::nullopt;
        }
    }
};

Flow flow_in(const Statement& row) {
    auto target = std::make_shared<Target>();
    *target = {row.text(14), row.text(15), row.text(16), row.text(17), row.text(18), row.text(19)};
    Flow flow;
    flow.source = row.address(0);
    flow.zone = row.text(1);
    flow.protocol = static_cast<std::uint8_t>(row.number(2));
    flow.port = {static_cast<std::uint16_t>(row.number(3))};
    flow.verdict = static_cast<verdict_word>(row.number(4));
    flow.why = static_cast<reason>(row.number(5));
    flow.rule = row.text(6);
    flow.interface_name = row.text(7);
    flow.destination = row.address(9);
    flow.destination_kind = row.text(10);
    flow.rule_source = row.text(11);
    flow.generation = static_cast<std::uint64_t>(row.number(12));
    flow.listener = row.number(13) != 0;
    flow.target = std::move(target);
    flow.first = WallTime(std::chrono::nanoseconds(row.number(20)));
    flow.last = WallTime(std::chrono::nanoseconds(row.number(21)));
    flow.packets = static_cast<std::uint64_t>(row.number(22));
    flow.syns = static_cast<std::uint64_t>(row.number(23));
    flow.acks = static_cast<std::uint64_t>(row.number(24));
    return flow;
}

}  // namespace

Result<Page> read_events(const std::filesystem::path& file, const EventQuery& query) {
    const auto begin = query.after.empty() ? std::int64_t{0} : number_in(query.after);
    if (!begin) return bad_cursor();
    auto database = open(file);
    if (!database) return pass_on(database.error());
    const auto since = query.since.time_since_epoch().count();
    const auto sql =
        "SELECT n, line FROM event WHERE n > max(?, (SELECT coalesce(min(n), 0) - 1 FROM event"
        " WHERE time >= ?)) AND time >= ? AND severity >= ?" +
        any_of("kind", " GLOB ?", query.kinds.size()) +
        any_of("verdict", " = ?", query.verdicts.size()) + " ORDER BY n";
    auto rows = database->prepare(sql.c_str());
    rows.bind(*begin).bind(since).bind(since).bind(std::int64_t{query.least_severity});
    for (const auto& kind : query.kinds) rows.bind(std::string_view(kind));
    for (const auto& verdict : query.verdicts) rows.bind(std::string_view(verdict));
    Page page;
    std::size_t bytes = 0;
    int code = SQLITE_ROW;
    while (bytes < kAnswerBytes && (code = rows.step()) == SQLITE_ROW) {
        page.lines.push_back(rows.text(1));
        bytes += page.lines.back().size() + 1;
        page.next = std::to_string(rows.number(0));
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) return unreadable(file, *database);
    if (code == SQLITE_DONE) page.next.clear();
    return page;
}

Result<Page> read_flows(const std::filesystem::path& file, WallTime since,
                        const std::string& after) {
    const auto cursor = Cursor::parse(after);
    if (!cursor) return bad_cursor();
    auto database = open(file);
    if (!database) return pass_on(database.error());
    auto rows = database->prepare(
        "SELECT * FROM flow WHERE (source, zone, protocol, port, verdict, reason, rule, interface,"
        " hour) > (?,?,?,?,?,?,?,?,?) AND hour >= ? AND last >= ? ORDER BY source, zone, protocol,"
        " port, verdict, reason, rule, interface, hour LIMIT ?");
    rows.bind(cursor->source).bind(cursor->zone).bind(cursor->protocol).bind(cursor->port);
    rows.bind(cursor->verdict).bind(cursor->reason).bind(cursor->rule);
    rows.bind(cursor->interface_name).bind(cursor->hour).bind(hour_of(since));
    rows.bind(since.time_since_epoch().count()).bind(static_cast<std::int64_t>(kPageFlows));
    Page page;
    int code = SQLITE_ROW;
    while ((code = rows.step()) == SQLITE_ROW) {
        const auto flow = flow_in(rows);
        page.lines.push_back(to_line(flow));
        if (page.lines.size() == kPageFlows)
            page.next =
                Cursor{flow.source,     flow.zone,    flow.rule, flow.interface_name, flow.protocol,
                       flow.port.value, flow.verdict, flow.why,  rows.number(8)}
                    .text();
    }
    if (code != SQLITE_DONE) return unreadable(file, *database);
    return page;
}

}  // namespace portlid::history
