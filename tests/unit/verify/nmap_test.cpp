// SPDX-License-Identifier: Apache-2.0
// Scans as nmap writes them, and files that only look like one.
#include "verify/nmap.hpp"

#include <gtest/gtest.h>

#include "verify/outside.hpp"

namespace portlid::verify {
namespace {

std::string scan(const std::string& inside, const std::string& head = "<!DOCTYPE nmaprun>\n") {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + head +
           "<?xml-stylesheet href=\"file:///usr/share/nmap/nmap.xsl\" type=\"text/xsl\"?>\n"
           "<nmaprun scanner=\"nmap\" args=\"nmap -Pn -p- -oX - 192.0.2.1\" version=\"7.93\">\n"
           "<scaninfo type=\"syn\" protocol=\"tcp\" numservices=\"65535\" "
           "services=\"1-65535\"/>\n" +
           inside + "<runstats><finished time=\"1\"/></runstats></nmaprun>\n";
}

std::string host(const std::string& ports) {
    return "<host starttime=\"1\"><status state=\"up\" reason=\"user-set\"/>\n"
           "<address addr=\"192.0.2.1\" addrtype=\"ipv4\"/>\n"
           "<address addr=\"02:00:00:00:00:01\" addrtype=\"mac\" vendor=\"X\"/>\n"
           "<hostnames><hostname name=\"h\" type=\"PTR\"/></hostnames><ports>" +
           ports + "</ports></host>\n";
}

const std::string kSshOpen =
    "<port protocol=\"tcp\" portid=\"22\"><state state=\"open\" reason=\"syn-ack\"/>"
    "<service name=\"ssh\"/></port>";

ScanState tcp(const ScannedHost& scanned, std::size_t port) {
    return scanned.ports[0].empty() ? ScanState::NotScanned : scanned.ports[0][port];
}

TEST(Nmap, ReadsPortsAndGivesTheRestTheStateOfTheExtraPorts) {
    const auto hosts = read_nmap(scan(
        host("<extraports state=\"filtered\" count=\"65533\">"
             "<extrareasons reason=\"no-response\" count=\"65533\"/></extraports>" +
             kSshOpen + "<port protocol=\"tcp\" portid=\"80\"><state state=\"closed\"/></port>")));
    ASSERT_TRUE(hosts) << hosts.error().message;
    ASSERT_EQ(hosts->size(), 1U);
    const auto& found = hosts->front();
    EXPECT_EQ(found.addresses, std::vector<IpAddress>{*IpAddress::parse("192.0.2.1")});
    EXPECT_EQ(tcp(found, 22), ScanState::Open);
    EXPECT_EQ(tcp(found, 80), ScanState::Closed);
    EXPECT_EQ(tcp(found, 1), ScanState::Filtered);
    EXPECT_EQ(tcp(found, 65535), ScanState::Filtered);
    EXPECT_EQ(tcp(found, 0), ScanState::NotScanned);
    EXPECT_TRUE(found.ports[1].empty()) << "UDP was not scanned";
}

TEST(Nmap, TakesTheListOfExtraPortsWhereThereIsOne) {
    const auto hosts = read_nmap(scan(
        host("<extraports state=\"closed\" count=\"3\"><extrareasons reason=\"resets\" count=\"3\" "
             "proto=\"tcp\" ports=\"7-8,11\"/></extraports>"
             "<extraports state=\"filtered\" count=\"2\"><extrareasons reason=\"no-response\" "
             "count=\"2\" proto=\"tcp\" ports=\"12-13\"/></extraports>" +
             kSshOpen)));
    ASSERT_TRUE(hosts) << hosts.error().message;
    const auto& found = hosts->front();
    EXPECT_EQ(tcp(found, 8), ScanState::Closed);
    EXPECT_EQ(tcp(found, 11), ScanState::Closed);
    EXPECT_EQ(tcp(found, 13), ScanState::Filtered);
    EXPECT_EQ(tcp(found, 14), ScanState::NotScanned);
}

// Found by fuzzing: the state of the inner one, of a protocol that is none of ours, was written
// under the outer one's port.
TEST(Nmap, APortInsideAPortIsNotTakenForIt) {
    const auto hosts = read_nmap(
        scan(host("<port protocol=\"tcp\" portid=\"22\"><port protocol=\"sctp\" portid=\"9\">"
                  "<state state=\"open\"/></port><state state=\"open\"/></port>")));
    ASSERT_TRUE(hosts) << hosts.error().message;
    EXPECT_EQ(tcp(hosts->front(), 22), ScanState::NotScanned);
    EXPECT_EQ(tcp(hosts->front(), 9), ScanState::NotScanned);
}

TEST(Nmap, DoesNotGuessWhichPortsTwoNamelessStatesMean) {
    const auto hosts =
        read_nmap(scan(host("<extraports state=\"closed\" count=\"30000\"/>"
                            "<extraports state=\"filtered\" count=\"35534\"/>" +
                            kSshOpen)));
    ASSERT_TRUE(hosts);
    EXPECT_EQ(tcp(hosts->front(), 22), ScanState::Open);
    EXPECT_EQ(tcp(hosts->front(), 23), ScanState::NotScanned);
}

TEST(Nmap, LeavesOutHostsThatWereDownAndOtherProtocols) {
    const auto hosts = read_nmap(scan(
        "<host><status state=\"down\"/><address addr=\"192.0.2.9\" addrtype=\"ipv4\"/></host>" +
        host(kSshOpen + "<port protocol=\"sctp\" portid=\"22\"><state state=\"closed\"/></port>")));
    ASSERT_TRUE(hosts);
    ASSERT_EQ(hosts->size(), 1U);
    EXPECT_EQ(tcp(hosts->front(), 22), ScanState::Open);
}

TEST(Nmap, TakesTheOldDocumentTypeWithoutFetchingIt) {
    const auto hosts =
        read_nmap(scan(host(kSshOpen),
                       "<!DOCTYPE nmaprun PUBLIC \"-//IDN nmap.org//DTD Nmap XML 1.04//EN\" "
                       "\"http://192.0.2.99/nmap.dtd\">\n"));
    ASSERT_TRUE(hosts) << hosts.error().message;
    EXPECT_EQ(hosts->size(), 1U);
}

struct Refusal {
    const char* sentence;
    std::string xml;
    const char* expected;
};

TEST(Nmap, RefusesWhatIsNoScan) {
    const std::string bomb =
        "<!DOCTYPE nmaprun [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\n";
    const std::string file = "<!DOCTYPE nmaprun [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\n";
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "<a>";
    const std::vector<Refusal> rows{
        {"an entity bomb", scan(host("&b;"), bomb), "document type of its own"},
        {"an entity that reads a file", scan(host("&f;"), file), "document type of its own"},
        {"an undeclared entity", scan("&x;"), "undefined entity"},
        {"another document", "<html><body/></html>", "no nmap output"},
        {"no document", "", "no element found"},
        {"a cut file", scan(host(kSshOpen)).substr(0, 400), "unclosed token"},
        {"a deep file", scan(deep), "nested too deeply"},
        {"a port above 65535",
         scan(host("<port protocol=\"tcp\" portid=\"65536\"><state state=\"open\"/></port>")),
         "port's number"},
        {"a backwards range",
         scan(host("<extraports state=\"closed\"><extrareasons proto=\"tcp\" "
                   "ports=\"9-8\"/></extraports>")),
         "list of ports"},
        {"an unknown state",
         scan(host("<port protocol=\"tcp\" portid=\"1\"><state state=\"ajar\"/></port>")),
         "unknown state 'ajar'"},
        {"not UTF-8", scan("\xff\xfe"), "not well-formed"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        const auto hosts = read_nmap(row.xml);
        ASSERT_FALSE(hosts);
        EXPECT_NE(hosts.error().message.find(row.expected), std::string::npos)
            << hosts.error().message;
    }
}

TEST(Nmap, RefusesMoreHostsThanItCanHold) {
    std::string many;
    for (std::size_t i = 0; i <= kMaxScannedHosts; ++i) many += host(kSshOpen);
    EXPECT_FALSE(read_nmap(scan(many)));
}

TEST(OutsideScan, TellsApartWhatDoesNotFit) {
    ScannedHost scanned;
    scanned.ports[0].assign(65536, ScanState::NotScanned);
    VerdictTable here;
    for (auto& table : here) table.assign(65536, VERDICT_drop);
    const auto put = [&](std::size_t port, ScanState state, verdict_word verdict) {
        scanned.ports[0][port] = state;
        here[0][port] = verdict;
    };
    put(22, ScanState::Open, VERDICT_allow);           // as it should be
    put(23, ScanState::Filtered, VERDICT_drop);        // as it should be
    put(5432, ScanState::Open, VERDICT_drop);          // leak
    put(5433, ScanState::Closed, VERDICT_drop);        // leak too: a reset came back
    put(6000, ScanState::Open, VERDICT_would_drop);    // exposed
    put(6001, ScanState::Closed, VERDICT_would_drop);  // nothing there
    put(80, ScanState::Filtered, VERDICT_allow);       // blocked
    put(81, ScanState::Filtered, VERDICT_allow);       // the same, one range
    put(90, ScanState::Closed, VERDICT_allow);         // unused
    const auto compared = compare_scan(scanned, here);
    EXPECT_EQ(compared.compared, 9U);
    std::vector<std::string> got;
    for (const auto& found : compared.findings)
        got.push_back(to_string(found.ports) + " " + to_string(found.misfit));
    EXPECT_EQ(got, (std::vector<std::string>{"80-81 blocked", "90 unused", "5432 leak", "5433 leak",
                                             "6000 exposed"}));
}

TEST(OutsideScan, DrawsNothingFromUdpThatMayBeOpenOrFiltered) {
    ScannedHost scanned;
    scanned.ports[1].assign(65536, ScanState::OpenOrFiltered);
    VerdictTable here;
    here[0].assign(65536, VERDICT_drop);
    here[1].assign(65536, VERDICT_drop);
    here[1][53] = VERDICT_allow;
    scanned.ports[1][161] = ScanState::Open;
    const auto compared = compare_scan(scanned, here);
    ASSERT_EQ(compared.findings.size(), 1U);
    EXPECT_EQ(to_string(compared.findings[0].ports), "161");
    EXPECT_EQ(compared.findings[0].protocol, policy::PortProtocol::Udp);
}

}  // namespace
}  // namespace portlid::verify
