// SPDX-License-Identifier: Apache-2.0
// `binds:` of the policy in force, brought to the bind hooks: which port which rule allows, and
// which cgroups, users and programs fit which rule. Refusing itself is the kernel's, so it goes on
// without us; what we have not told it is refused.
#pragma once

#include <filesystem>
#include <optional>

#include "app/emitter.hpp"
#include "app/observer.hpp"
#include "app/policy_store.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

class Binds {
public:
    Binds(const PolicyStore& policies, Observer& observer, Emitter& emitter, kernel::Sensor& sensor,
          std::filesystem::path cgroup);

    // Once a second, and when policy or containers changed. Costs nothing while nothing is refused.
    void update();
    // Readable: cgroups were made. Somebody is about to start there, and may bind at once.
    [[nodiscard]] int fd() const { return made_.get(); }
    void cgroups_changed();

private:
    [[nodiscard]] std::uint32_t mode() const;  // BINDS_*
    void add_rules(kernel::BindTables& tables, bool ports) const;
    void add_cgroups(kernel::BindTables& tables) const;

    const PolicyStore& policies_;
    Observer& observer_;
    Emitter& emitter_;
    kernel::Sensor& sensor_;
    std::filesystem::path cgroup_;
    UniqueFd made_;                 // an inotify descriptor
    bool written_ = false;          // something that refuses, or would
    std::uint64_t generation_ = 0;  // that was written last, and its mode
    std::uint32_t mode_ = BINDS_RECORD;
    std::string problem_;
};

}  // namespace portlid::app
