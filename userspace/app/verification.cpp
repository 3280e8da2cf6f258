// SPDX-License-Identifier: Apache-2.0
#include "app/verification.hpp"

#include <net/if_arp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/answer_text.hpp"
#include "base/text.hpp"
#include "kernel/twin.hpp"
#include "verify/report.hpp"

namespace portlid::app {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNiceness = 10;  // a proof is in no hurry
constexpr std::chrono::seconds kPatience{30};

class TwinOracle final : public verify::Oracle {
public:
    explicit TwinOracle(kernel::Twin& twin) : twin_(twin) {}
    Result<verify::Answer> ask(const verify::Entrance& entrance,
                               std::span<const std::uint8_t> frame) override {
        const auto hook = entrance.hook == kernel::to_string(kernel::TwinHook::Tc)
                              ? kernel::TwinHook::Tc
                              : kernel::TwinHook::Xdp;
        const auto told = twin_.ask(hook, entrance.ifindex, frame);
        if (!told) return pass_on(told.error());
        return verify::Answer{told->verdict, told->why};
    }
    Result<> forget_tries() override { return twin_.forget_tries(); }

private:
    kernel::Twin& twin_;
};

verify::Entrance entrance_of(const CoveredInterface& covered) {
    const bool tc = covered.state.attached == kernel::AttachKind::Tc;
    return {.ifindex = covered.link.ifindex,
            .interface_name = covered.link.name,
            .hook = kernel::to_string(tc ? kernel::TwinHook::Tc : kernel::TwinHook::Xdp),
            .zone = covered.choice.zone,
            .force_monitor = covered.choice.force_monitor,
            .layer3 = covered.link.type != ARPHRD_ETHER,
            .mac = covered.link.mac,
            .alike = {}};
}

bool alike(const verify::Entrance& a, const verify::Entrance& b) {
    return a.zone == b.zone && a.hook == b.hook && a.force_monitor == b.force_monitor &&
           a.layer3 == b.layer3;
}

// One for each kind of attached interface.
std::vector<verify::Entrance> entrances_of(const Coverage& coverage) {
    std::vector<verify::Entrance> out;
    for (const auto& [index, covered] : coverage.interfaces()) {
        if (!covered.state.attached) continue;
        auto entrance = entrance_of(covered);
        const auto same = std::find_if(out.begin(), out.end(),
                                       [&](const auto& known) { return alike(known, entrance); });
        if (same == out.end())
            out.push_back(std::move(entrance));
        else
            same->alike.push_back(covered.link.name);
    }
    return out;
}

}  // namespace

// Filled by the loop's thread, used by the worker's; `result` is the worker's until `done`.
struct Verification::Job {
    verify::RunFacts facts;
    policy::Policy policy;
    verify::MatrixInput input;
    kernel::TwinParts parts;
    std::map<std::uint32_t, std::string> names;  // of attached interfaces
    verify::Progress progress;
    std::atomic<bool> done{false};
    Result<std::string> result = std::string();

    void work();
    [[nodiscard]] Result<std::string> verify();
    [[nodiscard]] std::vector<verify::CodeCheck> check_code(const kernel::Twin& twin) const;
};

std::vector<verify::CodeCheck> Verification::Job::check_code(const kernel::Twin& twin) const {
    std::vector<verify::CodeCheck> checks;
    for (const auto& [ifindex, hook] : twin.parts().hooks) {
        const auto name = names.find(ifindex);
        if (name == names.end()) continue;
        checks.push_back(
            {kernel::to_string(hook), name->second, twin.tag(hook), twin.parts().tags.at(ifindex)});
    }
    return checks;
}

Result<std::string> Verification::Job::verify() {
    const auto begin = Clock::now();
    auto twin = kernel::Twin::make(std::move(parts));
    if (!twin) return pass_on(std::move(twin.error()));
    TwinOracle oracle(*twin);
    const auto matrix = verify::measure(input, oracle, progress);
    if (!matrix) return pass_on(matrix.error(), "verify");
    facts.code = check_code(*twin);
    facts.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
    return one_line(verify::report(facts, input, *matrix));
}

void Verification::Job::work() {
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    result = verify();
    done = true;
}

Verification::Verification(const RunOptions& options, const PolicyStore& policies,
                           const Coverage& coverage, const kernel::Sensor& sensor)
    : options_(options), policies_(policies), coverage_(coverage), sensor_(sensor) {}

Verification::~Verification() {
    stop();
}

void Verification::stop() {
    if (job_) job_->progress.stop = true;
    if (worker_.joinable()) worker_.join();
}

void Verification::reap() {
    if (!job_) return;
    if (!job_->done && Clock::now() - asked_after_ > kPatience) job_->progress.stop = true;
    if (!job_->done) return;
    if (worker_.joinable()) worker_.join();
    if (Clock::now() - asked_after_ > kPatience) job_.reset();
}

Result<> Verification::start(const std::optional<IpAddress>& scanner) {
    auto entrances = entrances_of(coverage_);
    if (options_.sockets_only || entrances.empty())
        return fail("no packet program is attached: there is nothing to verify", "portlid status");
    auto parts = sensor_.twin_parts();
    if (!parts) return pass_on(std::move(parts.error()));
    stop();
    auto job = std::make_shared<Job>();
    job->facts.run = ++runs_;
    job->facts.generation = policies_.generation();
    job->facts.policy_hash = policies_.compiled().hash;
    job->policy = policies_.model();
    job->input = {.policy = &job->policy,
                  .capped = policies_.capped(),
                  .own = coverage_.network().own,
                  .held = coverage_.held(),
                  .entrances = std::move(entrances),
                  .scanner = scanner};
    for (const auto& [index, covered] : coverage_.interfaces())
        job->names[index] = covered.link.name;
    job->parts = std::move(*parts);
    job_ = job;
    worker_ = std::thread([job] { job->work(); });
    return {};
}

control::Response Verification::progress() const {
    return {202, one_line(verify::progress_report(job_->facts.run, job_->progress))};
}

control::Response Verification::outcome() const {
    if (!job_->result) return control::error_response(500, job_->result.error());
    if (sensor_.generation() != job_->facts.generation)
        return control::error_response(409, Error{"the policy was swapped while it was verified",
                                                  "portlid verify", ExitCode::Failed, 0});
    return {200, *job_->result};
}

control::Response Verification::answer(const control::Request& request) {
    asked_after_ = Clock::now();
    if (const auto wanted = request.query.find("run"); wanted != request.query.end()) {
        const auto run = number_in<std::uint64_t>(wanted->second);
        if (!job_ || run != job_->facts.run)
            return control::error_response(
                404, Error{"there is no run '" + printable(wanted->second, 32) + "' any more",
                           "portlid verify", ExitCode::Failed, 0});
        return job_->done ? outcome() : progress();
    }
    std::optional<IpAddress> scanner;
    if (const auto from = request.query.find("scanner"); from != request.query.end()) {
        scanner = IpAddress::parse(from->second);
        if (!scanner)
            return control::error_response(
                400, Error{"'" + printable(from->second, 64) + "' is not an address",
                           "portlid verify --nmap FILE --from 198.51.100.9", ExitCode::Usage, 0});
    }
    const bool joins = job_ && !job_->done && job_->input.scanner == scanner;
    if (!joins && job_ && !job_->done)
        return control::error_response(
            409,
            Error{"another run is going on", "try again in a few seconds", ExitCode::Failed, 0});
    if (!joins)
        if (auto started = start(scanner); !started)
            return control::error_response(409, started.error());
    return progress();
}

}  // namespace portlid::app
