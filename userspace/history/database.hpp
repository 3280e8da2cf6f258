// SPDX-License-Identifier: Apache-2.0
// SQLite as RAII values; only this room includes it. Codes are SQLite's own: the callers of the
// room get a Result. A Database and its Statements belong to one thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::history {

class Statement {
public:
    Statement(sqlite3* database, const char* sql);

    // The next parameter. Text and bytes must live until run() or the last step().
    Statement& bind(std::int64_t value);
    Statement& bind(std::string_view text);
    Statement& bind(const IpAddress& address);
    Statement& bind_null();

    // SQLITE_ROW, SQLITE_DONE, or what went wrong.
    int step();
    // All the way, then ready for other parameters: SQLITE_DONE or what went wrong.
    int run();

    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] IpAddress address(int column) const;
    [[nodiscard]] bool null(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
    int failed_ = SQLITE_OK;
};

class Database {
public:
    // Makes the file (0600) unless read_only; refuses a symbolic link.
    [[nodiscard]] static Result<Database> open(const std::filesystem::path& file, bool read_only);

    [[nodiscard]] Statement prepare(const char* sql) { return {handle_.get(), sql}; }
    // One or more statements without parameters: SQLITE_OK or what went wrong.
    int run(const char* sql);
    // The first column of the first row; 0 when there is none.
    [[nodiscard]] std::int64_t number(const char* sql);
    [[nodiscard]] int changes() const { return sqlite3_changes(handle_.get()); }
    // "disk I/O error (778)" of the last call that failed.
    [[nodiscard]] std::string problem() const;

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace portlid::history
