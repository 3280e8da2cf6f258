// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/rfc3339.hpp"
#include "event/event.hpp"
#include "history/store.hpp"

namespace portlid::history {

namespace {

using Json = nlohmann::json;

std::string member(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int severity_rank(const std::string& word) {
    for (int rank = 0; rank <= static_cast<int>(event::Severity::Critical); ++rank)
        if (word == event::to_string(static_cast<event::Severity>(rank))) return rank;
    return 0;
}

std::int64_t ns_of(WallTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

int Store::write_events(const Batch& batch) {
    auto insert = database_.prepare(
        "INSERT INTO event(seq, time, kind, severity, verdict, line) VALUES(?,?,?,?,?,?)");
    for (const auto& [seq, line] : batch.events) {
        const auto json = Json::parse(line, nullptr, false);
        if (!json.is_object()) continue;
        const auto kind = member(json, "kind");
        const auto verdict = member(json, "verdict");
        const auto time = parse_rfc3339(member(json, "time")).value_or(batch.now);
        const int code =
            insert.bind(static_cast<std::int64_t>(seq))
                .bind(ns_of(time))
                .bind(kind)
                .bind(static_cast<std::int64_t>(severity_rank(member(json, "severity"))))
                .bind(verdict)
                .bind(line)
                .run();
        if (code != SQLITE_DONE) return code;
    }
    return SQLITE_DONE;
}

// What is known of the holder stays known when a later packet finds nobody.
int Store::write_flows(const Batch& batch) {
    auto insert = database_.prepare(
        "INSERT INTO flow VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET first=min(first,excluded.first), last=max(last,excluded.last),"
        " packets=packets+excluded.packets, syns=syns+excluded.syns, acks=acks+excluded.acks,"
        " generation=excluded.generation, rule_source=excluded.rule_source,"
        " listener=max(listener,excluded.listener),"
        " container_id=iif(excluded.listener,excluded.container_id,container_id),"
        " container=iif(excluded.listener,excluded.container,container),"
        " image=iif(excluded.listener,excluded.image,image),"
        " project=iif(excluded.listener,excluded.project,project),"
        " service=iif(excluded.listener,excluded.service,service),"
        " exe=iif(excluded.listener,excluded.exe,exe)");
    for (const auto& flow : batch.flows) {
        insert.bind(flow.source).bind(flow.zone).bind(std::int64_t{flow.protocol});
        insert.bind(std::int64_t{flow.port.value}).bind(std::int64_t{flow.verdict});
        insert.bind(std::int64_t{flow.why}).bind(flow.rule).bind(flow.interface_name);
        insert.bind(hour_of(flow.last)).bind(flow.destination).bind(flow.destination_kind);
        insert.bind(flow.rule_source).bind(static_cast<std::int64_t>(flow.generation));
        insert.bind(std::int64_t{flow.listener}).bind(flow.target->container_id);
        insert.bind(flow.target->container).bind(flow.target->image).bind(flow.target->project);
        insert.bind(flow.target->service).bind(flow.target->exe).bind(ns_of(flow.first));
        insert.bind(ns_of(flow.last)).bind(static_cast<std::int64_t>(flow.packets));
        insert.bind(static_cast<std::int64_t>(flow.syns));
        const int code = insert.bind(static_cast<std::int64_t>(flow.acks)).run();
        if (code != SQLITE_DONE) return code;
    }
    return SQLITE_DONE;
}

int Store::write_days(const Batch& batch) {
    auto observed = database_.prepare(
        "INSERT INTO rule_day VALUES(?,?,1,0,0,NULL,NULL) ON CONFLICT DO UPDATE SET observed=1");
    for (const auto& rule : batch.monitored)
        if (const int code = observed.bind(rule).bind(day_of(batch.now)).run(); code != SQLITE_DONE)
            return code;
    auto counted = database_.prepare(
        "INSERT INTO rule_day VALUES(?,?,0,?,?,?,?) ON CONFLICT DO UPDATE SET"
        " hits=hits+excluded.hits, would_drops=would_drops+excluded.would_drops,"
        " last_would_drop=max(coalesce(last_would_drop,excluded.last_would_drop),"
        "  coalesce(excluded.last_would_drop,last_would_drop)),"
        " last_cut=max(coalesce(last_cut,excluded.last_cut),coalesce(excluded.last_cut,last_cut))");
    for (const auto& flow : batch.flows) {
        const bool would = flow.verdict == VERDICT_would_drop;
        const bool cut = would && flow.listener && is_use(flow);
        counted.bind(flow.rule).bind(day_of(flow.last));
        counted.bind(static_cast<std::int64_t>(flow.packets));
        counted.bind(would ? static_cast<std::int64_t>(flow.packets) : std::int64_t{0});
        would ? counted.bind(ns_of(flow.last)) : counted.bind_null();
        cut ? counted.bind(ns_of(flow.last)) : counted.bind_null();
        if (const int code = counted.run(); code != SQLITE_DONE) return code;
    }
    return SQLITE_DONE;
}

Result<> Store::write(const Batch& batch) {
    damaged_ = full_ = false;
    if (auto begun = failed(database_.run("BEGIN IMMEDIATE"), "write"); !begun) return begun;
    int code = write_events(batch);
    if (code == SQLITE_DONE) code = write_flows(batch);
    if (code == SQLITE_DONE) code = write_days(batch);
    if (code == SQLITE_DONE) code = database_.run("COMMIT");
    auto done = failed(code, "write");
    if (!done) database_.run("ROLLBACK");
    return done;
}

std::vector<RuleDays> Store::rules() {
    std::vector<RuleDays> all;
    auto rows = database_.prepare(
        "SELECT rule, sum(hits), sum(would_drops), sum(observed), max(last_would_drop),"
        " max(last_cut), (SELECT count(*) FROM rule_day AS clean WHERE clean.rule=rule_day.rule"
        "  AND clean.observed=1 AND clean.day > coalesce((SELECT max(bad.day) FROM rule_day AS bad"
        "   WHERE bad.rule=rule_day.rule AND bad.last_cut IS NOT NULL), -1))"
        " FROM rule_day GROUP BY rule ORDER BY rule");
    const auto time = [&rows](int column) -> std::optional<WallTime> {
        if (rows.null(column)) return std::nullopt;
        return WallTime(std::chrono::nanoseconds(rows.number(column)));
    };
    while (rows.step() == SQLITE_ROW)
        all.push_back({rows.text(0), static_cast<std::uint64_t>(rows.number(1)),
                       static_cast<std::uint64_t>(rows.number(2)),
                       static_cast<unsigned>(rows.number(3)), static_cast<unsigned>(rows.number(6)),
                       time(4), time(5)});
    return all;
}

}  // namespace portlid::history
