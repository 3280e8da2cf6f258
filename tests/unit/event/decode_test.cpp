// SPDX-License-Identifier: Apache-2.0
#include "event/decode.hpp"

#include <gtest/gtest.h>

#include <random>

#include "raw_records.hpp"

namespace portlid::event {
namespace {

TEST(Decode, GivesEveryFieldOfASocketRecord) {
    const auto record = decode(bytes_of(raw_socket()));
    ASSERT_TRUE(record && std::holds_alternative<SocketRecord>(*record));
    const auto& socket = std::get<SocketRecord>(*record);
    EXPECT_EQ(socket.kind, EVENT_listen);
    EXPECT_EQ(socket.time.ns, 5'000'000'000U);
    EXPECT_EQ(socket.socket.cookie, 4711U);
    EXPECT_EQ(socket.socket.address.to_string(), "192.0.2.10");
    EXPECT_EQ(socket.socket.port.value, 8080);
    EXPECT_EQ(socket.socket.backlog, 128);
    EXPECT_TRUE(socket.socket.reuseport);
    EXPECT_TRUE(socket.socket.bound);
    EXPECT_FALSE(socket.socket.v6only);
    EXPECT_EQ(socket.task.pid, 8079U);
    EXPECT_EQ(socket.task.uid, 1000U);
    EXPECT_EQ(socket.task.comm, "nginx");
    EXPECT_EQ(socket.task.cgroup_name, "web.service");
}

TEST(Decode, GivesEveryFieldOfAVerdictRecord) {
    const auto record = decode(bytes_of(raw_verdict()));
    ASSERT_TRUE(record && std::holds_alternative<VerdictRecord>(*record));
    const auto& verdict = std::get<VerdictRecord>(*record);
    EXPECT_EQ(verdict.source.to_string(), "203.0.113.7");
    EXPECT_EQ(verdict.destination.to_string(), "198.51.100.10");
    EXPECT_EQ(verdict.source_port.value, 51322);
    EXPECT_EQ(verdict.destination_port.value, 5432);
    EXPECT_EQ(verdict.generation, 12U);
    EXPECT_EQ(verdict.why, REASON_no_service);
    EXPECT_EQ(verdict.verdict, VERDICT_would_drop);
    EXPECT_EQ(verdict.hook, HOOK_xdp);
    EXPECT_EQ(verdict.family, Family::IPv4);
}

TEST(Decode, RefusesEveryLengthButTheRightOne) {
    auto bytes = bytes_of(raw_socket());
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode({bytes.data(), length})) << length;
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode(bytes));
}

template <class T>
struct Refusal {
    const char* sentence;
    void (*spoil)(T&);
};

TEST(Decode, RefusesASocketRecordThatLies) {
    const Refusal<socket_event> refusals[] = {
        {"size one too small", [](socket_event& r) { r.head.size -= 1; }},
        {"size of another record", [](socket_event& r) { r.head.size = sizeof(verdict_event); }},
        {"newer abi", [](socket_event& r) { r.head.abi_version += 1; }},
        {"kind zero", [](socket_event& r) { r.head.kind = 0; }},
        {"kind unknown", [](socket_event& r) { r.head.kind = 99; }},
        {"kind of another record", [](socket_event& r) { r.head.kind = EVENT_verdict; }},
        {"family zero", [](socket_event& r) { r.socket.family = 0; }},
        {"family IPv4 with an IPv6 address",
         [](socket_event& r) { r.socket.address = raw_address("2001:db8::1"); }},
    };
    for (const auto& row : refusals) {
        SCOPED_TRACE(row.sentence);
        auto raw = raw_socket();
        row.spoil(raw);
        EXPECT_FALSE(decode(bytes_of(raw)));
    }
}

TEST(Decode, RefusesAVerdictRecordThatLies) {
    const Refusal<verdict_event> refusals[] = {
        {"reason above the list", [](verdict_event& r) { r.reason = REASON_COUNT; }},
        {"verdict above the list", [](verdict_event& r) { r.verdict = VERDICT_COUNT; }},
        {"zone above the limit", [](verdict_event& r) { r.zone = MAX_ZONES; }},
        {"hook zero", [](verdict_event& r) { r.hook = 0; }},
        {"hook unknown", [](verdict_event& r) { r.hook = 3; }},
        {"family unknown", [](verdict_event& r) { r.family = 5; }},
        {"source of another family",
         [](verdict_event& r) { r.source = raw_address("2001:db8::1"); }},
        {"kind of another record", [](verdict_event& r) { r.head.kind = EVENT_bind; }},
    };
    for (const auto& row : refusals) {
        SCOPED_TRACE(row.sentence);
        auto raw = raw_verdict();
        row.spoil(raw);
        EXPECT_FALSE(decode(bytes_of(raw)));
    }
}

TEST(Decode, KeepsAMappedAddressOnAnIPv6Socket) {
    auto raw = raw_socket();
    raw.socket.family = 6;
    const auto record = decode(bytes_of(raw));
    ASSERT_TRUE(record);
    const auto& socket = std::get<SocketRecord>(*record).socket;
    EXPECT_EQ(socket.family, Family::IPv6);
    EXPECT_EQ(socket.address.family(), Family::IPv4);
}

TEST(Decode, CallsAnMptcpSocketTcp) {
    auto raw = raw_socket();
    raw.socket.protocol = 262;
    const auto record = decode(bytes_of(raw));
    ASSERT_TRUE(record);
    EXPECT_EQ(std::get<SocketRecord>(*record).socket.protocol, 6U);
    EXPECT_TRUE(std::get<SocketRecord>(*record).socket.mptcp);
}

TEST(Decode, EndsATextThatHasNoTerminator) {
    auto raw = raw_socket();
    std::memset(raw.task.comm, 'x', sizeof(raw.task.comm));
    std::memset(raw.task.cgroup_name, 'y', sizeof(raw.task.cgroup_name));
    const auto record = decode(bytes_of(raw));
    ASSERT_TRUE(record);
    EXPECT_EQ(std::get<SocketRecord>(*record).task.comm, std::string(TASK_COMM_BYTES, 'x'));
    EXPECT_EQ(std::get<SocketRecord>(*record).task.cgroup_name.size(), CGROUP_NAME_BYTES);
}

TEST(Decode, ReadsARecordThatIsNotAligned) {
    std::vector<std::byte> bytes(1);
    const auto record = bytes_of(raw_verdict());
    bytes.insert(bytes.end(), record.begin(), record.end());
    EXPECT_TRUE(decode(std::span(bytes).subspan(1)));
}

TEST(Decode, SurvivesRandomBytes) {
    std::mt19937 random(7);
    for (int round = 0; round < 20000; ++round) {
        auto bytes = bytes_of(raw_socket());
        if (round % 2 == 0) bytes = bytes_of(raw_verdict());
        for (int flips = 0; flips < 4; ++flips)
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        const auto record = decode(bytes);
        if (!record || !std::holds_alternative<VerdictRecord>(*record)) continue;
        EXPECT_STRNE(reason_word(std::get<VerdictRecord>(*record).why), "unknown");
    }
}

TEST(Words, ExistForEveryReasonAndVerdict) {
    for (int number = 0; number < REASON_COUNT; ++number) {
        EXPECT_STRNE(reason_word(static_cast<reason>(number)), "unknown") << number;
        EXPECT_NE(std::string(reason_sentence(static_cast<reason>(number))), "") << number;
    }
    EXPECT_STREQ(verdict_name(VERDICT_would_drop), "would_drop");
    EXPECT_STREQ(hook_name(HOOK_tc), "tc");
    EXPECT_STREQ(reason_word(static_cast<reason>(31)), "unknown");
}

TEST(Words, NameProtocolsAndFallBackToTheNumber) {
    EXPECT_EQ(protocol_name(6), "tcp");
    EXPECT_EQ(protocol_name(17), "udp");
    EXPECT_EQ(protocol_name(1), "icmp");
    EXPECT_EQ(protocol_name(58), "icmpv6");
    EXPECT_EQ(protocol_name(47), "47");
    EXPECT_EQ(transport_name(6), "tcp");
    EXPECT_EQ(transport_name(300), "300");
}

}  // namespace
}  // namespace portlid::event
