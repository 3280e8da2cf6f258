// SPDX-License-Identifier: Apache-2.0
#include "app/ledger.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/text.hpp"
#include "event/decode.hpp"
#include "policy/simulate.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kMonitoredEverySeconds = 60;
// What makes a rule ripe: that many days under observation since the last packet of a use that it
// would have dropped.
constexpr unsigned kRipeDays = 7;

using PortKey = std::pair<std::uint8_t, std::uint16_t>;

std::shared_ptr<const history::Target> target_of(const event::TargetView& view) {
    auto target = std::make_shared<history::Target>();
    target->exe = printable(view.exe);
    if (view.container) {
        target->container_id = printable(view.container->id);
        target->container = printable(view.container->name);
        target->image = printable(view.container->image);
        target->project = printable(view.container->compose_project);
        target->service = printable(view.container->compose_service);
    }
    return target;
}

bool is_multicast(const IpAddress& address) {
    return address.family() == Family::IPv4 ? (address.bytes()[12] & 0xf0U) == 0xe0U
                                            : address.bytes()[0] == 0xffU;
}

std::string kind_of(const IpAddress& address, const policy::HostTables& tables) {
    if (tables.own.contains(address)) return "own";
    if (is_multicast(address)) return "multicast";
    const Cidr* best = nullptr;
    std::uint32_t what = 0;
    for (const auto& [prefix, kind] : tables.networks) {
        if (!prefix.contains(address)) continue;
        if (best != nullptr && best->mapped_bits() > prefix.mapped_bits()) continue;
        best = &prefix;
        what = kind;
    }
    if (what == NETWORK_CONTAINER || what == NETWORK_ROUTED) return "container";
    return what == NETWORK_BROADCAST ? "broadcast" : "other";
}

// By the names that verdicts carry.
std::vector<std::string> rule_names(const policy::Policy& policy) {
    std::vector<std::string> names;
    for (const auto& zone : policy.zones) names.push_back(zone.name + " default");
    for (const auto& service : policy.services) names.push_back(service.name);
    return names;
}

Json time_or_null(const std::optional<WallTime>& time) {
    return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

}  // namespace

struct Ledger::Pass {
    policy::HostTables tables;
    std::set<PortKey> held;  // ports that somebody holds on this host
    std::map<std::tuple<std::uint8_t, std::uint16_t, IpAddress>,
             std::shared_ptr<const history::Target>>
        targets;
    std::map<IpAddress, std::string> kinds;
};

Ledger::Ledger(history::Options options, Emitter& emitter)
    : emitter_(emitter), history_(std::move(options)), last_seq_(emitter.sinks().emitted()) {}

void Ledger::attach(std::optional<kernel::Uses> uses, PolicyStore& policies, Coverage& coverage,
                    Observer& observer, Rollout& rollout) {
    uses_ = std::move(uses);
    policies_ = &policies;
    coverage_ = &coverage;
    observer_ = &observer;
    rollout_ = &rollout;
}

void Ledger::pump() {
    if (emitter_.sinks().emitted() == last_seq_) return;
    auto lines = emitter_.sinks().recent(last_seq_);
    if (lines.empty()) return;
    // More came at once than the memory of the sinks holds.
    if (lines.front().first > last_seq_ + 1)
        history_.count_lost(lines.front().first - last_seq_ - 1);
    last_seq_ = lines.back().first;
    history_.add_events(std::move(lines));
}

void Ledger::every_second() {
    for (const auto& trouble : history_.take_troubles()) {
        spdlog::warn("history: {}", trouble.why);
        emitter_.emit(
            event::Kind::SensorDegraded,
            event::sensor_degraded_body(emitter_.origin(), "history", trouble.why, trouble.advice));
    }
    if (policies_ == nullptr) return;
    auto rules = monitored();
    const bool due = seconds_++ % kMonitoredEverySeconds == 0;
    if (!due && rules == told_monitored_) return;
    told_monitored_ = rules;
    history_.add_monitored(std::move(rules));
}

// Rules that let through what they would drop, by the names that verdicts carry.
std::vector<std::string> Ledger::monitored() const {
    const auto& policy = policies_->model();
    std::set<std::string> names;
    for (const auto& zone : policy.zones) {
        if (policies_->capped() || policy::mode_of(policy, zone) == policy::Mode::Monitor)
            names.insert(zone.name + " default");
        for (const auto& service : policy.services)
            if (policies_->capped() ||
                policy::mode_of(policy, zone, service) == policy::Mode::Monitor)
                names.insert(service.name);
    }
    return {names.begin(), names.end()};
}

// The aggregation does not carry the rule: the native pipeline is asked again, and believed where
// it comes to the same reason. Bans and what a newer policy changed have built-in names.
void Ledger::name_rule(history::Flow& flow, unsigned zone, Pass& pass) const {
    const auto& compiled = policies_->compiled();
    policy::HostTables tables;
    tables.own = {flow.destination};
    const auto& where = flow.destination_kind == "own" ? tables : pass.tables;
    const auto judged = policy::judge_probe(compiled, where,
                                            {.zone = zone,
                                             .protocol = flow.protocol,
                                             .source = flow.source,
                                             .destination = flow.destination,
                                             .port = flow.port});
    // No limit is kept here: to the native pipeline every source is new to it.
    const bool same =
        judged.why == flow.why || (flow.why == REASON_limited && judged.why == REASON_allowed);
    const auto index = same ? judged.rule : std::uint16_t{0};
    const auto rule = policies_->rule(policies_->generation(), index, flow.why);
    flow.rule = rule.name;
    flow.rule_source = rule.source;
}

history::Flow Ledger::flow_of(const kernel::RecentUse& entry, Pass& pass) const {
    const auto& zones = policies_->compiled().zones;
    history::Flow flow;
    flow.source = IpAddress::from_bytes(entry.key.source);
    flow.destination = IpAddress::from_bytes(entry.state.destination);
    flow.zone = entry.key.zone < zones.size() ? zones[entry.key.zone] : std::string();
    flow.interface_name = coverage_->name_of(entry.state.ifindex);
    flow.protocol = entry.key.protocol;
    flow.port = {entry.key.destination_port_host};
    flow.verdict = static_cast<verdict_word>(entry.key.verdict);
    flow.why = static_cast<reason>(entry.key.reason);
    flow.generation = policies_->generation();
    flow.first = to_wall({entry.state.first_boot_ns});
    flow.last = to_wall({entry.state.last_boot_ns});
    flow.packets = entry.state.packets;
    flow.syns = entry.state.syns;
    flow.acks = entry.state.acks;
    auto& kind = pass.kinds[flow.destination];
    if (kind.empty()) kind = kind_of(flow.destination, pass.tables);
    flow.destination_kind = kind;
    if (!pass.held.contains({flow.protocol, flow.port.value})) return flow;
    auto& target = pass.targets[{flow.protocol, flow.port.value, flow.destination}];
    if (!target) {
        const auto found = observer_->target(flow.protocol, flow.destination, flow.port);
        target = found ? target_of(*found) : std::make_shared<history::Target>();
    }
    flow.target = target;
    flow.listener = !target->empty();
    return flow;
}

Ledger::Pass Ledger::begin_pass() const {
    Pass pass;
    pass.tables = coverage_->tables();
    for (const auto& exposure : observer_->exposures())
        if (exposure.host_netns && exposure.address)
            pass.held.insert({exposure.protocol, exposure.port.value});
    return pass;
}

void Ledger::note_uses() {
    if (!uses_) return;
    const auto entries = uses_->take();
    if (entries.empty()) return;
    auto pass = begin_pass();
    std::vector<history::Flow> flows;
    std::size_t probes = 0;
    for (const auto& entry : entries) {
        if (entry.state.packets == 0) continue;
        auto flow = flow_of(entry, pass);
        if (flow.zone.empty()) continue;
        const bool probe = flow.packets <= 1 || (!flow.listener && !history::is_use(flow));
        if (probe && ++probes > kProbesAWindow) {
            ++probes_left_out_;
            continue;
        }
        name_rule(flow, entry.key.zone, pass);
        flows.push_back(std::move(flow));
    }
    rollout_->note(flows);
    history_.add_flows(std::move(flows));
}

Json Ledger::status() const {
    const auto state = history_.state();
    return {{"state", state.up ? "up" : "down"},
            {"why", state.why.empty() ? Json(nullptr) : Json(printable(state.why))},
            {"file", history_.file().string()},
            {"bytes", state.bytes},
            {"oldest", time_or_null(state.oldest)},
            {"queued", state.queued},
            {"lost", state.lost},
            {"probes_left_out", probes_left_out_}};
}

Json Ledger::rules() const {
    const auto state = history_.state();
    Json list = Json::array();
    if (policies_ == nullptr) return list;
    const auto now_monitored = monitored();
    for (const auto& rule : rule_names(policies_->model())) {
        const auto found = std::find_if(state.rules.begin(), state.rules.end(),
                                        [&](const auto& one) { return one.rule == rule; });
        const auto days = found == state.rules.end() ? history::RuleDays{} : *found;
        const bool monitors = std::binary_search(now_monitored.begin(), now_monitored.end(), rule);
        const bool ripe = monitors && !policies_->capped() && days.days_clean >= kRipeDays;
        list.push_back({{"name", printable(rule)},
                        {"mode", monitors ? "monitor" : "enforce"},
                        {"days_observed", days.days_observed},
                        {"days_clean", days.days_clean},
                        {"days_needed", kRipeDays},
                        {"last_would_drop", time_or_null(days.last_would_drop)},
                        {"last_cut", time_or_null(days.last_cut)},
                        {"hits", days.hits},
                        {"would_drops", days.would_drops},
                        {"ripe", ripe}});
    }
    return list;
}

}  // namespace portlid::app
