// SPDX-License-Identifier: Apache-2.0
// Carries out what changes the policy in force: start, reload, apply, confirm, rollback, mode,
// allow, set, ban, container labels. Everything is written down before it is told, and nothing that
// fails changes what is in force. One thread.
#pragma once

#include <nlohmann/json.hpp>
#include <set>

#include "app/coverage.hpp"
#include "app/observer.hpp"
#include "app/policy_store.hpp"
#include "control/server.hpp"
#include "rollout/request.hpp"
#include "rollout/stages.hpp"
#include "rollout/state.hpp"

namespace portlid::history {
struct Flow;
}

namespace portlid::app {

class Rollout {
public:
    Rollout(const RunOptions& options, PolicyStore& policies);

    // Reads what earlier runs left and the policy file, and chooses: the file, a policy that still
    // waits for its confirmation, or the last confirmed one where the file's text was rolled back.
    [[nodiscard]] Result<> read();
    // Puts what read() chose in force. Without a sensor nothing is in the kernel (sockets only).
    [[nodiscard]] Result<> begin(kernel::Sensor* sensor, Coverage& coverage, Emitter& emitter);
    // From now on sessions can be looked up, what read() found is told as events, and `changed` is
    // called whenever another policy is in force.
    void attach(Observer& observer, std::function<void()> changed);

    // SIGHUP: the policy file again, at once, and whether a rescue is still asked for. An error
    // changed nothing and is told as an event.
    [[nodiscard]] Result<> reload();
    // Once a second: what has ended, in the kernel and here; a rescue that is asked for begins.
    void tick();

    // What the kernel has noted of (source, port): the hits of what was changed at run time.
    void note(const std::vector<history::Flow>& flows);

    // POST bodies of the control socket; see rollout/request.hpp.
    [[nodiscard]] control::Response post(const control::Request& request);
    [[nodiscard]] nlohmann::ordered_json bans() const;  // portlid.bans/v1
    // What was in force, newest first, by whom: portlid.generations/v1.
    [[nodiscard]] nlohmann::ordered_json generations() const;
    // The policy in force as text, whole, without what was changed at run time: portlid.policy/v1.
    [[nodiscard]] nlohmann::ordered_json policy() const;
    [[nodiscard]] Result<nlohmann::ordered_json> sets(const std::string& name) const;
    // The members `pending` and `overrides` of the status.
    [[nodiscard]] nlohmann::ordered_json pending_json() const;
    [[nodiscard]] nlohmann::ordered_json overrides_json() const;
    // Warnings of the policy that read() or the last change loaded.
    [[nodiscard]] const std::vector<policy::Diagnostic>& warnings() const { return warnings_; }

private:
    using Json = nlohmann::ordered_json;
    using Answer = Result<Json>;
    struct Change {
        const char* how = "";
        rollout::Author author;
        bool force = false;
        std::string ssh_connection;
        std::uint64_t copy_of = 0;  // a generation of the history
    };
    // What is to be in force, compiled but not yet published.
    struct Laid {
        std::vector<StageSpec> stages;
        std::size_t instants_left_out = 0;
        Result<> firm_ends_fit;
    };

    [[nodiscard]] Answer apply(const control::Request& request);
    [[nodiscard]] Answer confirm(const control::Request& request);
    [[nodiscard]] Answer roll_back(const control::Request& request);
    [[nodiscard]] Answer mode(const control::Request& request);
    [[nodiscard]] Answer allow(const control::Request& request);
    [[nodiscard]] Answer change_set(const control::Request& request);
    [[nodiscard]] Answer ban(const control::Request& request);
    [[nodiscard]] Answer unban(const control::Request& request);
    [[nodiscard]] rollout::Until keep_ban(rollout::KeptBan fresh);

    [[nodiscard]] Result<> refuse_while_pending() const;
    [[nodiscard]] bool mode_waits() const;
    [[nodiscard]] Result<> guard(const StageSpec& stage, const Change& change) const;
    [[nodiscard]] Result<> guard_all(const Laid& laid, const Change& change) const;
    [[nodiscard]] Result<> take(Candidate candidate, const Change& change,
                                const rollout::Length& confirm_within, rollout::Overlays overlays);
    [[nodiscard]] Result<> take_overlays(rollout::Overlays overlays, const Change& change);
    // Each policy is compiled once: `confirmed` and `pending` keep what was made of them.
    [[nodiscard]] Result<Laid> lay(Candidate& confirmed, Candidate* pending, BootTime deadline,
                                   const rollout::Overlays& overlays,
                                   std::uint64_t same_number = 0);
    [[nodiscard]] Result<> put(Laid laid);
    [[nodiscard]] Result<> publish(Candidate& confirmed, Candidate* pending, BootTime deadline,
                                   const rollout::Overlays& overlays,
                                   std::uint64_t same_number = 0);
    [[nodiscard]] Result<> publish_again();
    [[nodiscard]] Result<> remember(const Candidate& candidate, const Change& change,
                                    bool confirmed);
    [[nodiscard]] Result<> reload_file();
    [[nodiscard]] Result<> drop_waiting();
    [[nodiscard]] Result<> go_back_to(const rollout::Generation& target, const Change& change);
    [[nodiscard]] rollout::Generation as_generation() const;
    void follow_kernel();
    void follow_labels();
    [[nodiscard]] std::vector<rollout::LabelAsk> wanted_labels() const;
    [[nodiscard]] Result<> set_labels(std::vector<rollout::LabelAsk> asks);
    void tell_rejected(const std::string& who, const std::vector<std::string>& why,
                       const std::string& hint);
    void tell_refused_labels();
    [[nodiscard]] Json labels_json() const;
    void take_expired_bans();
    void set_rescue(Rescue rescue);
    void look_for_rescue();
    [[nodiscard]] Result<std::string> installable(const std::filesystem::path& from,
                                                  const std::string& text_hash) const;
    [[nodiscard]] Result<> install(const std::string& text);
    [[nodiscard]] Result<Candidate> kept(std::uint64_t number) const;
    [[nodiscard]] Result<Candidate> file_or_last_good();
    [[nodiscard]] Result<bool> lift(const Cidr& source);
    [[nodiscard]] std::vector<Cidr> banned_for(const std::optional<std::string>& reason) const;
    void restore_bans();
    void expire_pending(const char* why);
    void tell_policy(std::uint64_t before, const std::string& mode_before, const Change& change);
    void say_forced(const Change& change) const;
    void tell_what_waits();
    void tell_rolled_back(std::uint64_t from, const std::string& why);
    void save();
    [[nodiscard]] std::uint64_t next_number() const;
    [[nodiscard]] Json result_json() const;

    const RunOptions& options_;
    PolicyStore& policies_;
    Emitter* emitter_ = nullptr;
    kernel::Sensor* sensor_ = nullptr;
    Coverage* coverage_ = nullptr;
    Observer* observer_ = nullptr;
    std::optional<rollout::Store> store_;
    Candidate confirmed_;               // what stays, or comes back
    std::optional<Candidate> pending_;  // in force until confirmed or too late
    std::uint64_t confirmed_number_ = 0;
    std::uint64_t entry_ = 0;  // of the history, that confirmed_ is
    std::uint64_t entry_copy_of_ = 0;
    std::vector<policy::Diagnostic> warnings_;
    std::vector<std::function<void()>> to_tell_;  // events of read(), which come before the sinks
    std::size_t instants_left_out_ = 0;
    std::string save_problem_;
    std::string rescue_problem_;
    // Labels that could not be put in force, and the generation that stayed.
    std::optional<std::pair<std::uint64_t, std::vector<rollout::LabelAsk>>> labels_failed_;
    std::set<std::string> labels_told_;
    std::uint64_t labels_generation_ = 0;  // the one that they were last weighed under
    std::function<void()> changed_;
};

}  // namespace portlid::app
