// SPDX-License-Identifier: Apache-2.0
// `GET /v1/history`: pages of what the ledger holds. The disk is read on a thread a page; the
// loop's thread only starts it and hands out what it found.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "app/ledger.hpp"
#include "control/server.hpp"
#include "history/read.hpp"

namespace portlid::app {

class HistoryPages {
public:
    explicit HistoryPages(Ledger& ledger) : ledger_(ledger) {}
    ~HistoryPages();
    HistoryPages(const HistoryPages&) = delete;
    HistoryPages& operator=(const HistoryPages&) = delete;

    // what=events|flows, since_ns=N, after=NEXT; for events also kind= and verdict= (commas
    // between several) and severity=0..4. Answers 202 {"run":N}; then with run=N 202 while it goes
    // on, and once 200: a line {"next":...}, null on the last page, then one line an item.
    [[nodiscard]] control::Response answer(const control::Request& request);
    // Forgets pages that nobody came for in 30 s. Call once a second.
    void reap();

private:
    struct Job {
        std::atomic<bool> done{false};
        Result<history::Page> page = history::Page{};
        std::thread worker;
        std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    };
    [[nodiscard]] control::Response start(const control::Request& request);
    [[nodiscard]] control::Response collect(std::uint64_t run);

    Ledger& ledger_;
    std::uint64_t runs_ = 0;
    std::map<std::uint64_t, std::shared_ptr<Job>> jobs_;
};

}  // namespace portlid::app
