// SPDX-License-Identifier: Apache-2.0
#include "verify/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy/simulate.hpp"
#include "policy/text_answer.hpp"

namespace portlid::verify {

namespace {

using policy::PortProtocol;

constexpr std::uint32_t kPorts = 65536;
constexpr std::uint32_t kLook = 1024;  // ports between two looks at `stop`
// A datagram may happen to fit a flow that conntrack knows; from another port it does not.
constexpr int kOtherSourcePorts = 4;

struct Destination {
    IpAddress address;
    bool named = false;
};

bool is_named(const policy::Policy& policy, const IpAddress& address) {
    return std::any_of(policy.services.begin(), policy.services.end(), [&](const auto& service) {
        const auto& list = service.addresses;
        return std::find(list.begin(), list.end(), address) != list.end();
    });
}

bool is_link_local(const IpAddress& address) {
    static const auto kLinkLocal = *Cidr::parse("fe80::/10");
    return kLinkLocal.contains(address);
}

// One own address that no service names, and all that some service does.
std::vector<Destination> destinations(const MatrixInput& input, Family family) {
    std::vector<Destination> out;
    std::optional<IpAddress> plain;
    for (const auto& address : input.own) {
        if (address.family() != family || address.is_loopback() || address.is_any()) continue;
        if (is_named(*input.policy, address))
            out.push_back({address, true});
        else if (!plain || is_link_local(*plain))
            plain = address;
    }
    if (plain) out.insert(out.begin(), {*plain, false});
    return out;
}

void put_port(std::vector<std::uint8_t>& frame, std::size_t at, std::uint32_t port) {
    frame[at] = static_cast<std::uint8_t>(port >> 8U);
    frame[at + 1] = static_cast<std::uint8_t>(port);
}

// A frame whose ports can be changed in place.
class ProbeFrame {
public:
    ProbeFrame(const Entrance& entrance, const Row& row) {
        const auto family = row.source.family();
        if (!entrance.layer3) {
            bytes_.assign(entrance.mac.begin(), entrance.mac.end());
            bytes_.insert(bytes_.end(), {0x02, 0, 0, 0, 0, 1});  // a neighbour nobody has
            const bool v4 = family == Family::IPv4;
            bytes_.insert(bytes_.end(), {static_cast<std::uint8_t>(v4 ? 0x08 : 0x86),
                                         static_cast<std::uint8_t>(v4 ? 0x00 : 0xdd)});
        }
        ports_at_ = bytes_.size() + policy::ports_offset(family);
        const auto packet =
            policy::probe_packet({.protocol = static_cast<std::uint8_t>(row.protocol),
                                  .source = row.source,
                                  .destination = row.destination});
        bytes_.insert(bytes_.end(), packet.begin(), packet.end());
        source_port_ = static_cast<std::uint32_t>(bytes_[ports_at_] << 8U | bytes_[ports_at_ + 1]);
    }
    void set_port(std::uint32_t port) { put_port(bytes_, ports_at_ + 2, port); }
    void set_source_port(int offset) {
        put_port(bytes_, ports_at_, source_port_ + static_cast<std::uint32_t>(offset));
    }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
    std::size_t ports_at_ = 0;
    std::uint32_t source_port_ = 0;
};

// What the text says of every port of a row, by stretches.
class Expected {
public:
    Expected(const MatrixInput& input, const Row& row) {
        const auto& entrance = input.entrances[row.entrance];
        first_ = policy::stretches(*input.policy, entrance.zone, row.protocol, &input.held);
        for (const auto port : first_) {
            const auto said = policy::text_answer(
                *input.policy, {entrance.zone, row.protocol, row.source, row.destination,
                                HostPort{static_cast<std::uint16_t>(port)}, &input.held});
            const bool only_watches = input.capped || entrance.force_monitor;
            const auto verdict =
                said.verdict == VERDICT_drop && only_watches ? VERDICT_would_drop : said.verdict;
            answers_.push_back({verdict, said.why});
        }
    }
    // Asked with ports that never go down.
    const Answer& at(std::uint32_t port) {
        while (here_ + 1 < first_.size() && first_[here_ + 1] <= port) ++here_;
        return answers_[here_];
    }

private:
    std::vector<std::uint32_t> first_;
    std::vector<Answer> answers_;
    std::size_t here_ = 0;
};

Ports one_port(std::uint32_t port) {
    return {static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port)};
}

class Measurement {
public:
    Measurement(const MatrixInput& input, Oracle& oracle, Progress& progress)
        : input_(input), oracle_(oracle), progress_(progress) {}

    Result<Matrix> run() {
        plan();
        progress_.of = matrix_.rows.size() * kPorts;
        for (std::size_t i = 0; i < matrix_.rows.size(); ++i)
            if (auto done = measure_row(i); !done) return pass_on(std::move(done.error()));
        return std::move(matrix_);
    }

private:
    void plan() {
        matrix_.samples = policy::source_samples(*input_.policy, input_.own);
        if (input_.scanner) add_scanner();
        for (const auto family : {Family::IPv4, Family::IPv6}) {
            const auto to = destinations(input_, family);
            if (to.empty())
                matrix_.not_asked.push_back(
                    fmt::format("{}: this host has no address of the family", to_string(family)));
            for (std::size_t i = 0; i < input_.entrances.size(); ++i) plan_family(i, family, to);
        }
    }

    void add_scanner() {
        policy::SourceSample sample;
        sample.name = "scanner " + input_.scanner->to_string();
        (input_.scanner->family() == Family::IPv4 ? sample.v4 : sample.v6) = input_.scanner;
        matrix_.samples.push_back(std::move(sample));
    }

    void plan_family(std::size_t entrance, Family family, const std::vector<Destination>& to) {
        for (std::size_t i = 0; i < matrix_.samples.size(); ++i) {
            const auto& sample = matrix_.samples[i];
            const auto& source = family == Family::IPv4 ? sample.v4 : sample.v6;
            if (!source) continue;
            for (const auto& destination : to)
                for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp})
                    matrix_.rows.push_back({.entrance = entrance,
                                            .sample = i,
                                            .protocol = protocol,
                                            .source = *source,
                                            .destination = destination.address,
                                            .named_destination = destination.named,
                                            .ports = {}});
        }
    }

    Result<> measure_row(std::size_t index) {
        auto& row = matrix_.rows[index];
        const auto& entrance = input_.entrances[row.entrance];
        ProbeFrame frame(entrance, row);
        Expected expected(input_, row);
        for (std::uint32_t port = 0; port < kPorts; ++port) {
            if (port % kLook == 0) {
                if (progress_.stop) return fail("stopped before the end");
                progress_.asked = index * kPorts + port;
            }
            frame.set_port(port);
            const auto answer = ask(entrance, frame);
            if (!answer) return pass_on(answer.error(), entrance.interface_name);
            note(row, port, *answer);
            if (answer->verdict != expected.at(port).verdict)
                differ(index, port, *answer, expected.at(port));
        }
        progress_.asked = (index + 1) * kPorts;
        return {};
    }

    Result<Answer> ask(const Entrance& entrance, ProbeFrame& frame) {
        auto answer = oracle_.ask(entrance, frame.bytes());
        if (answer && answer->why == REASON_limited) return ask_afresh(entrance, frame);
        if (!answer || answer->why != REASON_reply) return answer;
        for (int other = 1; other <= kOtherSourcePorts; ++other) {
            frame.set_source_port(other);
            answer = oracle_.ask(entrance, frame.bytes());
            if (!answer || answer->why != REASON_reply) break;
        }
        frame.set_source_port(0);
        return answer;
    }

    // Our own questions about other ports of the service were the tries that used the limit up.
    Result<Answer> ask_afresh(const Entrance& entrance, const ProbeFrame& frame) {
        if (auto forgotten = oracle_.forget_tries(); !forgotten)
            return pass_on(std::move(forgotten.error()));
        return oracle_.ask(entrance, frame.bytes());
    }

    void note(Row& row, std::uint32_t port, const Answer& answer) {
        ++matrix_.counts[answer.verdict];
        auto& list = row.ports[answer.verdict];
        if (!list.empty() && list.back().last_host + 1U == port)
            list.back().last_host = static_cast<std::uint16_t>(port);
        else
            list.push_back(one_port(port));
    }

    void differ(std::size_t row, std::uint32_t port, const Answer& kernel, const Answer& policy) {
        auto& list = matrix_.differences;
        if (!list.empty()) {
            auto& last = list.back();
            if (last.row == row && last.ports.last_host + 1U == port && last.kernel == kernel &&
                last.policy == policy) {
                last.ports.last_host = static_cast<std::uint16_t>(port);
                return;
            }
        }
        list.push_back({row, one_port(port), kernel, policy});
    }

    const MatrixInput& input_;
    Oracle& oracle_;
    Progress& progress_;
    Matrix matrix_;
};

}  // namespace

std::string to_string(const Ports& ports) {
    if (ports.first_host == ports.last_host) return std::to_string(ports.first_host);
    return fmt::format("{}-{}", ports.first_host, ports.last_host);
}

Result<Matrix> measure(const MatrixInput& input, Oracle& oracle, Progress& progress) {
    return Measurement(input, oracle, progress).run();
}

}  // namespace portlid::verify
