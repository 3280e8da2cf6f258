// SPDX-License-Identifier: Apache-2.0
// The reachability matrix: every port of both protocols and families, from one source of every
// class, to one own address of every class, by every kind of entrance, asked of a kernel program
// and held against what the policy's text says.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "abi/reasons.h"
#include "base/result.hpp"
#include "policy/model.hpp"
#include "policy/owners.hpp"
#include "policy/source_samples.hpp"

namespace portlid::verify {

// An attached interface; `alike` others differ from it in nothing that a verdict may depend on.
struct Entrance {
    std::uint32_t ifindex = 0;
    std::string interface_name;
    std::string hook;  // "xdp" or "tc"
    std::size_t zone = 0;
    bool force_monitor = false;
    bool layer3 = false;
    std::array<std::uint8_t, 6> mac{};
    std::vector<std::string> alike;
};

struct Answer {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    auto operator<=>(const Answer&) const = default;
};

// Whoever judges a frame as the kernel would.
class Oracle {
public:
    virtual ~Oracle() = default;
    virtual Result<Answer> ask(const Entrance& entrance, std::span<const std::uint8_t> frame) = 0;
    // The next try of every source at a limited service is its first.
    virtual Result<> forget_tries() = 0;
};

struct MatrixInput {
    const policy::Policy* policy = nullptr;
    bool capped = false;  // --mode monitor: nothing enforces
    std::set<IpAddress> own;
    policy::HeldPorts held;  // who sits on owned ports
    std::vector<Entrance> entrances;
    std::optional<IpAddress> scanner;  // one more source, asked for by address
};

struct Ports {
    std::uint16_t first_host = 0;  // both inclusive
    std::uint16_t last_host = 0;
    auto operator<=>(const Ports&) const = default;
};
[[nodiscard]] std::string to_string(const Ports& ports);  // "80", "443-445"

// All ports for one entrance, source, destination and protocol.
struct Row {
    std::size_t entrance = 0;  // index into MatrixInput::entrances
    std::size_t sample = 0;    // index into Matrix::samples
    policy::PortProtocol protocol = policy::PortProtocol::Tcp;
    IpAddress source;
    IpAddress destination;
    bool named_destination = false;                       // some service names the address
    std::array<std::vector<Ports>, VERDICT_COUNT> ports;  // by the kernel's verdict
};

struct Difference {
    std::size_t row = 0;
    Ports ports;
    Answer kernel;
    Answer policy;
};

struct Matrix {
    std::vector<policy::SourceSample> samples;
    std::vector<Row> rows;
    std::vector<Difference> differences;
    std::array<std::uint64_t, VERDICT_COUNT> counts{};
    std::vector<std::string> not_asked;  // what was left out, and why
};

// Shared with whoever watches; `stop` makes measure() fail soon.
struct Progress {
    std::atomic<std::uint64_t> asked{0};
    std::atomic<std::uint64_t> of{0};
    std::atomic<bool> stop{false};
};

[[nodiscard]] Result<Matrix> measure(const MatrixInput& input, Oracle& oracle, Progress& progress);

}  // namespace portlid::verify
