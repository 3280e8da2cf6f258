// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace portlid {
namespace {

TEST(IpAddress, ReadsBothFamiliesAndWritesThemBack) {
    for (const auto* text :
         {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
        const auto address = IpAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
    }
}

TEST(IpAddress, TakesAMappedAddressAsIpv4) {
    const auto mapped = IpAddress::parse("::ffff:192.0.2.1");
    EXPECT_EQ(mapped, IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(mapped->family(), Family::IPv4);
}

TEST(IpAddress, RefusesWhatIsNone) {
    for (const auto* text : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ", " 1.2.3.4",
                             "0x7f.1.1.1", "1.2.3.4/32", "fe80::1%eth0", ":::", "2001:db8::g"})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    EXPECT_FALSE(IpAddress::parse(std::string("1.2.3.4\0", 8)));
}

TEST(IpAddress, KnowsAnyAndLoopback) {
    EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_any());
    EXPECT_TRUE(IpAddress::parse("::")->is_any());
    EXPECT_FALSE(IpAddress::parse("0.0.0.1")->is_any());
    EXPECT_TRUE(IpAddress::parse("127.255.0.3")->is_loopback());
    EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
    EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
    EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
    EXPECT_TRUE(IpAddress::parse("169.254.1.1")->is_link_local());
    EXPECT_TRUE(IpAddress::parse("febf::1")->is_link_local());
    EXPECT_FALSE(IpAddress::parse("169.255.1.1")->is_link_local());
    EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
    EXPECT_EQ(IpAddress::any(Family::IPv4).to_string(), "0.0.0.0");
    EXPECT_EQ(IpAddress::any(Family::IPv6).to_string(), "::");
}

TEST(IpAddress, KeepsItsBytesThroughTheKernelsForm) {
    const auto v4 = *IpAddress::parse("192.0.2.1");
    EXPECT_EQ(v4.to_bytes().bytes[10], 0xff);
    EXPECT_EQ(v4.to_bytes().bytes[15], 1);
    EXPECT_EQ(IpAddress::from_bytes(v4.to_bytes()), v4);
    const std::array<std::uint8_t, 4> raw{192, 0, 2, 1};
    EXPECT_EQ(IpAddress::from_v4(raw.data()), v4);
}

TEST(Port, TurnsByteOrderOnlyWhenTold) {
    EXPECT_EQ(HostPort{80}.to_net().value_be, 0x5000);
    EXPECT_EQ(HostPort{80}.to_net().to_host(), HostPort{80});
}

TEST(Endpoint, PutsIpv6InBrackets) {
    EXPECT_EQ(endpoint(*IpAddress::parse("192.0.2.1"), {80}), "192.0.2.1:80");
    EXPECT_EQ(endpoint(*IpAddress::parse("2001:db8::1"), {80}), "[2001:db8::1]:80");
}

TEST(Cidr, ReadsPrefixesAndBareAddresses) {
    struct Row {
        const char* text;
        const char* shown;
        unsigned bits;
        unsigned mapped;
    };
    for (const auto& row :
         {Row{"10.0.0.0/8", "10.0.0.0/8", 8, 104}, Row{"0.0.0.0/0", "0.0.0.0/0", 0, 96},
          Row{"192.0.2.1", "192.0.2.1", 32, 128}, Row{"192.0.2.1/32", "192.0.2.1", 32, 128},
          Row{"::/0", "::/0", 0, 0}, Row{"2001:db8::/32", "2001:db8::/32", 32, 32},
          Row{"::1", "::1", 128, 128}}) {
        SCOPED_TRACE(row.text);
        const auto prefix = Cidr::parse(row.text);
        ASSERT_TRUE(prefix);
        EXPECT_EQ(prefix->bits, row.bits);
        EXPECT_EQ(prefix->mapped_bits(), row.mapped);
        EXPECT_EQ(prefix->to_string(), row.shown);
    }
}

TEST(Cidr, RefusesHostBitsUnlessToldToClearThem) {
    EXPECT_FALSE(Cidr::parse("10.0.0.1/8"));
    EXPECT_FALSE(Cidr::parse("2001:db8::1/64"));
    EXPECT_EQ(Cidr::parse("10.1.2.3/8", true), Cidr::parse("10.0.0.0/8"));
    EXPECT_EQ(Cidr::parse("2001:db8::1/63", true), Cidr::parse("2001:db8::/63"));
}

TEST(Cidr, RefusesWhatIsNone) {
    for (const auto* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
                             "10.0.0.0/0x8", "10.0.0.0/ 8", "::/129", "10.0.0.0/99999999999"})
        EXPECT_FALSE(Cidr::parse(text)) << text;
}

TEST(Cidr, ContainsFromItsFirstToItsLastAddressAndNoFurther) {
    const auto prefix = *Cidr::parse("192.0.2.64/26");
    EXPECT_FALSE(prefix.contains(*IpAddress::parse("192.0.2.63")));
    EXPECT_TRUE(prefix.contains(*IpAddress::parse("192.0.2.64")));
    EXPECT_TRUE(prefix.contains(*IpAddress::parse("192.0.2.127")));
    EXPECT_FALSE(prefix.contains(*IpAddress::parse("192.0.2.128")));
}

TEST(Cidr, NeverContainsTheOtherFamily) {
    EXPECT_FALSE(Cidr::parse("::/0")->contains(*IpAddress::parse("192.0.2.1")));
    EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
    EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("192.0.2.1")));
    EXPECT_TRUE(Cidr::parse("::/0")->contains(*IpAddress::parse("::1")));
}

}  // namespace
}  // namespace portlid
