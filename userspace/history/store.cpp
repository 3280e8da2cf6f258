// SPDX-License-Identifier: Apache-2.0
// Opening, retention and what is asked of the whole. Rows: store_write.cpp.
#include "history/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace portlid::history {

namespace fs = std::filesystem;

namespace {

constexpr int kApplication = 0x506f7274;  // "Port"
constexpr int kVersion = 1;
constexpr std::uint64_t kPageBytes = 4096;
// How much of the time kept goes at once when the file is too big.
constexpr int kSlices = 20;

// Flows come sorted by source for whoever reads them; hours and times find what has to go.
constexpr const char* kSchema =
    "PRAGMA auto_vacuum=INCREMENTAL;"
    "PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "PRAGMA application_id=1349481076;"
    "PRAGMA user_version=1;"
    "CREATE TABLE event(n INTEGER PRIMARY KEY, seq INTEGER, time INTEGER, kind TEXT,"
    " severity INTEGER, verdict TEXT, line TEXT);"
    "CREATE INDEX event_time ON event(time);"
    "CREATE TABLE flow(source BLOB, zone TEXT, protocol INTEGER, port INTEGER, verdict INTEGER,"
    " reason INTEGER, rule TEXT, interface TEXT, hour INTEGER, destination BLOB, kind TEXT,"
    " rule_source TEXT, generation INTEGER, listener INTEGER, container_id TEXT, container TEXT,"
    " image TEXT, project TEXT, service TEXT, exe TEXT, first INTEGER, last INTEGER,"
    " packets INTEGER, syns INTEGER, acks INTEGER,"
    " PRIMARY KEY(source, zone, protocol, port, verdict, reason, rule, interface, hour))"
    " WITHOUT ROWID;"
    "CREATE INDEX flow_hour ON flow(hour);"
    "CREATE TABLE rule_day(rule TEXT, day INTEGER, observed INTEGER, hits INTEGER,"
    " would_drops INTEGER, last_would_drop INTEGER, last_cut INTEGER, PRIMARY KEY(rule, day))"
    " WITHOUT ROWID;"
    "COMMIT;";
static_assert(kApplication == 1349481076 && kVersion == 1);

bool is_damage(int code) {
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace

Result<> Store::failed(int code, const char* doing) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return {};
    damaged_ = is_damage(code);
    full_ = (code & 0xff) == SQLITE_FULL;
    return fail(
        fmt::format("cannot {} {}: {}", doing, options_.file.string(), database_.problem()));
}

Result<> Store::prepare_schema() {
    const auto limit = options_.bytes / kPageBytes + 64;
    const auto pragmas = fmt::format(
        "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=1048576;"
        "PRAGMA wal_autocheckpoint=256; PRAGMA max_page_count={}",
        limit);
    bool fresh = false;
    {
        // Ends its read transaction here: within one, SQLite does not change into WAL mode.
        auto tables = database_.prepare("SELECT count(*) FROM sqlite_master");
        const int code = tables.step();
        if (code != SQLITE_ROW) return failed(code, "read");
        fresh = tables.number(0) == 0;
    }
    if (!fresh && (database_.number("PRAGMA application_id") != kApplication ||
                   database_.number("PRAGMA user_version") != kVersion)) {
        damaged_ = true;
        return fail(options_.file.string() + " is not a history of this version of portlid");
    }
    if (fresh)
        if (const int made = database_.run(kSchema); made != SQLITE_OK)
            return failed(made, "set up");
    return failed(database_.run(pragmas.c_str()), "open");
}

Result<Store> Store::try_open(const Options& options) {
    auto database = Database::open(options.file, false);
    if (!database) return pass_on(database.error());
    Store store(std::move(*database), options);
    if (auto prepared = store.prepare_schema(); !prepared) {
        Error error = prepared.error();
        error.errno_value = store.damaged_ ? EBADMSG : 0;
        return pass_on(std::move(error));
    }
    return store;
}

std::string Store::move_away(const fs::path& file, const std::string& why) {
    std::error_code failed;
    for (const char* suffix : {"-wal", "-shm"}) {
        std::error_code ignored;
        fs::remove(file.string() + suffix, ignored);
    }
    fs::rename(file, file.string() + ".bad", failed);
    if (failed) return why + "; and it cannot be moved away: " + failed.message();
    return why + "; it is kept as " + file.string() + ".bad";
}

Result<Store> Store::open(const Options& options, std::string& moved) {
    auto store = try_open(options);
    if (store || store.error().errno_value != EBADMSG) return store;
    moved = move_away(options.file, store.error().message);
    return try_open(options);
}

Result<std::uint64_t> Store::remove_before(WallTime cutoff) {
    std::uint64_t gone = 0;
    const auto remove = [&](const char* sql, std::int64_t bound) {
        auto statement = database_.prepare(sql);
        const int code = statement.bind(bound).run();
        gone += code == SQLITE_DONE ? static_cast<std::uint64_t>(database_.changes()) : 0;
        return failed(code, "shorten");
    };
    if (auto done = remove("DELETE FROM event WHERE time<?", cutoff.time_since_epoch().count());
        !done)
        return pass_on(done.error());
    if (auto done = remove("DELETE FROM flow WHERE hour<?", hour_of(cutoff)); !done)
        return pass_on(done.error());
    if (auto done = remove("DELETE FROM rule_day WHERE day<?", day_of(cutoff)); !done)
        return pass_on(done.error());
    if (gone != 0)
        if (auto done = failed(database_.run("PRAGMA incremental_vacuum"), "shorten"); !done)
            return pass_on(done.error());
    return gone;
}

Result<std::uint64_t> Store::shed() {
    const auto from = oldest();
    const auto to = newest();
    if (!from || !to) return 0;
    const auto slice =
        std::max<std::chrono::nanoseconds>((*to - *from) / kSlices, std::chrono::milliseconds(1));
    auto gone = remove_before(*from + slice);
    if (!gone || *gone != 0) return gone;
    // Everything is of one hour: the oldest tenth of the events, or that hour's flows.
    const int events = database_.run(
        "DELETE FROM event WHERE n <= (SELECT min(n) + 1 + count(*) / 10 FROM event)");
    if (auto done = failed(events, "shorten"); !done) return pass_on(done.error());
    auto removed = static_cast<std::uint64_t>(database_.changes());
    if (removed == 0) {
        const int flows = database_.run("DELETE FROM flow WHERE hour=(SELECT min(hour) FROM flow)");
        if (auto done = failed(flows, "shorten"); !done) return pass_on(done.error());
        removed = static_cast<std::uint64_t>(database_.changes());
    }
    if (auto done = failed(database_.run("PRAGMA incremental_vacuum"), "shorten"); !done)
        return pass_on(done.error());
    return removed;
}

Result<std::uint64_t> Store::prune(WallTime reference) {
    auto gone = remove_before(reference - options_.age);
    while (gone && bytes() > options_.bytes) {
        const auto more = shed();
        if (!more) return more;
        if (*more == 0) break;
        *gone += *more;
    }
    return gone;
}

std::uint64_t Store::bytes() {
    const auto pages = database_.number("PRAGMA page_count");
    const auto unused = database_.number("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages - unused) * kPageBytes;
}

std::uint64_t Store::last_seq() {
    return static_cast<std::uint64_t>(
        database_.number("SELECT seq FROM event ORDER BY n DESC LIMIT 1"));
}

std::optional<WallTime> Store::oldest() {
    auto statement = database_.prepare(
        "SELECT min(coalesce((SELECT min(time) FROM event), 9223372036854775807),"
        " coalesce((SELECT min(hour) FROM flow) * 3600000000000, 9223372036854775807))");
    if (statement.step() != SQLITE_ROW || statement.number(0) == INT64_MAX) return std::nullopt;
    return WallTime(std::chrono::nanoseconds(statement.number(0)));
}

std::optional<WallTime> Store::newest() {
    auto statement = database_.prepare(
        "SELECT max(coalesce((SELECT max(time) FROM event), -1),"
        " coalesce((SELECT max(hour) FROM flow) * 3600000000000, -1))");
    if (statement.step() != SQLITE_ROW || statement.number(0) < 0) return std::nullopt;
    return WallTime(std::chrono::nanoseconds(statement.number(0)));
}

}  // namespace portlid::history
