// SPDX-License-Identifier: Apache-2.0
// What the control socket answers: the running sensor's view, as documents of contract §5.
#pragma once

#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/history_pages.hpp"
#include "app/ledger.hpp"
#include "app/observer.hpp"
#include "app/policy_store.hpp"
#include "app/rollout.hpp"
#include "app/verification.hpp"
#include "control/server.hpp"

namespace portlid::app {

class Answers final : public control::Api {
public:
    Answers(const RunOptions& options, PolicyStore& policies, Rollout& rollout, Coverage& coverage,
            Observer& observer, Emitter& emitter, kernel::Sensor& sensor, Ledger& ledger);

    void set_ready() { ready_ = true; }
    [[nodiscard]] std::string ports();
    [[nodiscard]] nlohmann::ordered_json audit();
    void every_second() {
        verification_.reap();
        history_.reap();
    }

    control::Response get(const control::Request& request) override;
    control::Response post(const control::Request& request) override;
    std::vector<std::string> events_after(std::uint64_t& after,
                                          const control::Request& request) override;
    std::string gap_line(std::uint64_t count) override;

private:
    [[nodiscard]] nlohmann::ordered_json status_document();
    [[nodiscard]] control::Response explain_answer(const control::Request& request);
    [[nodiscard]] Result<const CoveredInterface*> choose_interface(const std::string& name) const;

    const RunOptions& options_;
    PolicyStore& policies_;
    Rollout& rollout_;
    Coverage& coverage_;
    Observer& observer_;
    Emitter& emitter_;
    kernel::Sensor& sensor_;
    Ledger& ledger_;
    Verification verification_;
    HistoryPages history_;
    bool ready_ = false;
};

}  // namespace portlid::app
