// SPDX-License-Identifier: Apache-2.0
#include "history/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"

namespace portlid::history {

Statement::Statement(sqlite3* database, const char* sql) {
    sqlite3_stmt* made = nullptr;
    failed_ = sqlite3_prepare_v2(database, sql, -1, &made, nullptr);
    statement_.reset(made);
}

Statement& Statement::bind(std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), ++bound_, value);
    return *this;
}

Statement& Statement::bind(std::string_view text) {
    sqlite3_bind_text(statement_.get(), ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
    return *this;
}

Statement& Statement::bind(const IpAddress& address) {
    const auto& bytes = address.bytes();
    sqlite3_bind_blob(statement_.get(), ++bound_, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_TRANSIENT);
    return *this;
}

Statement& Statement::bind_null() {
    sqlite3_bind_null(statement_.get(), ++bound_);
    return *this;
}

int Statement::step() {
    return failed_ != SQLITE_OK ? failed_ : sqlite3_step(statement_.get());
}

int Statement::run() {
    int code = step();
    while (code == SQLITE_ROW) code = step();
    if (statement_) {
        sqlite3_reset(statement_.get());
        sqlite3_clear_bindings(statement_.get());
    }
    bound_ = 0;
    return code;
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* text = sqlite3_column_text(statement_.get(), column);
    if (text == nullptr) return {};
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

IpAddress Statement::address(int column) const {
    ip_bytes bytes{};
    if (sqlite3_column_bytes(statement_.get(), column) != sizeof(bytes.bytes)) return {};
    std::memcpy(bytes.bytes, sqlite3_column_blob(statement_.get(), column), sizeof(bytes.bytes));
    return IpAddress::from_bytes(bytes);
}

bool Statement::null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::filesystem::path& file, bool read_only) {
    // SQLite would make it readable for everybody, and follow a link.
    const int flags = O_CLOEXEC | O_NOFOLLOW | (read_only ? O_RDONLY : O_RDWR | O_CREAT);
    const UniqueFd made(::open(file.c_str(), flags, 0600));
    if (!made.valid()) return fail_errno("cannot open " + file.string(), errno);
    sqlite3* handle = nullptr;
    const int mode = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                     (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    const int code = sqlite3_open_v2(file.c_str(), &handle, mode, nullptr);
    Database database;
    database.handle_.reset(handle);
    if (code != SQLITE_OK)
        return fail("cannot open " + file.string() + ": " + sqlite3_errstr(code));
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, 2000);
    // What the budgets of memory allow: a quarter of a MiB of pages, no mapping.
    database.run("PRAGMA cache_size=-256; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF");
    return database;
}

int Database::run(const char* sql) {
    return sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
}

std::int64_t Database::number(const char* sql) {
    auto statement = prepare(sql);
    return statement.step() == SQLITE_ROW ? statement.number(0) : 0;
}

std::string Database::problem() const {
    return fmt::format("{} ({})", sqlite3_errmsg(handle_.get()),
                       sqlite3_extended_errcode(handle_.get()));
}

}  // namespace portlid::history
