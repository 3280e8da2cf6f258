// SPDX-License-Identifier: Apache-2.0
// `GET /v1/verify`: one run at a time, on a thread of its own. The loop's thread only collects
// what a run needs and hands out its progress and its report.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "app/coverage.hpp"
#include "app/policy_store.hpp"
#include "control/server.hpp"

namespace portlid::app {

class Verification {
public:
    Verification(const RunOptions& options, const PolicyStore& policies, const Coverage& coverage,
                 const kernel::Sensor& sensor);
    ~Verification();
    Verification(const Verification&) = delete;
    Verification& operator=(const Verification&) = delete;

    // Without `run`: starts a run, or joins the one that goes on: 202 with its number and
    // progress. With `run=N`: 202 while it goes on, then 200 with the report, until the next run
    // begins; 409 when the policy was swapped meanwhile; 404 when there is no such
    // run. `scanner=ADDR` asks from one more source.
    [[nodiscard]] control::Response answer(const control::Request& request);
    // Ends a run, and forgets a report, that nobody has asked after for 30 s. Call once a second.
    void reap();

private:
    struct Job;
    [[nodiscard]] Result<> start(const std::optional<IpAddress>& scanner);
    [[nodiscard]] control::Response progress() const;
    [[nodiscard]] control::Response outcome() const;
    void stop();

    const RunOptions& options_;
    const PolicyStore& policies_;
    const Coverage& coverage_;
    const kernel::Sensor& sensor_;
    std::uint64_t runs_ = 0;
    std::shared_ptr<Job> job_;
    std::thread worker_;
    std::chrono::steady_clock::time_point asked_after_;
};

}  // namespace portlid::app
