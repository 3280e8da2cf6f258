// SPDX-License-Identifier: Apache-2.0
// The text's own answer: the decision table read aloud, and against the compiled image.
#include "policy/text_answer.hpp"

#include <random>

#include "policy/source_samples.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

const std::string kTable = R"(
mode: enforce
zones:
  public: { interfaces: [eth0], default: drop }
  vpn: { interfaces: [wg0], default: allow, mode: monitor }
sets:
  office: [203.0.113.0/24]
  spammers: [203.0.113.128/25]
deny: [spammers]
services:
  - { name: web, ports: [80/tcp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: watched, ports: [23/tcp], from: [office], mode: monitor }
  - { name: strict, ports: [23/tcp], from: [192.0.2.0/24], zones: [vpn], mode: enforce }
  - { name: inner, ports: [9100/udp], addresses: [10.8.0.1], zones: [public] }
  - { name: owned, ports: [8443/tcp], owner: { container: "shop-*" } }
failsafe:
  - { ports: [2222/tcp], from: [203.0.113.0/24] }
)";

struct AnswerRow {
    const char* sentence;
    std::size_t zone;
    const char* source;
    const char* port;
    verdict_word verdict;
    reason why;
};

TEST(TextAnswer, IsTheDecisionTableReadAloud) {
    const auto policy = policy_of(kTable);
    const std::vector<AnswerRow> rows{
        {"a service opens to everybody", 0, "198.51.100.1", "80/tcp", VERDICT_allow,
         REASON_allowed},
        {"a service opens to a listed source", 0, "203.0.113.1", "22/tcp", VERDICT_allow,
         REASON_allowed},
        {"a service closes to others", 0, "198.51.100.1", "22/tcp", VERDICT_drop,
         REASON_source_not_allowed},
        {"also where the zone's default is allow, in the zone's mode", 1, "198.51.100.1", "22/tcp",
         VERDICT_would_drop, REASON_source_not_allowed},
        {"a service's own mode decides", 0, "198.51.100.1", "23/tcp", VERDICT_would_drop,
         REASON_source_not_allowed},
        {"of several that close, one that enforces is enough", 1, "198.51.100.1", "23/tcp",
         VERDICT_drop, REASON_source_not_allowed},
        {"a denied source is dropped though a service opens", 0, "203.0.113.200", "80/tcp",
         VERDICT_drop, REASON_denied},
        {"in the zone's mode", 1, "203.0.113.200", "80/tcp", VERDICT_would_drop, REASON_denied},
        {"failsafe stands before the deny set", 0, "203.0.113.200", "2222/tcp", VERDICT_allow,
         REASON_failsafe},
        {"and is for its own sources", 0, "198.51.100.1", "2222/tcp", VERDICT_drop,
         REASON_no_service},
        {"a service with addresses names no other address", 0, "198.51.100.1", "9100/udp",
         VERDICT_drop, REASON_no_service},
        {"the other protocol is another port", 0, "198.51.100.1", "80/udp", VERDICT_drop,
         REASON_no_service},
        {"an owner that nobody proved opens nothing", 0, "198.51.100.1", "8443/tcp", VERDICT_drop,
         REASON_owner_absent},
        {"the zone's default lets in", 1, "198.51.100.1", "9999/tcp", VERDICT_allow,
         REASON_zone_default},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        const std::string port = row.port;
        const auto said = text_answer(
            policy, {row.zone, port.ends_with("udp") ? PortProtocol::Udp : PortProtocol::Tcp,
                     address(row.source), address("192.0.2.1"),
                     HostPort{static_cast<std::uint16_t>(std::stoi(port))}});
        EXPECT_EQ(said.verdict, row.verdict);
        EXPECT_EQ(said.why, row.why);
    }
    const auto named = text_answer(policy, {0, PortProtocol::Udp, address("198.51.100.1"),
                                            address("10.8.0.1"), HostPort{9100}});
    EXPECT_EQ(named.verdict, VERDICT_allow);
}

TEST(TextAnswer, StretchesBeginWhereARuleBeginsAndAfterWhereItEnds) {
    const auto policy = policy_of(R"(
zones: { public: { interfaces: [eth0] }, vpn: { interfaces: [wg0] } }
services:
  - { name: a, ports: [80-90/tcp, 65535/tcp] }
  - { name: b, ports: [85-88/tcp], zones: [vpn] }
  - { name: c, ports: [7/udp] }
)");
    EXPECT_EQ(stretches(policy, 0, PortProtocol::Tcp),
              (std::vector<std::uint32_t>{0, 80, 91, 65535}));
    EXPECT_EQ(stretches(policy, 1, PortProtocol::Tcp),
              (std::vector<std::uint32_t>{0, 80, 85, 89, 91, 65535}));
    EXPECT_EQ(stretches(policy, 0, PortProtocol::Udp), (std::vector<std::uint32_t>{0, 7, 8}));
}

// A policy that leaves a way in, over few ports and prefixes, so that its parts meet.
std::string random_policy(std::mt19937& random) {
    const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
    const auto source = [&] {
        static const std::vector<std::string> kSources{"a",
                                                       "b",
                                                       "203.0.113.0/25",
                                                       "203.0.113.64/26",
                                                       "198.51.100.0/24",
                                                       "2001:db8:7::/48",
                                                       "\"2001:db8:7:1::/64\""};
        return kSources[pick(7)];
    };
    const auto zone_mode = [&] { return std::string(pick(2) != 0 ? "enforce" : "monitor"); };
    std::string text = "mode: " + zone_mode() +
                       "\nzones:\n  one: { interfaces: [eth0], default: drop }\n"
                       "  two: { interfaces: [wg0], default: allow, mode: " +
                       zone_mode() +
                       " }\nsets:\n  a: [203.0.113.0/24, 2001:db8::/32]\n"
                       "  b: [203.0.113.32/27, 192.0.2.0/24]\n";
    if (pick(2) != 0) text += "deny: [" + source() + "]\n";
    text += "services:\n  - { name: way-in, ports: [1/tcp] }\n";
    for (unsigned i = 0; i < 1 + pick(8); ++i) {
        const auto first = 10 + pick(20);
        const bool tcp = pick(2) != 0;
        text += fmt::format("  - {{ name: s{}, ports: [{}-{}/{}]", i, first, first + pick(9),
                            tcp ? "tcp" : "udp");
        if (pick(2) != 0) text += ", from: [" + source() + "]";
        if (pick(3) == 0) text += pick(2) != 0 ? ", zones: [one]" : ", zones: [two]";
        if (pick(3) == 0) text += pick(2) != 0 ? ", mode: enforce" : ", mode: monitor";
        if (pick(4) == 0) text += ", addresses: [192.0.2.2]";
        if (pick(5) == 0) text += ", owner: { container: \"x\" }";
        if (tcp && pick(4) == 0)
            text += fmt::format(", limit: {{ new: {}/30s, exempt: [{}] }}", 1 + pick(2), source());
        text += " }\n";
    }
    if (pick(2) != 0) text += "failsafe: [ { ports: [15-16/tcp], from: [" + source() + "] } ]\n";
    return text;
}

void expect_same_answers(const Policy& policy, const CompiledPolicy& image) {
    HostTables tables;
    tables.own = {address("192.0.2.1"), address("192.0.2.2"), address("2001:db8::1")};
    for (const auto& sample : source_samples(policy, tables.own))
        for (const auto& source : {sample.v4, sample.v6})
            for (const auto& own : tables.own)
                for (std::size_t zone = 0; source && zone < 2; ++zone)
                    for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp})
                        for (const auto port : stretches(policy, zone, protocol)) {
                            if (own.family() != source->family()) continue;
                            const HostPort host_port{static_cast<std::uint16_t>(port)};
                            const auto said =
                                text_answer(policy, {zone, protocol, *source, own, host_port});
                            const auto judged =
                                judge_probe(image, tables,
                                            {.zone = static_cast<unsigned>(zone),
                                             .protocol = static_cast<std::uint8_t>(protocol),
                                             .source = *source,
                                             .destination = own,
                                             .port = host_port});
                            ASSERT_EQ(said.verdict, judged.verdict)
                                << source->to_string() << " to " << own.to_string() << " port "
                                << port << " zone " << zone;
                        }
}

TEST(TextAnswer, IsWhatTheCompiledImageSaysOfRandomPolicies) {
    std::mt19937 random(20260301);  // NOLINT: the same policies every time
    unsigned compiled_policies = 0;
    for (unsigned round = 0; round < cases(60); ++round) {
        const auto text = random_policy(random);
        SCOPED_TRACE(text);
        const auto policy = policy_of(text);
        auto image = compile(policy);
        if (!image) continue;  // more limits on one port than a chain can hold
        ++compiled_policies;
        expect_same_answers(policy, *image);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(compiled_policies, cases(50));
}

}  // namespace
}  // namespace portlid::policy::test
