// SPDX-License-Identifier: Apache-2.0
#include "app/explain.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>

#include "base/text.hpp"
#include "event/decode.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUsage = "portlid explain 203.0.113.9 to :5432/tcp";

tl::unexpected<Error> misunderstood(const std::string& what) {
    return fail(what, kUsage, ExitCode::Usage);
}

Result<std::uint8_t> parse_protocol(std::string_view word) {
    if (word == "tcp") return IPPROTO_TCP;
    if (word == "udp") return IPPROTO_UDP;
    return misunderstood("protocol '" + printable(word, 32) + "' is neither tcp nor udp");
}

Result<HostPort> parse_port(std::string_view text) {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || text.empty())
        return misunderstood("'" + printable(text, 32) + "' is not a port number");
    return HostPort{value};
}

}  // namespace

Result<Question> parse_question(const std::string& source, const std::string& destination) {
    Question question;
    std::string_view rest = destination;
    if (const auto slash = rest.rfind('/'); slash != std::string_view::npos) {
        auto protocol = parse_protocol(rest.substr(slash + 1));
        if (!protocol) return pass_on(protocol.error());
        question.protocol = *protocol;
        rest = rest.substr(0, slash);
    }
    const auto colon = rest.rfind(':');
    auto port = parse_port(colon == std::string_view::npos ? rest : rest.substr(colon + 1));
    if (!port) return pass_on(port.error());
    question.port = *port;
    std::string_view host = colon == std::string_view::npos ? "" : rest.substr(0, colon);
    if (host.size() > 1 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (!host.empty()) {
        question.destination = IpAddress::parse(host);
        if (!question.destination)
            return misunderstood("'" + printable(host, 64) + "' is not an address");
    }
    const bool v6 = question.destination && question.destination->family() == Family::IPv6;
    const auto stranger = IpAddress::parse(v6 ? "2001:db8:ffff::1" : "192.0.2.254");
    const auto parsed = source == "any" ? stranger : IpAddress::parse(source);
    if (!parsed) return misunderstood("'" + printable(source, 64) + "' is not an address");
    question.source = *parsed;
    if (question.destination && question.destination->family() != parsed->family())
        return misunderstood("source and destination are of different address families");
    return question;
}

namespace {

IpAddress destination_of(const ExplainContext& context, const Question& question) {
    if (question.destination) return *question.destination;
    const auto family = question.source.family();
    for (const auto& own : context.addresses)
        if (own.family() == family && !own.is_link_local()) return own;
    for (const auto& own : context.tables.own)
        if (own.family() == family && !own.is_loopback()) return own;
    return IpAddress::any(family);
}

Json step(std::string where, std::string outcome, std::string why) {
    return {{"where", std::move(where)}, {"outcome", std::move(outcome)}, {"why", std::move(why)}};
}

const identity::PublishedPort* publication(const identity::EngineSnapshot& engine,
                                           const Question& question,
                                           const identity::Container** who) {
    for (const auto& [id, container] : engine.containers)
        for (const auto& port : container.published)
            if (container.running && port.protocol == question.protocol &&
                port.host_port == question.port) {
                *who = &container;
                return &port;
            }
    return nullptr;
}

// "published by web -> 172.17.0.2:80", "" when nothing translates the packet.
std::string translation(const ExplainContext& context, const Question& question,
                        const IpAddress& destination) {
    const identity::Container* who = nullptr;
    if (const auto* port = context.engine ? publication(*context.engine, question, &who) : nullptr)
        return fmt::format("published by {} -> {}", printable(who->name, 128),
                           endpoint(port->container_address, port->container_port));
    const auto* rule = context.nat
                           ? nat::find(*context.nat, question.protocol, destination, question.port)
                           : nullptr;
    if (rule == nullptr) return {};
    return "a NAT rule -> " + endpoint(rule->inner_address, rule->inner_port(question.port));
}

// DNAT decides the path: FORWARD (UFW has no say) or INPUT (it has).
void add_path_steps(const ExplainContext& context, const Question& question,
                    const IpAddress& destination, Json& steps) {
    const auto translated = translation(context, question, destination);
    const auto answer = [&] {
        return std::string(inventory::to_string(context.ufw->answer(
            question.protocol, IpAddress::any(question.source.family()), question.port)));
    };
    if (!translated.empty()) {
        steps.push_back(step("docker", "DNAT", translated));
        if (context.ufw != nullptr)
            steps.push_back(step("ufw", "not asked",
                                 "ufw says " + answer() +
                                     ", but its rules sit in INPUT and this packet is forwarded"));
        return;
    }
    if (context.engine) steps.push_back(step("docker", "no publication", "stays on this host"));
    if (context.ufw != nullptr) steps.push_back(step("ufw", answer(), "INPUT"));
}

}  // namespace

Json explain(const ExplainContext& context, const Question& question) {
    const auto& zone = context.policy->zones.at(context.zone);
    const auto destination = destination_of(context, question);
    auto judged = policy::judge_probe(*context.compiled, context.tables,
                                      {.zone = context.zone,
                                       .protocol = question.protocol,
                                       .source = question.source,
                                       .destination = destination,
                                       .port = question.port});
    if ((context.force_monitor || !context.attached) && judged.verdict == VERDICT_drop)
        judged.verdict = VERDICT_would_drop;
    const bool dropped = judged.verdict != VERDICT_allow;
    const auto& rule = context.compiled->rules.at(judged.rule);
    const std::string where = context.interface_name.empty()
                                  ? "zone " + zone.name
                                  : context.interface_name + " (zone " + zone.name + ")";
    Json steps = Json::array();
    steps.push_back(step("packet", "new flow",
                         fmt::format("{} to {}/{}", question.source.to_string(),
                                     endpoint(destination, question.port),
                                     question.protocol == IPPROTO_UDP ? "udp" : "tcp")));
    steps.push_back(step(where, event::verdict_name(judged.verdict),
                         fmt::format("{}: {} ({})", event::reason_word(judged.why),
                                     event::reason_sentence(judged.why), rule.name)));
    if (!context.attached)
        steps.push_back(step(where, "not filtered", "no packet program is attached there"));
    if (judged.verdict != VERDICT_drop) add_path_steps(context, question, destination, steps);
    return {{"schema", "portlid.explain/v1"},
            {"verdict", event::verdict_name(judged.verdict)},
            {"enforced", dropped ? "drop" : "allow"},
            {"reason", event::reason_word(judged.why)},
            {"rule", {{"name", rule.name}, {"source", rule.source}}},
            {"zone", zone.name},
            {"steps", std::move(steps)}};
}

}  // namespace portlid::app
