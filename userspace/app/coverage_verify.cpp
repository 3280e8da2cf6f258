// SPDX-License-Identifier: Apache-2.0
// The look of every second at what is ours in the kernel, and what is done about what is not as we
// left it.
#include <fmt/ranges.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <utility>

#include "app/coverage.hpp"

namespace portlid::app {

namespace {

bool has_failed(const kernel::HookState& hook) {
    return hook.state == "failed";
}

}  // namespace

std::set<std::string> Coverage::failed_hooks() const {
    std::set<std::string> names;
    for (const auto& hook : sensor_->hooks())
        if (has_failed(hook)) names.insert(hook.name);
    return names;
}

// Something of ours is gone though what it hung on is there: nobody but root does that.
void Coverage::report_tampering(const std::string& what, const std::string& why, bool back) {
    emitter_.emit(event::Kind::TamperDetected,
                  event::sensor_degraded_body(
                      emitter_.origin(), what, why,
                      back ? "it is attached again; find out who detached it"
                           : "it could not be attached again: portlid status, portlid doctor"));
}

// A socket hook that somebody detached is put back; what it missed the next sweep finds. One that
// the kernel never took is told once.
void Coverage::verify_sockets() {
    const auto seen = sensor_->hooks();
    if (std::none_of(seen.begin(), seen.end(), has_failed)) return;
    (void)sensor_->attach_sockets();
    const auto failed = failed_hooks();
    for (const auto& hook : seen) {
        if (!has_failed(hook) || told_hooks_.contains(hook.name)) continue;
        const bool back = !failed.contains(hook.name);
        if (!never_attached_.contains(hook.name)) report_tampering(hook.name, hook.why, back);
        emitter_.emit(
            event::Kind::SensorDegraded,
            event::sensor_degraded_body(
                emitter_.origin(), hook.name, hook.why,
                back ? "attached again" : "portlid status shows which hooks are missing"));
    }
    told_hooks_ = failed;
}

// Told once while it stays wrong; `why` empty: nothing is.
void Coverage::report_maps(const std::string& what, const std::string& why,
                           const Result<>& mended) {
    auto& told = map_problems_[what];
    const auto now = mended ? std::string() : mended.error().message;
    if (why.empty()) told.clear();
    if (why.empty() || (!mended && told == now)) return;
    told = now;
    emitter_.emit(
        event::Kind::TamperDetected,
        event::sensor_degraded_body(emitter_.origin(), what, mended ? why : why + ": " + now,
                                    mended ? "it is put right; find out who did it"
                                           : "it could not be put right: portlid doctor"));
}

// Nothing is filtered differently, but the next start would begin without flows, bans and policy.
void Coverage::verify_map_pins() {
    const auto mended = sensor_->mend_map_pins();
    if (!mended)
        report_maps("maps", "their pins are gone or exchanged", pass_on(mended.error()));
    else
        report_maps("maps",
                    mended->empty() ? std::string()
                                    : fmt::format("their pins were removed or exchanged: {}",
                                                  fmt::join(*mended, ", ")),
                    {});
}

void Coverage::verify_policy() {
    const auto mended = sensor_->mend_policy();
    const bool other = !mended || *mended;
    report_maps("policy", other ? "somebody wrote another policy into the kernel" : "",
                mended ? Result<>() : pass_on(mended.error()));
}

// Which addresses are this host's, and what its networks are: a packet to an address that is not
// ours passes. What we could not write ourselves is made good without an alarm; that it cannot be
// written is one when it stays so.
void Coverage::verify_tables() {
    constexpr unsigned kLooks = 3;
    constexpr const char* kWhy = "somebody changed what the kernel knows of this host";
    const auto mended = write_tables();
    failed_looks_ = mended ? 0 : failed_looks_ + 1;
    if (!mended) {
        if (failed_looks_ == kLooks) report_maps("addresses", kWhy, pass_on(mended.error()));
        return;
    }
    const bool ours = !std::exchange(tables_written_, true);
    report_maps("addresses", *mended && !ours ? kWhy : "", {});
}

// What a look at one interface found; true where something has to be attached again.
bool Coverage::mend(const kernel::InterfaceState& state) {
    const auto known = covered_.find(state.ifindex);
    if (known == covered_.end()) return false;
    auto& covered = known->second;
    const bool whole = state.attached && state.egress && !state.passed_by;
    if (whole || (lost_.contains(state.ifindex) && !covered.state.attached)) return false;
    const bool ingress_gone = covered.state.attached && !state.attached;
    const bool egress_gone = covered.state.egress && !state.egress;
    covered.state = state;
    if (!lost_.contains(state.ifindex)) announce(covered, true);
    attach(kernel::Interface(covered.link), policy::ZoneChoice(covered.choice));
    std::array<char, IF_NAMESIZE> name{};
    if (!(ingress_gone || egress_gone) || ::if_indextoname(state.ifindex, name.data()) == nullptr)
        return true;
    const auto now = covered_.find(state.ifindex);
    const bool back =
        now != covered_.end() && now->second.state.attached && now->second.state.egress;
    report_tampering(fmt::format("packet programs of {}", name.data()), state.why, back);
    return true;
}

void Coverage::verify() {
    if (sensor_ == nullptr) return;
    // The monitor tells of every interface that moves; now and then it is not relied upon.
    constexpr unsigned kNowAndThen = 30;
    sensor_->verify_links(std::exchange(moved_, false) || ++looks_ % kNowAndThen == 0);
    verify_sockets();
    verify_map_pins();
    if (options_.sockets_only) return;
    verify_policy();
    verify_tables();
    bool gap = false;
    for (const auto& state : sensor_->interfaces())
        if (mend(state)) gap = true;
    keep_guard(gap);
}

}  // namespace portlid::app
