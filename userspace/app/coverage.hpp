// SPDX-License-Identifier: Apache-2.0
// Which interfaces are filtered: follows links, addresses and routes, chooses zones, attaches and
// detaches, and says aloud when an interface is not covered.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/emitter.hpp"
#include "app/options.hpp"
#include "app/policy_store.hpp"
#include "app/reply_guard.hpp"
#include "inventory/audit.hpp"
#include "inventory/exposure.hpp"
#include "kernel/netlink.hpp"
#include "policy/select.hpp"

namespace portlid::app {

struct CoveredInterface {
    kernel::Interface link;
    policy::ZoneChoice choice;
    std::string zone;  // its name, also after a policy that no longer has it
    kernel::InterfaceState state;
};

class Coverage {
public:
    Coverage(const RunOptions& options, PolicyStore& policies, Emitter& emitter,
             kernel::Sensor* sensor);

    // Reads the network, fills the host tables of the kernel and brings the attachments in line.
    // At the start (`first`) a named interface that is missing or in no zone is an error.
    [[nodiscard]] Result<> refresh(bool first = false);
    // The zones that the attached interfaces would have under `model`.
    [[nodiscard]] std::vector<kernel::Sensor::ZoneOfInterface> zones_under(
        const policy::Policy& model) const;
    // Reads the network only, so that zones_under() and tables() can answer.
    [[nodiscard]] Result<> look();
    // Own addresses and networks only: what must be in the maps before anything is attached.
    [[nodiscard]] Result<> fill_tables();
    // Looks whether links, pins, policy and tables are as they were left; puts right and reports
    // what is not.
    void verify();
    // Every hook on sockets that can be attached here is.
    [[nodiscard]] bool hears_all() const { return told_hooks_.empty(); }

    [[nodiscard]] const std::map<std::uint32_t, CoveredInterface>& interfaces() const {
        return covered_;
    }
    [[nodiscard]] const kernel::NetworkState& network() const { return network_; }
    [[nodiscard]] policy::HostTables tables() const;
    // Who sits on owned ports, as the kernel has it; true when that is new.
    bool set_held(policy::HeldPorts held);
    [[nodiscard]] const policy::HeldPorts& held() const { return held_; }
    [[nodiscard]] std::vector<inventory::ActiveZone> active_zones() const;
    // Interfaces that no packet program is attached to.
    [[nodiscard]] std::vector<inventory::UnfilteredDevice> unfiltered() const;
    [[nodiscard]] std::string name_of(std::uint32_t ifindex) const;
    // "enforce", "monitor" or "off" for one interface.
    [[nodiscard]] const char* mode_of(const CoveredInterface& covered) const;

private:
    [[nodiscard]] bool wanted(const kernel::Interface& link) const;
    [[nodiscard]] std::map<std::uint32_t, policy::ZoneChoice> choose(
        const policy::Policy& model) const;
    // The same before it is asked which of them judge the same packets.
    [[nodiscard]] std::map<std::uint32_t, policy::ZoneChoice> choose_each(
        const policy::Policy& model) const;
    [[nodiscard]] Result<> check_named(
        const std::map<std::uint32_t, policy::ZoneChoice>& chosen) const;
    void remember_uplinks();
    void attach(const kernel::Interface& link, const policy::ZoneChoice& choice);
    void drop_unwanted(const std::map<std::uint32_t, policy::ZoneChoice>& chosen);
    void drop_missing(const std::map<std::uint32_t, policy::ZoneChoice>& chosen);
    void require_egress(CoveredInterface& covered, bool fresh);
    [[nodiscard]] std::set<std::string> failed_hooks() const;
    void verify_sockets();
    void report_maps(const std::string& what, const std::string& why, const Result<>& mended);
    void verify_map_pins();
    void verify_policy();
    [[nodiscard]] Result<bool> write_tables();
    void verify_tables();
    void report_tampering(const std::string& what, const std::string& why, bool back);
    bool mend(const kernel::InterfaceState& state);
    // `gap`: egress of an interface was not watched for a moment.
    void keep_guard(bool gap);
    void announce(const CoveredInterface& covered, bool lost);

    const RunOptions& options_;
    PolicyStore& policies_;
    Emitter& emitter_;
    kernel::Sensor* sensor_;
    kernel::NetworkState network_;
    policy::HeldPorts held_;
    std::set<std::string> uplinks_;  // names that carry, or ever carried, a default route
    std::map<std::uint32_t, CoveredInterface> covered_;
    std::set<std::string> told_hooks_;                 // failed, and said so
    std::set<std::string> never_attached_;             // failed at the start
    std::map<std::string, std::string> map_problems_;  // told
    bool tables_written_ = false;                      // as the network was when last looked at
    bool moved_ = true;                                // interfaces, since the last look
    unsigned looks_ = 0;
    unsigned failed_looks_ = 0;  // at those tables, one after the other
    ReplyGuard guard_;
    std::set<std::uint32_t> lost_;  // announced as lost, not yet restored
};

}  // namespace portlid::app
