// SPDX-License-Identifier: Apache-2.0
#include "app/binds.hpp"

#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <unistd.h>

#include <algorithm>
#include <array>

#include "inventory/ownership.hpp"
#include "kernel/cgroup.hpp"

namespace portlid::app {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCgroups = 16384;
constexpr std::size_t kPasswordBytes = 16384;

std::optional<std::uint32_t> uid_of(const std::string& user) {
    if (user.find_first_not_of("0123456789") == std::string::npos && user.size() < 10)
        return static_cast<std::uint32_t>(std::stoul(user));
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> room(kPasswordBytes);
    if (::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found) != 0 ||
        found == nullptr)
        return std::nullopt;
    return entry.pw_uid;
}

// As the kernel numbers devices, which is not as stat() does.
std::uint32_t kernel_device(dev_t device) {
    return (major(device) << 20U) | minor(device);
}

// What a rule asks of the cgroup alone.
policy::Owner cgroup_part(const policy::Owner& owner) {
    policy::Owner part;
    for (const auto& [kind, value] : owner.matches)
        if (inventory::is_cgroup_word(kind)) part.matches.emplace(kind, value);
    return part;
}

void name_ports(kernel::BindTables& tables, const policy::PortRange& range, std::uint64_t bit) {
    const std::size_t first = range.protocol == policy::PortProtocol::Udp ? 65536 : 0;
    for (std::uint32_t port = range.first_host; port <= range.last_host; ++port)
        tables.ports[first + port] |= bit;
}

}  // namespace

Binds::Binds(const PolicyStore& policies, Observer& observer, Emitter& emitter,
             kernel::Sensor& sensor, fs::path cgroup)
    : policies_(policies),
      observer_(observer),
      emitter_(emitter),
      sensor_(sensor),
      cgroup_(std::move(cgroup)),
      made_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (cgroup_.empty())
        if (const auto found = kernel::open_cgroup({})) cgroup_ = found->path;
}

// Binds are nobody's zone: the policy's own mode counts, unless every zone was forced into one.
std::uint32_t Binds::mode() const {
    const auto& policy = policies_.model();
    if (!policy.binds_refuse) return BINDS_RECORD;
    if (policies_.capped()) return BINDS_WOULD_REFUSE;
    auto mode = policy.mode;
    const auto& zones = policy.zones;
    const bool forced =
        !zones.empty() && std::all_of(zones.begin(), zones.end(),
                                      [](const auto& zone) { return zone.forced.all.has_value(); });
    if (forced) mode = *zones.front().forced.all;
    return mode == policy::Mode::Enforce ? BINDS_REFUSE : BINDS_WOULD_REFUSE;
}

void Binds::add_rules(kernel::BindTables& tables, bool ports) const {
    if (ports) tables.ports.assign(2UL * 65536, 0);
    const auto& rules = policies_.model().binds_allow;
    for (std::size_t i = 0; i < rules.size() && i < BIND_RULES; ++i) {
        const auto bit = std::uint64_t{1} << i;
        if (ports)
            for (const auto& range : rules[i].ports) name_ports(tables, range, bit);
        if (!rules[i].owner) continue;
        const auto& words = rules[i].owner->matches;
        if (const auto user = words.find("user"); user != words.end()) {
            tables.settings.needs_user |= bit;
            if (const auto uid = uid_of(user->second)) tables.who[{*uid, 0, BIND_BY_USER}] |= bit;
        }
        if (const auto exe = words.find("exe"); exe != words.end()) {
            tables.settings.needs_program |= bit;
            struct stat file {};
            if (::stat(exe->second.c_str(), &file) == 0)
                tables.who[{file.st_ino, kernel_device(file.st_dev), BIND_BY_PROGRAM}] |= bit;
        }
        if (!cgroup_part(*rules[i].owner).matches.empty()) tables.settings.needs_cgroup |= bit;
    }
}

// Every cgroup below the sensor's, by the container or unit that its path names. An engine makes
// the cgroup a moment before the container runs, so one that it has only announced runs now.
void Binds::add_cgroups(kernel::BindTables& tables) const {
    if (tables.settings.needs_cgroup == 0 || cgroup_.empty()) return;
    const auto& rules = policies_.model().binds_allow;
    const auto watch = [this](const fs::path& directory) {
        (void)::inotify_add_watch(made_.get(), directory.c_str(), IN_CREATE | IN_ONLYDIR);
    };
    std::error_code failed;
    std::size_t seen = 0;
    watch(cgroup_);
    for (fs::recursive_directory_iterator
             at(cgroup_, fs::directory_options::skip_permission_denied, failed),
         end;
         !failed && at != end && seen < kCgroups; at.increment(failed)) {
        if (!at->is_directory(failed)) continue;
        ++seen;
        const auto path = "/" + at->path().lexically_relative(cgroup_).string();
        identity::Process process;
        process.unit = identity::unit_of(path);
        process.container_id = identity::container_id_of(path);
        inventory::OwnerFacts facts;
        std::optional<identity::Container> container;
        facts.process = &process;
        if (process.container_id.empty())
            watch(at->path());
        else
            at.disable_recursion_pending();  // all below it is the container's
        for (const auto& engine : observer_.engines())
            if (const auto* known = engine && !container && !process.container_id.empty()
                                        ? engine->find(process.container_id)
                                        : nullptr)
                container = *known;
        if (container) {
            container->running = true;
            facts.container = &*container;
        }
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < rules.size() && i < BIND_RULES; ++i) {
            if (!rules[i].owner) continue;
            const auto part = cgroup_part(*rules[i].owner);
            if (!part.matches.empty() && inventory::fits_owner(part, facts))
                bits |= std::uint64_t{1} << i;
        }
        struct stat directory {};
        if (bits != 0 && ::stat(at->path().c_str(), &directory) == 0)
            tables.who[{directory.st_ino, 0, BIND_BY_CGROUP}] |= bits;
    }
}

void Binds::update() {
    const auto wanted = mode();
    if (wanted == BINDS_RECORD && !written_) {
        // What an earlier run refused ends with its policy.
        written_ = sensor_.adopted();
        if (!written_) return;
    }
    const bool same = written_ && problem_.empty() && wanted == mode_ && generation_ != 0 &&
                      generation_ == policies_.generation();
    kernel::BindTables tables;
    tables.settings.mode = wanted;
    if (wanted != BINDS_RECORD) {
        add_rules(tables, !same);
        add_cgroups(tables);
    }
    const auto done = same ? sensor_.set_bind_who(tables) : sensor_.set_binds(tables);
    written_ = wanted != BINDS_RECORD;
    generation_ = policies_.generation();
    mode_ = wanted;
    const auto problem = done ? std::string() : done.error().message;
    if (problem == problem_) return;
    problem_ = problem;
    if (problem.empty()) return;
    spdlog::error("{}", problem);
    emitter_.emit(event::Kind::SensorDegraded,
                  event::sensor_degraded_body(emitter_.origin(), "binds", problem,
                                              "binds are recorded, not refused"));
}

void Binds::cgroups_changed() {
    std::array<char, 4096> ignored{};
    while (::read(made_.get(), ignored.data(), ignored.size()) > 0)
        ;
    update();
}

}  // namespace portlid::app
