// SPDX-License-Identifier: Apache-2.0
#include "app/owners.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "event/build_owner.hpp"
#include "inventory/ownership.hpp"
#include "policy/owners.hpp"

namespace portlid::app {

namespace {

// How long an engine may take to say whose port its proxy has just opened.
constexpr std::uint64_t kEngineLagNs = 3'000'000'000;

bool in_ranges(const std::vector<policy::PortRange>& ranges, std::uint8_t protocol, HostPort port) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const policy::PortRange& range) {
        return static_cast<std::uint8_t>(range.protocol) == protocol &&
               range.first_host <= port.value && port.value <= range.last_host;
    });
}

port_slot_key slot_key(std::uint8_t protocol, const IpAddress& address, HostPort port,
                       bool v6only) {
    const bool only = v6only && address == IpAddress::any(Family::IPv6);
    return {address.to_bytes(), port.value, protocol, static_cast<__u8>(only ? 1 : 0)};
}

event::HolderProcess view_of(const inventory::Listener* listener,
                             const identity::Container* container) {
    event::HolderProcess view;
    if (listener != nullptr && listener->holder) {
        const auto& process = listener->holder->process;
        view = {process.pid, process.exe, process.comm, process.user, process.unit, {}};
    }
    if (container != nullptr)
        view.container =
            event::ContainerView{container->id, container->name, container->image,
                                 container->compose_project, container->compose_service};
    return view;
}

const identity::Container* find_container(const EngineSnapshots& engines, const std::string& id) {
    for (const auto& engine : engines)
        if (const auto* found = engine ? engine->find(id) : nullptr) return found;
    return nullptr;
}

std::uint64_t publication_cookie(const std::string& id, const port_slot_key& slot) {
    const std::string_view place(reinterpret_cast<const char*>(&slot), sizeof(slot));
    return PORT_CLAIM_NO_SOCKET | (std::hash<std::string>()(id + std::string(place)) >> 1U);
}

}  // namespace

const std::string* Owners::Asked::names(std::uint8_t protocol, HostPort port) const {
    for (const auto& [name, ranges] : services)
        if (in_ranges(ranges, protocol, port)) return &name;
    return nullptr;
}

Owners::Owners(const PolicyStore& policies, Coverage& coverage, Observer& observer,
               Emitter& emitter, kernel::Sensor& sensor)
    : policies_(policies),
      coverage_(coverage),
      observer_(observer),
      emitter_(emitter),
      ports_(sensor.owner_ports()) {}

bool Owners::is_owned(std::uint8_t protocol, HostPort port) const {
    return std::any_of(asked_.begin(), asked_.end(), [&](const auto& one) {
        return one.second.names(protocol, port) != nullptr;
    });
}

// Of every stage that is published, so that one that comes by itself finds its owners proven.
void Owners::learn_policy() {
    if (generation_ == policies_.generation()) return;
    generation_ = policies_.generation();
    asked_.clear();
    std::vector<std::uint64_t> words(OWNED_WORDS);
    for (const auto* policy : policies_.staged()) {
        for (const auto& service : policy->services) {
            if (!service.owner) continue;
            auto& asked = asked_[policy::owner_key(*service.owner)];
            asked.owner = *service.owner;
            asked.services.emplace_back(service.name, service.ports);
            for (const auto& range : service.ports)
                for (std::uint32_t port = range.first_host; port <= range.last_host; ++port)
                    words[OWNED_WORD(range.protocol == policy::PortProtocol::Udp, port)] |=
                        std::uint64_t{1} << (port & 63U);
        }
    }
    if (auto written = ports_.set_owned(words); !written)
        spdlog::error("{}: owned ports stay as they were", written.error().message);
    for (const auto& [key, arrivals] : ports_.proofs())
        if (!asked_.contains(key.owner)) ports_.disprove(key.owner, key.slot);
}

bool Owners::add_unseen(const std::vector<inventory::Listener>& listeners, const Slots& slots) {
    std::set<std::uint64_t> known;
    for (const auto& [key, slot] : slots) known.insert(slot.cookies.begin(), slot.cookies.end());
    bool added = false;
    for (const auto& listener : listeners) {
        const auto& socket = listener.socket;
        const auto protocol = inventory::exposed_protocol(socket.protocol);
        if (socket.netns != observer_.host_netns() || known.contains(socket.cookie) ||
            socket.address.is_loopback() || !is_owned(protocol, socket.port))
            continue;
        const auto key = slot_key(protocol, socket.address, socket.port, socket.v6only);
        if (auto taken = ports_.take(socket.cookie, key); !taken)
            spdlog::error("{}", taken.error().message);
        added = true;
    }
    return added;
}

// An engine that does not answer takes nothing back.
bool Owners::add_publications(const inventory::PublishIndex& index, const Slots& slots) {
    std::map<std::uint64_t, std::pair<std::string, port_slot_key>> wanted;
    for (const auto& publish : index.all()) {
        const auto& port = *publish.port;
        if (!inventory::is_dnat(port) || port.host_address.is_loopback() ||
            !is_owned(port.protocol, port.host_port))
            continue;
        const auto key = slot_key(port.protocol, port.host_address, port.host_port, false);
        const auto slot = slots.find(key);
        const auto cookie = publication_cookie(publish.container->id, key);
        const bool by_socket =
            slot != slots.end() &&
            std::any_of(slot->second.cookies.begin(), slot->second.cookies.end(),
                        [](std::uint64_t one) { return (one & PORT_CLAIM_NO_SOCKET) == 0; });
        if (!by_socket) wanted.emplace(cookie, std::pair{publish.container->id, key});
    }
    std::set<std::uint64_t> present;
    bool changed = false;
    const auto& engines = observer_.engines();
    const bool all_answer =
        !engines.empty() && std::all_of(engines.begin(), engines.end(),
                                        [](const auto& one) { return one && one->reachable; });
    for (const auto& [key, slot] : slots)
        for (const auto cookie : slot.cookies) {
            if ((cookie & PORT_CLAIM_NO_SOCKET) == 0) continue;
            present.insert(cookie);
            if (wanted.contains(cookie) || !all_answer) continue;
            (void)ports_.release(cookie);
            publications_.erase(cookie);
            changed = true;
        }
    for (const auto& [cookie, what] : wanted) {
        publications_[cookie] = what.first;
        if (present.contains(cookie)) continue;
        if (auto taken = ports_.take(cookie, what.second); !taken)
            spdlog::error("{}", taken.error().message);
        changed = true;
    }
    return changed;
}

bool Owners::all_fit(const policy::Owner& owner, const kernel::OwnerPorts::Slot& slot,
                     const inventory::PublishIndex& index,
                     std::optional<event::HolderProcess>& stranger) const {
    if (slot.cookies.empty() || slot.cookies.size() != slot.state.sockets) return false;
    return std::all_of(slot.cookies.begin(), slot.cookies.end(), [&](std::uint64_t cookie) {
        inventory::OwnerFacts facts;
        facts.runs_file = inventory::runs_file_of_host;
        const auto* listener = observer_.listener(cookie);
        if (const auto publication = publications_.find(cookie); publication != publications_.end())
            facts.container = find_container(observer_.engines(), publication->second);
        else if (listener == nullptr || !listener->holder || !listener->holder->known)
            return false;  // not known yet, or gone
        else
            facts.container = inventory::container_behind(*listener, index, observer_.engines());
        if (listener != nullptr && listener->holder) facts.process = &listener->holder->process;
        if (inventory::fits_owner(owner, facts)) return true;
        const bool soon = listener != nullptr && facts.container == nullptr &&
                          inventory::keeps_ports_for_others(*listener->holder) &&
                          boot_now().ns < listener->since.ns + kEngineLagNs;
        if (soon) return false;  // nobody is called a stranger before his name can be known
        stranger = view_of(listener, facts.container);
        return false;
    });
}

// Once for each state of a slot, however often it is looked at.
void Owners::tell(const Asked& asked, const std::string& service, const port_slot_key& place,
                  std::uint64_t owner, std::uint64_t arrivals,
                  const std::optional<event::HolderProcess>& stranger) {
    const port_proof_key key{owner, place, 0};
    if (!stranger || told_[key] == arrivals) return;
    told_[key] = arrivals;
    event::OwnerLostView view{service,
                              policy::owner_text(asked.owner),
                              "another holder sits on the port: it is closed",
                              place.protocol,
                              IpAddress::from_bytes(place.address),
                              HostPort{place.port_host},
                              stranger,
                              {}};
    if (const auto before = proven_.find(key); before != proven_.end())
        view.previous = before->second;
    emitter_.emit(event::Kind::ExposureChanged, event::Severity::High,
                  event::owner_lost_body(emitter_.origin(), view));
}

void Owners::prove(const Slots& slots, const inventory::PublishIndex& index) {
    const auto proofs = ports_.proofs();
    for (const auto& [place, slot] : slots) {
        if (slot.state.sockets == 0) continue;
        for (const auto& [owner, asked] : asked_) {
            const auto* service = asked.names(place.protocol, HostPort{place.port_host});
            if (service == nullptr) continue;
            const port_proof_key key{owner, place, 0};
            const auto known = proofs.find(key);
            const bool stands = known != proofs.end() && known->second == slot.state.arrivals;
            if (stands && proven_.contains(key)) continue;
            std::optional<event::HolderProcess> stranger;
            const bool fits = all_fit(asked.owner, slot, index, stranger);
            if (fits && !slot.cookies.empty()) {
                const auto* listener = observer_.listener(slot.cookies.front());
                const auto* container =
                    listener != nullptr
                        ? inventory::container_behind(*listener, index, observer_.engines())
                        : nullptr;
                proven_[key] = view_of(listener, container);
            }
            if (stands) continue;  // an earlier run's: it ends with its socket
            if (!fits) {
                tell(asked, *service, place, owner, slot.state.arrivals, stranger);
                continue;
            }
            told_.erase(key);
            if (auto done = ports_.prove(owner, place, slot.state.arrivals); !done)
                spdlog::error("{}: port {} stays closed", done.error().message, place.port_host);
        }
    }
}

void Owners::publish_held(const Slots& slots) {
    policy::HeldPorts held;
    const auto proofs = ports_.proofs();
    for (const auto& [place, slot] : slots) {
        if (slot.state.sockets == 0) continue;
        policy::HeldPort one{IpAddress::from_bytes(place.address), HostPort{place.port_host},
                             place.protocol, place.v6only != 0, 0};
        bool proven = false;
        for (const auto& [owner, asked] : asked_) {
            const auto found = proofs.find(port_proof_key{owner, place, 0});
            if (found == proofs.end() || found->second != slot.state.arrivals) continue;
            one.owner = owner;
            held.push_back(one);
            proven = true;
        }
        if (!proven) held.push_back(one);
    }
    if (coverage_.set_held(std::move(held))) observer_.invalidate();
}

void Owners::update() {
    learn_policy();
    if (asked_.empty()) {
        if (coverage_.set_held({})) observer_.invalidate();
        return;
    }
    const inventory::PublishIndex index(observer_.engines());
    auto slots = ports_.slots();
    const bool unseen = add_unseen(observer_.listeners(), slots);
    if (unseen) slots = ports_.slots();
    if (add_publications(index, slots)) slots = ports_.slots();
    prove(slots, index);
    publish_held(slots);
}

// A socket's arrival is in the map before its record is in the ring: only what two sweeps in a row
// did not show is gone.
void Owners::swept() {
    if (asked_.empty()) return;
    std::set<std::uint64_t> missing;
    for (const auto& [key, slot] : ports_.slots())
        for (const auto cookie : slot.cookies) {
            if ((cookie & PORT_CLAIM_NO_SOCKET) != 0 || observer_.listener(cookie) != nullptr)
                continue;
            if (missing_.contains(cookie))
                (void)ports_.release(cookie);
            else
                missing.insert(cookie);
        }
    missing_ = std::move(missing);
    ports_.prune();
}

}  // namespace portlid::app
