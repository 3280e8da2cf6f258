// SPDX-License-Identifier: Apache-2.0
// The seam behind which a wire protocol lives. To add one (Kafka, NATS, OTLP): implement Transport,
// give it a scheme in spec.cpp and a line in open_transport(); encoders, spool, cursors, filters,
// retries, metrics and `export test` stay as they are.
//
// A transport belongs to one sender thread and may block, but never longer than its time limits,
// and not beyond Stop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sink/record.hpp"
#include "sink/spec.hpp"

namespace portlid::sink {

using Stop = std::atomic<bool>;

inline constexpr std::chrono::seconds kConnectTime{10};
inline constexpr std::chrono::seconds kSendTime{30};

struct Outgoing {
    std::string text;    // as the encoder made it, without a newline
    std::string native;  // for transports with fields of their own (journald)
    std::int64_t wall_ns = 0;
    event::Kind kind = event::Kind::SensorHeartbeat;
    event::Severity severity = event::Severity::Info;
};

struct Rejected {
    std::size_t index = 0;
    std::string why;
};

struct Sent {
    std::size_t taken = 0;              // the first so many need not be sent again
    std::vector<Rejected> rejected;     // of these, what the peer will never take: dead letters
    std::optional<Error> fault;         // why it stopped there; connect again and go on
    std::chrono::milliseconds wait{0};  // the peer asked for a pause
};

// Tells `export test` and the log what a step did.
using Step = std::function<void(const std::string& step, const std::string& result)>;

class Transport {
public:
    virtual ~Transport() = default;
    // Cheap when it is open already. Reads certificates and secrets anew each time it connects.
    [[nodiscard]] virtual Result<> connect(const Step& step) = 0;
    [[nodiscard]] virtual Sent send(std::span<const Outgoing> batch) = 0;
    virtual void close() = 0;
    // SIGHUP: files, certificates and secrets anew.
    virtual void reload() { close(); }
    // Whether `taken` means that the peer has it. A byte stream can only say that it was handed to
    // the kernel: the sender keeps such records until quiet() has held for kReplayTime, and sends
    // them again when the connection breaks before.
    [[nodiscard]] virtual bool acknowledges() const { return true; }
    [[nodiscard]] virtual bool quiet() { return true; }
    [[nodiscard]] virtual std::size_t batch_records() const { return 100; }
};

inline constexpr std::chrono::seconds kReplayTime{15};

// Only for spooled kinds. `stop` ends what blocks; `host` names this machine in syslog headers.
[[nodiscard]] std::unique_ptr<Transport> open_transport(const SinkSpec& spec, const Stop& stop);

}  // namespace portlid::sink
