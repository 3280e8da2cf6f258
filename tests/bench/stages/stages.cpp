// SPDX-License-Identifier: Apache-2.0
// What an event costs from the ring's bytes to a line in a file, in ns a stage, on one core (the
// program binds itself and its threads to it). The rooms as they ship; only the ring is memory.
//   portlid_stages [EVENTS]      a table, and events a second for each way out
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "event/build.hpp"
#include "sink/encode/encoder.hpp"
#include "sink/sink.hpp"
#include "sink/spec.hpp"
#include "sink/spool.hpp"
#include "unit/event/raw_records.hpp"

using namespace portlid;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kDirectory = "/tmp/portlid-stages";

const event::Origin kOrigin{"web1", "5f7c0f4e-0000-4000-8000-000000000000", "0.1.0", 12,
                            "sha256:0123456789abcdef"};

event::VerdictView view() {
    event::VerdictView view;
    view.mode = "enforce";
    view.rule = {"public default", "policy.yaml:6"};
    view.interface_name = "eth0";
    view.zone = "public";
    event::ContainerView container{"9f3c0000", "shop-db-1", "postgres:16", "shop", "db"};
    view.target = event::TargetView{8079, "/usr/sbin/docker-proxy", container, "172.18.0.3:5432"};
    return view;
}

event::Event described(const event::VerdictRecord& record) {
    const auto seen = view();
    auto event = event::make_event(event::Kind::NetVerdict,
                                   event::severity_of(record.why, record.verdict, true));
    event.time = to_wall(record.time);
    event.body = event::verdict_body(kOrigin, record, seen);
    return event;
}

// Runs `work` often enough; ns each.
template <typename Work>
double measure(std::size_t count, const Work& work) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < count; ++i) work();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() /
           static_cast<double>(count);
}

void say(const char* stage, double ns) {
    std::printf("%-34s %8.0f ns  %9.0f/s\n", stage, ns, 1e9 / ns);
}

// From the ring's bytes until every line is in the file; the file is looked at, not the counters.
double whole_way(std::size_t count, const std::string& target, bool spooled) {
    std::filesystem::remove_all(kDirectory);
    std::filesystem::create_directories(kDirectory);
    auto spec = *sink::parse_spec(target);
    spec.spool.given = spooled;
    auto fan_out = std::move(*sink::FanOut::open(std::string(kDirectory) + "/sequence"));
    if (const auto added = sink::add_sinks(*fan_out, {spec}, std::string(kDirectory) + "/spool");
        !added)
        std::abort();
    const auto bytes = event::bytes_of(event::raw_verdict());
    const auto start = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
        fan_out->emit(described(std::get<event::VerdictRecord>(*event::decode(bytes))));
        // The sensor reads its ring every 100 ms: its sinks have run by then.
        if (i % 2000 == 1999)
            while (fan_out->states()[0].lag > 2000) std::this_thread::yield();
    }
    while (fan_out->states()[0].sent + fan_out->lost_in_queues() < count) std::this_thread::yield();
    const auto took = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (fan_out->lost_in_queues() != 0)
        std::printf("  %llu lost in queues\n",
                    static_cast<unsigned long long>(fan_out->lost_in_queues()));
    return took / static_cast<double>(count);
}

void stages(std::size_t count) {
    const auto bytes = event::bytes_of(event::raw_verdict());
    const auto record = std::get<event::VerdictRecord>(*event::decode(bytes));
    const auto event = described(record);
    const auto line = event::to_json_line(event);
    volatile std::size_t sum = 0;
    say("decode the ring's record",
        measure(count, [&] { sum = sum + event::decode(bytes)->index(); }));
    say("describe (names, JSON)", measure(count, [&] { sum = sum + described(record).id.size(); }));
    say("native line", measure(count, [&] { sum = sum + event::to_json_line(event).size(); }));
    for (const auto format : {sink::Format::Ecs, sink::Format::Ocsf, sink::Format::Cef})
        say((std::string("encode ") + sink::to_string(format)).c_str(),
            measure(count / 4 + 1, [&] { sum = sum + sink::encode(format, line, 1, {})->size(); }));
    std::filesystem::remove_all(kDirectory);
    auto spool = std::move(*sink::Spool::open(kDirectory, 8U << 20U));
    const std::vector<sink::Record> some(64, sink::Record(event));
    say("spool, write",
        measure(count / 64 + 1, [&] { sum = sum + spool->append(some).has_value(); }) / 64);
    sink::SpoolReader reader(*spool);
    sink::SpooledRecord one;
    std::uint64_t at = 0;
    say("spool, read", measure(count, [&] {
            if (reader.next(at, one)) at = one.next;
        }));
}

}  // namespace

int main(int words, char** word) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) return std::perror("sched_setaffinity"), 1;
    const auto count = words > 1 ? std::strtoull(word[1], nullptr, 10) : 100'000ULL;
    stages(count);
    const auto file = "file:" + std::string(kDirectory) + "/events.jsonl";
    say("all: ring to file", whole_way(count, file, false));
    say("all: ring to file, ECS", whole_way(count, file + "?format=ecs", false));
    say("all: ring to spool to file", whole_way(count, file, true));
    std::filesystem::remove_all(kDirectory);
    return 0;
}
