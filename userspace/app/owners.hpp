// SPDX-License-Identifier: Apache-2.0
// Proves who holds owned ports, and tells the kernel. Opening is this class's; closing is the
// kernel's own, with or without us. A proof that stands is left alone: it ends with its socket.
#pragma once

#include <map>
#include <set>
#include <string>

#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/observer.hpp"
#include "app/policy_store.hpp"
#include "inventory/publish_index.hpp"

namespace portlid::app {

class Owners {
public:
    Owners(const PolicyStore& policies, Coverage& coverage, Observer& observer, Emitter& emitter,
           kernel::Sensor& sensor);

    // After the rings were read, or anything else that may change who holds what. Costs nothing
    // while the policy names no owner.
    void update();
    // The inventory has just been reconciled: sockets that it has not seen twice are gone.
    void swept();

private:
    struct Asked {
        policy::Owner owner;
        std::vector<std::pair<std::string, std::vector<policy::PortRange>>> services;
        [[nodiscard]] const std::string* names(std::uint8_t protocol, HostPort port) const;
    };
    using Slots = kernel::OwnerPorts::Slots;

    void learn_policy();
    [[nodiscard]] bool is_owned(std::uint8_t protocol, HostPort port) const;
    // Sockets that were there before the hooks; publications that no socket stands for.
    bool add_unseen(const std::vector<inventory::Listener>& listeners, const Slots& slots);
    bool add_publications(const inventory::PublishIndex& index, const Slots& slots);
    void prove(const Slots& slots, const inventory::PublishIndex& index);
    [[nodiscard]] bool all_fit(const policy::Owner& owner, const kernel::OwnerPorts::Slot& slot,
                               const inventory::PublishIndex& index,
                               std::optional<event::HolderProcess>& stranger) const;
    void tell(const Asked& asked, const std::string& service, const port_slot_key& place,
              std::uint64_t owner, std::uint64_t arrivals,
              const std::optional<event::HolderProcess>& stranger);
    void publish_held(const Slots& slots);

    const PolicyStore& policies_;
    Coverage& coverage_;
    Observer& observer_;
    Emitter& emitter_;
    kernel::OwnerPorts ports_;
    std::map<std::uint64_t, Asked> asked_;  // by owner_key()
    std::uint64_t generation_ = ~std::uint64_t{0};
    std::set<std::uint64_t> missing_;                    // cookies that the last sweep did not show
    std::map<std::uint64_t, std::string> publications_;  // cookie -> container id
    // The owner that was proven last, and what has been told of whom.
    std::map<port_proof_key, event::HolderProcess, kernel::LessBytes> proven_;
    std::map<port_proof_key, std::uint64_t, kernel::LessBytes> told_;
};

}  // namespace portlid::app
