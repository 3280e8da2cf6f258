// SPDX-License-Identifier: Apache-2.0
#include "sink/try.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hpp"
#include "sink/encode/encoder.hpp"

namespace portlid::sink {

namespace {

Outgoing marked_event(const SinkSpec& spec) {
    auto event = event::make_event(event::Kind::SensorHeartbeat, event::Severity::Info);
    event.body["test"] = true;
    event.body["why"] = "portlid export test";
    const auto line = event::to_json_line(event);
    return {.text = encode(spec.format, line, 0, spec.redact).value_or(line),
            .native = line,
            .wall_ns = event.time.time_since_epoch().count(),
            .kind = event.kind,
            .severity = event.severity};
}

Result<> print(const Outgoing& event, const Step& step) {
    const auto line = event.text + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return fail_errno("cannot write to stdout", errno);
    step("send", "one marked event on stdout");
    return {};
}

// A byte stream takes what nobody reads: give the peer a moment to hang up on us.
Result<> confirm(Transport& transport, const SinkSpec& spec) {
    if (transport.acknowledges()) return {};
    for (int i = 0; i < 20; ++i) {
        ::usleep(50'000);
        const auto again = transport.connect([](const auto&, const auto&) {});
        if (!again) return pass_on(again.error());
        if (i >= 4 && transport.quiet()) return {};
    }
    return fail(spec.target + ": the peer does not read", "look at its log");
}

}  // namespace

Result<> try_sink(const SinkSpec& spec, const Step& step) {
    const auto event = marked_event(spec);
    if (spec.kind == SinkKind::Stdout) return print(event, step);
    const Stop stop{false};
    const auto transport = open_transport(spec, stop);
    if (auto open = transport->connect(step); !open) return open;
    const auto sent = transport->send({&event, 1});
    if (sent.fault) return tl::unexpected(*sent.fault);
    if (!sent.rejected.empty())
        return fail(spec.target + ": refused: " + printable(sent.rejected.front().why, 512));
    if (auto taken = confirm(*transport, spec); !taken) return taken;
    step("send", transport->acknowledges() ? "one marked event, accepted"
                                           : "one marked event; the protocol has no receipt");
    return {};
}

}  // namespace portlid::sink
