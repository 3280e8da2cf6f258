// SPDX-License-Identifier: Apache-2.0
// A flow that only conntrack knows: what is asked, and what is known without asking.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/ipsec.hpp"
#include "policy/load.hpp"
#include "program_fixture.hpp"

namespace portlid::kernel {
namespace {

constexpr std::uint16_t kOurPort = 45123, kUnusedPort = 45124;

class ReplyGuardTest : public ProgramTest {
protected:
    void SetUp() override {
        ProgramTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        make_veth();
        if (shell("ip address add 192.0.2.1/24 dev up0 && ip route add default dev up0 && "
                  "ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev up0 && "
                  "iptables -A OUTPUT -m conntrack --ctstate NEW -j ACCEPT") != 0)
            GTEST_SKIP() << "iptables with conntrack is not here";
        speak();
        load();
        if (!sensor_->conntrack_available()) GTEST_SKIP() << "no conntrack kfuncs here";
        auto outcome = policy::load_text(
            "version: 1\nzones: { public: { interfaces: [up0], mode: enforce } }\n"
            "services: [{ name: ssh, ports: [22/tcp] }]\n",
            "policy.yaml", ".");
        ASSERT_TRUE(outcome.ok());
        auto compiled = policy::compile(outcome.policy);
        ASSERT_TRUE(compiled);
        ASSERT_TRUE(sensor_->publish(*compiled));
        attach_program();
    }
    // Before any program watches.
    static void speak() {
        const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        auto from = address(test::kHostV4, kOurPort), to = address(test::kStrangerV4, 53);
        ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), sizeof(from)), 0);
        ASSERT_EQ(::sendto(socket.get(), "?", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
                  1);
    }
    static sockaddr_in address(const char* text, std::uint16_t port) {
        sockaddr_in made{};
        made.sin_family = AF_INET;
        made.sin_port = htons(port);
        ::inet_pton(AF_INET, text, &made.sin_addr);
        return made;
    }
    [[nodiscard]] unsigned answer_to(std::uint16_t port) const {
        return judge(test::udp_v4(53, port));
    }
};

TEST_F(ReplyGuardTest, ConntrackIsAskedUntilEveryPortIsKnown) {
    EXPECT_EQ(answer_to(kOurPort), XDP_PASS);
    EXPECT_EQ(answer_to(kUnusedPort), XDP_DROP);
    // Said too early it would be believed: nothing is asked any more.
    ASSERT_TRUE(sensor_->say_ports_are_all(true));
    EXPECT_EQ(answer_to(kOurPort), XDP_DROP);
    ASSERT_TRUE(sensor_->say_ports_are_all(false));
    EXPECT_EQ(answer_to(kOurPort), XDP_PASS);
}

TEST_F(ReplyGuardTest, ThePortsThatConntrackKnowsKeepTheirAnswers) {
    const auto ports = dump_answered_ports(1000);
    ASSERT_TRUE(ports) << ports.error().message;
    EXPECT_TRUE(ports->contains({IPPROTO_UDP, HostPort{kOurPort}}));
    EXPECT_FALSE(ports->contains({IPPROTO_UDP, HostPort{kUnusedPort}}));
    EXPECT_FALSE(ports->contains({IPPROTO_TCP, HostPort{kOurPort}}));
    ASSERT_TRUE(sensor_->add_used_ports(*ports));
    ASSERT_TRUE(sensor_->say_ports_are_all(true));
    EXPECT_EQ(answer_to(kOurPort), XDP_PASS);
    EXPECT_EQ(answer_to(kUnusedPort), XDP_DROP);
}

TEST_F(ReplyGuardTest, TooManyFlowsAreAnErrorNotAWait) {
    EXPECT_FALSE(dump_answered_ports(0));
}

TEST_F(ReplyGuardTest, AnAssociationOfIpsecIsSeen) {
    IpsecWatch watch;
    EXPECT_FALSE(watch.in_use());
    if (shell("ip xfrm state add src 192.0.2.1 dst 192.0.2.9 proto esp spi 1 mode tunnel "
              "enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff auth 'hmac(sha1)' "
              "0x0011223344556677889900112233445566778899") != 0)
        GTEST_SKIP() << "no IPsec here: an association cannot be made";
    EXPECT_TRUE(watch.in_use());
    EXPECT_TRUE(watch.in_use());
    ASSERT_EQ(shell("ip xfrm state flush"), 0);
    EXPECT_FALSE(watch.in_use());
    EXPECT_FALSE(watch.in_use());
}

}  // namespace
}  // namespace portlid::kernel
