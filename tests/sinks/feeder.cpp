// SPDX-License-Identifier: Apache-2.0
// The sink room without the sensor: numbers COUNT events and hands them to a sink, for tests with
// real servers and for measuring.
//   feeder CONFIG STATE_DIR COUNT EVENTS_PER_SECOND WAIT_SECONDS
// EVENTS_PER_SECOND 0: as fast as it goes. Ends when every sink has all, or after the wait; prints
// one JSON object: what was emitted, what each sink says, how long it took.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "app/config.hpp"
#include "event/build.hpp"
#include "sink/sink.hpp"
#include "sink/spooler.hpp"

using namespace portlid;
using Clock = std::chrono::steady_clock;

namespace {

event::Event verdict(std::uint64_t number) {
    auto event = event::make_event(event::Kind::NetVerdict, event::Severity::Low);
    event.body = {{"mode", "enforce"},
                  {"verdict", "drop"},
                  {"reason", "no_service"},
                  {"rule", {{"name", "public default"}, {"source", "policy.yaml:6"}}},
                  {"host", {{"name", "web1"}, {"boot_id", "0"}}},
                  {"sensor", {{"version", "0.1.0"}, {"hook", "xdp"}, {"generation", 1}}},
                  {"net",
                   {{"family", "ipv4"},
                    {"transport", "tcp"},
                    {"interface", "eth0"},
                    {"zone", "public"},
                    {"vlan", 0},
                    {"bytes", 60}}},
                  {"src", {{"ip", "203.0.113.7"}, {"port", number % 60000}}},
                  {"dst", {{"ip", "198.51.100.10"}, {"port", 5432}}},
                  {"target", nullptr},
                  {"count", 1}};
    return event;
}

bool all_sent(const sink::FanOut& fan_out) {
    for (const auto& state : fan_out.states())
        if (state.lag != 0) return false;
    return true;
}

// What the emitter of the sensor does each second.
void tell_gaps(sink::FanOut& fan_out) {
    for (const auto& gap : fan_out.take_gaps()) {
        auto event = event::make_event(event::Kind::SensorGap, event::Severity::Medium);
        event.body = event::sensor_gap_body({}, gap.cause, gap.count, gap.since);
        event.body["gap"]["sink"] = gap.sink;
        event.body["gap"]["total"] = gap.total;
        fan_out.emit(event);
    }
}

void report(const sink::FanOut& fan_out, Clock::duration feeding, Clock::duration all) {
    nlohmann::ordered_json sinks = nlohmann::ordered_json::array();
    for (const auto& state : fan_out.states())
        sinks.push_back({{"name", state.name},
                         {"up", state.up},
                         {"why", state.why},
                         {"lag", state.lag},
                         {"lost", state.lost},
                         {"spool_lost", state.spool_lost},
                         {"dead", state.dead},
                         {"retries", state.retries},
                         {"sent", state.sent}});
    const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
    const nlohmann::ordered_json line = {{"emitted", fan_out.emitted()},
                                         {"queue_lost", fan_out.lost_in_queues()},
                                         {"feeding_s", seconds(feeding)},
                                         {"all_s", seconds(all)},
                                         {"sinks", sinks}};
    std::printf("%s\n", line.dump().c_str());
}

}  // namespace

int main(int count, char** words) {
    if (count != 6) return 2;
    std::signal(SIGPIPE, SIG_IGN);
    const auto config = app::load_config(words[1], true);
    if (!config) return std::fprintf(stderr, "%s\n", config.error().message.c_str()), 2;
    auto fan_out = sink::FanOut::open(std::string(words[2]) + "/sequence");
    if (!fan_out) return std::fprintf(stderr, "%s\n", fan_out.error().message.c_str()), 1;
    const auto added = sink::add_sinks(**fan_out, config->sinks, std::string(words[2]) + "/spool");
    if (!added) return std::fprintf(stderr, "%s\n", added.error().message.c_str()), 1;
    const auto events = std::strtoull(words[3], nullptr, 10);
    const auto rate = std::strtoull(words[4], nullptr, 10);
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < events; ++i) {
        (*fan_out)->emit(verdict(i));
        if (rate != 0 && i % 100 == 99)
            std::this_thread::sleep_until(start +
                                          std::chrono::microseconds((i + 1) * 1000000 / rate));
    }
    const auto fed = Clock::now();
    const auto deadline = fed + std::chrono::seconds(std::atoi(words[5]));
    while (Clock::now() < deadline && !all_sent(**fan_out)) {
        tell_gaps(**fan_out);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    report(**fan_out, fed - start, Clock::now() - start);
    return 0;
}
