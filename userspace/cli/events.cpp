// SPDX-License-Identifier: Apache-2.0
// `portlid events`: what the daemon still holds, with --since also what its history on disk has,
// then with -f what comes.
#include <fmt/format.h>

#include <array>
#include <deque>
#include <limits>

#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/event_view.hpp"
#include "cli/history_client.hpp"
#include "cli/url.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kEventsExamples =
    "  portlid events                              what the sensor still holds\n"
    "  portlid events --since 7d --severity high   out of its history on disk too\n"
    "  portlid events -f                           the last 10, then what happens\n"
    "  portlid events -f --verdict would_drop      what enforcing would stop\n"
    "  portlid events --kind 'socket.*' --container web --since 10m\n"
    "  portlid events -f -o jsonl --first 1        wait for one event, for scripts";
constexpr std::size_t kTail = 10;  // lines before -f begins, as tail and journalctl do
constexpr std::array<std::string_view, 3> kVerdicts = {"allow", "drop", "would_drop"};

struct EventsFlags {
    bool follow = false;
    std::string since;
    std::uint64_t first = 0;  // 0 = no limit
    EventFilter filter;
};

class EventPrinter {
public:
    EventPrinter(Context& context, const EventsFlags& flags, OutputFormat format)
        : context_(context), flags_(flags), format_(format), color_(context.color()) {}

    void begin() {
        if (format_ == OutputFormat::Csv) context_.console.out(event_table().csv());
    }
    // False when it has printed enough or nobody reads any more.
    bool print(std::string_view line, const Json& event) {
        if (!context_.console.out(rendered(line, event))) return false;
        return flags_.first == 0 || ++printed_ < flags_.first;
    }
    [[nodiscard]] bool enough() const { return flags_.first != 0 && printed_ >= flags_.first; }

private:
    [[nodiscard]] std::string rendered(std::string_view line, const Json& event) const {
        if (format_ == OutputFormat::Csv) {
            auto table = event_table();
            table.add(event_row(event));
            const auto both = table.csv();
            return both.substr(both.find("\r\n") + 2);
        }
        if (format_ == OutputFormat::Json || format_ == OutputFormat::JsonLines)
            return std::string(line) + "\n";
        return event_line(event, color_) + "\n";
    }

    Context& context_;
    const EventsFlags& flags_;
    OutputFormat format_;
    bool color_;
    std::uint64_t printed_ = 0;
};

struct Kept {
    std::string line;
    Json event;
};

// What the daemon holds, filtered; `newest` becomes the last seq seen, filtered out or not.
struct History {
    std::deque<Kept> events;
    std::uint64_t newest = 0;
    std::optional<WallTime> oldest;  // time of the first event that is still held
    std::uint64_t first = 0;         // its seq
    bool complete = true;            // nothing was pushed out before it
};

History held_in_memory(const std::string& body, const EventFilter& filter) {
    History history;
    for (const auto line : split(body, '\n')) {
        auto event = Json::parse(line, nullptr, false);
        if (!event.is_object()) continue;
        const auto seq = number(at(event, "seq"));
        if (!history.oldest) {
            history.oldest = event_time(event);
            history.first = seq;
            history.complete = seq <= 1;
        }
        history.newest = std::max(history.newest, seq);
        if (matches(filter, event)) history.events.push_back({std::string(line), std::move(event)});
    }
    return history;
}

bool wants_older(const EventsFlags& flags, const History& history) {
    return flags.filter.since && !history.complete && history.oldest &&
           *history.oldest > *flags.filter.since;
}

std::string comma_joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ",") + word;
    return url_encoded(all);
}

// What the disk has of the time before memory begins. The sensor leaves out most of what the filter
// does not want; `matches` has the last word. False when the printer has had enough.
Result<bool> print_older(Context& context, const EventsFlags& flags, std::uint64_t first_in_memory,
                         EventPrinter& printer) {
    bool more = true;
    const auto on_line = [&](std::string_view line) {
        const auto event = Json::parse(line, nullptr, false);
        if (!event.is_object()) return true;
        if (first_in_memory != 0 && number(at(event, "seq")) >= first_in_memory) return false;
        if (!matches(flags.filter, event)) return true;
        more = printer.print(line, event);
        return more;
    };
    const auto filter = "&kind=" + comma_joined(flags.filter.kinds) +
                        "&verdict=" + comma_joined(flags.filter.verdicts) +
                        "&severity=" + std::to_string(rank_of(flags.filter.severity));
    if (auto read = read_history(context, "events", *flags.filter.since, filter, on_line); !read)
        return pass_on(read.error());
    return more;
}

Result<> follow(Context& context, const EventsFlags& flags, std::uint64_t newest,
                EventPrinter& printer) {
    bool wanted_end = false;
    const auto on_line = [&](std::string_view line) {
        const auto event = Json::parse(line, nullptr, false);
        if (!event.is_object()) return true;
        const auto seq = number(at(event, "seq"));
        if (seq != 0 && seq <= newest) return true;  // shown before
        newest = std::max(newest, seq);
        if (!matches(flags.filter, event)) return true;
        wanted_end = !printer.print(line, event);
        return !wanted_end;
    };
    const auto path = fmt::format("/v1/events?follow=1&after={}", newest);
    return context.backend.stream(context.flags.socket, path, on_line);
}

Result<> prepare(EventsFlags& flags) {
    for (const auto& word : flags.filter.verdicts) {
        if (std::find(kVerdicts.begin(), kVerdicts.end(), word) != kVerdicts.end()) continue;
        const auto near = nearest(word, kVerdicts);
        return fail("`" + printable(word, 64) + "` is no verdict",
                    near.empty() ? "allow, drop or would_drop" : "did you mean `" + near + "`?",
                    ExitCode::Usage);
    }
    if (!flags.since.empty()) flags.filter.since = ago(flags.since);
    return {};
}

Result<ExitCode> show_events(Context& context, EventsFlags& flags) {
    const auto format = context.format({OutputFormat::Table, OutputFormat::Wide, OutputFormat::Json,
                                        OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    if (auto ready = prepare(flags); !ready) return pass_on(std::move(ready).error());
    const auto body = context.backend.get(context.flags.socket, "/v1/events");
    if (!body) return pass_on(body.error());
    auto history = held_in_memory(*body, flags.filter);
    if (flags.follow && !flags.filter.since)
        while (history.events.size() > kTail) history.events.pop_front();
    EventPrinter printer(context, flags, *format);
    printer.begin();
    if (wants_older(flags, history)) {
        const auto more = print_older(context, flags, history.first, printer);
        if (!more)
            context.console.message(
                "portlid: the sensor holds events since " + to_rfc3339(*history.oldest) +
                " only; its history cannot be read: " + more.error().message + "\n");
        else if (!*more)
            return context.done();
    }
    for (const auto& kept : history.events)
        if (!printer.print(kept.line, kept.event)) return context.done();
    if (!flags.follow) return context.done();
    if (auto followed = follow(context, flags, history.newest, printer); !followed)
        return pass_on(std::move(followed).error());
    return context.done();
}

}  // namespace

void add_events(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"events", "Watch", "The event stream and its history", kEventsExamples});
    const auto flags = std::make_shared<EventsFlags>();
    verb.add_flag("-f,--follow", flags->follow, "Go on with what comes");
    add_duration(verb, "--since", flags->since, "Only events younger than this");
    const auto many = CLI::MultiOptionPolicy::TakeAll;
    verb.add_option("--verdict", flags->filter.verdicts, "allow, drop or would_drop (repeat)")
        ->type_name("VERDICT")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_option("--kind", flags->filter.kinds, "A kind or a glob: 'net.*' (repeat)")
        ->type_name("KIND")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_option("--container", flags->filter.containers,
                    "Container name, glob, compose service or id (repeat)")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    add_choice(verb, "--severity", flags->filter.severity, "info|low|medium|high|critical",
               "Only events at least so severe");
    verb.add_option("--first", flags->first, "End after N events")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max()));
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return show_events(context, *flags); };
    });
}

}  // namespace portlid::cli
