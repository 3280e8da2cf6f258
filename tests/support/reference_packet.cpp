// SPDX-License-Identifier: Apache-2.0
#include "support/reference_packet.hpp"

#include <algorithm>
#include <set>

namespace portlid::test {

namespace {

using FrameBytes = std::span<const std::uint8_t>;

// Thrown by Reader and caught in parse_slowly and read_quote: the bytes are not there.
struct Short {};

// Bytes that end where they end.
class Reader {
public:
    explicit Reader(FrameBytes bytes) : bytes_(bytes) {}
    [[nodiscard]] unsigned u8(std::size_t at) const {
        if (at >= bytes_.size()) throw Short{};
        return bytes_[at];
    }
    [[nodiscard]] unsigned u16(std::size_t at) const { return u8(at) * 256 + u8(at + 1); }
    [[nodiscard]] FrameBytes take(std::size_t at, std::size_t size) const {
        if (at + size > bytes_.size()) throw Short{};
        return bytes_.subspan(at, size);
    }
    [[nodiscard]] Reader cut(std::size_t size) const { return Reader(take(0, size)); }
    [[nodiscard]] Reader after(std::size_t at) const {
        if (at > bytes_.size()) throw Short{};
        return Reader(bytes_.subspan(at));
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

private:
    FrameBytes bytes_;
};

void insist(bool truth) {
    if (!truth) throw Short{};
}

bool mapped(const IpAddress& address) {
    const auto& b = address.bytes();
    return std::all_of(b.begin(), b.begin() + 10, [](auto byte) { return byte == 0; }) &&
           b[10] == 0xff && b[11] == 0xff;
}

void read_tcp(const Reader& header, ParsedFrame& out) {
    insist(header.size() >= 20);
    const auto header_bytes = header.u8(12) / 16 * 4;
    insist(header_bytes >= 20);
    insist(out.fragment == ParsedFrame::Fragment::First || header_bytes <= header.size());
    out.source_port = header.u16(0);
    out.destination_port = header.u16(2);
    out.syn = (header.u8(13) & 2U) != 0;
    out.ack = (header.u8(13) & 16U) != 0;
}

void read_udp(const Reader& header, ParsedFrame& out) {
    insist(header.size() >= 8);
    const auto length = header.u16(4);
    const bool jumbo = length == 0 && header.size() > 65535;
    insist(jumbo || length >= 8);
    insist(jumbo || out.fragment == ParsedFrame::Fragment::First || length <= header.size());
    out.source_port = header.u16(0);
    out.destination_port = header.u16(2);
}

void read_quoted_transport(const Reader& transport, QuotedPacket& out) {
    if (out.protocol == 6 || out.protocol == 17) {
        out.local_port = transport.u16(0);
        out.remote_port = transport.u16(2);
    } else if (out.protocol == 1 || out.protocol == 58) {
        (void)transport.take(0, 8);
        out.local_port = transport.u16(4);
    }
}

// A quote that is cut short, is a later fragment, or hides behind extension headers is none.
std::optional<QuotedPacket> read_quote(const Reader& quote, Family family) {
    QuotedPacket out;
    try {
        if (family == Family::IPv4) {
            (void)quote.take(0, 20);
            if (quote.u8(0) / 16 != 4 || quote.u8(0) % 16 < 5) return {};
            if (quote.u16(6) % 0x2000 != 0) return {};
            out.local = IpAddress::from_v4(quote.take(12, 4).data());
            out.remote = IpAddress::from_v4(quote.take(16, 4).data());
            out.protocol = quote.u8(9);
            // A header without anything behind still names a protocol that has no ports.
            const auto header = quote.u8(0) % 16 * 4;
            read_quoted_transport(quote.after(std::min<std::size_t>(header, quote.size())), out);
        } else {
            (void)quote.take(0, 40);
            if (quote.u8(0) / 16 != 6) return {};
            out.local = IpAddress::from_v6(quote.take(8, 16).data());
            out.remote = IpAddress::from_v6(quote.take(24, 16).data());
            out.protocol = quote.u8(6);
            read_quoted_transport(quote.after(40), out);
        }
    } catch (const Short&) {
        return {};
    }
    return out;
}

void read_icmp(const Reader& header, ParsedFrame& out) {
    insist(header.size() >= 8);
    out.icmp_type = header.u8(0);
    if (out.echo_request() || out.echo_reply()) out.icmp_id = header.u16(4);
    if (out.icmp_error()) out.quoted = read_quote(header.after(8), out.family);
}

void read_transport(const Reader& transport, ParsedFrame& out) {
    if (out.later()) return;
    if (out.tcp()) return read_tcp(transport, out);
    if (out.udp()) return read_udp(transport, out);
    if (out.icmp()) return read_icmp(transport, out);
}

void read_v4(const Reader& frame, ParsedFrame& out) {
    insist(frame.size() >= 20 && frame.u8(0) / 16 == 4);
    const std::size_t header = frame.u8(0) % 16 * 4;
    std::size_t total = frame.u16(2);
    if (total == 0 && frame.size() > 65535) total = frame.size();  // the kernel's BIG TCP
    insist(header >= 20 && total >= header && total <= frame.size());
    const auto packet = frame.cut(total);
    out.family = Family::IPv4;
    out.source = IpAddress::from_v4(packet.take(12, 4).data());
    out.destination = IpAddress::from_v4(packet.take(16, 4).data());
    out.hop_limit = packet.u8(8);
    out.protocol = packet.u8(9);
    const auto offset = packet.u16(6) % 0x2000;
    const bool more = (packet.u16(6) & 0x2000U) != 0;
    if (offset != 0) out.fragment = ParsedFrame::Fragment::Later;
    if (offset == 0 && more) out.fragment = ParsedFrame::Fragment::First;
    insist(!(offset == 1 && out.tcp()));  // would rewrite the flags on reassembly
    read_transport(packet.after(header), out);
}

bool is_extension(unsigned next) {
    static const std::set<unsigned> kHeaders{0, 43, 44, 51, 60, 135, 139, 140};
    return kHeaders.count(next) != 0;
}

std::size_t extension_bytes(unsigned kind, unsigned length_field) {
    if (kind == 44) return 8;
    if (kind == 51) return (length_field + 2) * 4;
    return (length_field + 1) * 8;
}

void read_v6(const Reader& frame, ParsedFrame& out) {
    insist(frame.size() >= 40 && frame.u8(0) / 16 == 6);
    std::size_t payload = frame.u16(4);
    if (payload == 0 && frame.size() > 65535) payload = frame.size() - 40;  // BIG TCP
    const auto packet = frame.cut(40 + payload);
    out.family = Family::IPv6;
    out.source = IpAddress::from_v6(packet.take(8, 16).data());
    out.destination = IpAddress::from_v6(packet.take(24, 16).data());
    out.mapped_source = mapped(out.source);
    out.mapped_destination = mapped(out.destination);
    out.hop_limit = packet.u8(7);
    out.protocol = packet.u8(6);
    std::size_t at = 40;
    for (unsigned headers = 0; is_extension(out.protocol) && !out.later(); ++headers) {
        insist(headers < 8);
        const auto kind = out.protocol;
        const auto end = at + extension_bytes(kind, packet.u8(at + 1));
        if (kind == 44) {
            const auto bits = packet.u16(at + 2);
            if (bits / 8 != 0)
                out.fragment = ParsedFrame::Fragment::Later;
            else if (bits % 2 != 0)
                out.fragment = ParsedFrame::Fragment::First;
        }
        out.protocol = packet.u8(at);
        insist(end <= packet.size());
        at = end;
    }
    read_transport(packet.after(at), out);
}

// The ethertype behind at most two tags, and where the packet begins.
unsigned read_link(const Reader& frame, bool tag_taken_off, std::size_t& at) {
    at = 14;
    auto type = frame.u16(12);
    for (unsigned tags = tag_taken_off ? 1 : 0; type == 0x8100 || type == 0x88a8; ++tags) {
        insist(tags < 2);
        type = frame.u16(at + 2);
        at += 4;
    }
    return type;
}

bool for_another_station(const Reader& frame, const std::array<std::uint8_t, 6>& own) {
    const auto to = frame.take(0, 6);
    if (std::all_of(own.begin(), own.end(), [](auto byte) { return byte == 0; })) return false;
    return to[0] % 2 == 0 && !std::equal(to.begin(), to.end(), own.begin());
}

void read_frame(const Reader& frame, const Wire& wire, ParsedFrame& out) {
    std::size_t at = 0;
    unsigned type = 0;
    if (wire.layer3) {
        type = frame.u8(0) / 16 == 6 ? 0x86dd : 0x0800;
    } else {
        out.other_station = for_another_station(frame, wire.own_mac);
        type = read_link(frame, wire.tag_taken_off, at);
    }
    if (type == 0x0800) return read_v4(frame.after(at), out);
    if (type == 0x86dd) return read_v6(frame.after(at), out);
    out.status = ParsedFrame::Status::NotIp;
}

}  // namespace

ParsedFrame parse_slowly(FrameBytes frame, const Wire& wire) {
    ParsedFrame out;
    if (!wire.layer3 && frame.size() < 14) {
        out.status = ParsedFrame::Status::NotIp;  // too short to say what it carries
        return out;
    }
    try {
        read_frame(Reader(frame), wire, out);
    } catch (const Short&) {
        out.status = ParsedFrame::Status::Malformed;
    }
    return out;
}

}  // namespace portlid::test
