// SPDX-License-Identifier: Apache-2.0
#include "app/metrics.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;
using Labels = std::vector<std::pair<const char*, std::string>>;

// Quotes, backslashes and newlines are what the format gives a meaning to.
std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

class Page {
public:
    void family(const char* name, const char* type, const char* help) {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    void sample(const Labels& labels, std::uint64_t value) {
        std::string list;
        for (const auto& [key, word] : labels)
            list += fmt::format("{}{}=\"{}\"", list.empty() ? "" : ",", key, escaped(word));
        text_ += list.empty() ? fmt::format("{} {}\n", name_, value)
                              : fmt::format("{}{{{}}} {}\n", name_, list, value);
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string name_;
    std::string text_;
};

std::string word(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t number(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

void add_packets(Page& page, const Json& interfaces) {
    page.family("portlid_packets_total", "counter", "Packets judged, by verdict.");
    for (const auto& one : interfaces) {
        const auto& packets = one.at("packets");
        const auto would = number(packets, "would_drop");
        const auto name = word(one, "name");
        page.sample({{"interface", name}, {"verdict", "allow"}}, number(packets, "passed") - would);
        page.sample({{"interface", name}, {"verdict", "would_drop"}}, would);
        page.sample({{"interface", name}, {"verdict", "drop"}}, number(packets, "dropped"));
    }
    page.family("portlid_packets_reason_total", "counter", "Packets judged, by reason.");
    for (const auto& one : interfaces)
        for (const auto& [reason, count] : one.at("packets").at("by_reason").items())
            page.sample({{"interface", word(one, "name")}, {"reason", reason}},
                        count.get<std::uint64_t>());
}

void add_hooks(Page& page, const Json& status) {
    page.family("portlid_interface_attached", "gauge", "1 while a packet program is attached.");
    for (const auto& one : status.at("interfaces"))
        page.sample({{"interface", word(one, "name")},
                     {"zone", word(one, "zone")},
                     {"mode", word(one, "mode")}},
                    one.at("attach").is_null() ? 0 : 1);
    page.family("portlid_hook_attached", "gauge", "1 while a socket hook is attached.");
    for (const auto& hook : status.at("hooks"))
        page.sample({{"hook", word(hook, "name")}}, word(hook, "state") == "attached" ? 1 : 0);
}

void add_sinks(Page& page, const Json& sinks) {
    struct Family {
        const char *name, *type, *help, *key;
    };
    constexpr Family kFamilies[] = {
        {"portlid_sink_lag_events", "gauge", "Events a sink has not taken yet.", "lag"},
        {"portlid_sink_sent_total", "counter", "Events a sink took since start.", "sent"},
        {"portlid_sink_retries_total", "counter", "Faults of a sink since start.", "retries"},
        {"portlid_sink_dead_letters_total", "counter", "Events a peer refused.", "dead_letters"},
        {"portlid_sink_spool_lost_total", "counter", "Events given up by the spool's caps.",
         "spool_lost"}};
    page.family("portlid_sink_up", "gauge", "1 while a sink takes events.");
    for (const auto& one : sinks)
        page.sample({{"sink", word(one, "name")}}, word(one, "state") == "up" ? 1 : 0);
    for (const auto& family : kFamilies) {
        page.family(family.name, family.type, family.help);
        for (const auto& one : sinks)
            page.sample({{"sink", word(one, "name")}}, number(one, family.key));
    }
}

}  // namespace

std::string metrics_text(const Json& status) {
    Page page;
    page.family("portlid_build_info", "gauge", "Which version runs.");
    page.sample({{"version", word(status, "version")}}, 1);
    page.family("portlid_ready", "gauge", "1 when every hook is in place.");
    page.sample({}, status.value("ready", false) ? 1 : 0);
    page.family("portlid_enforcing", "gauge", "1 when every covered interface enforces.");
    page.sample({}, word(status.at("mode"), "effective") == "enforce" ? 1 : 0);
    page.family("portlid_policy_info", "gauge", "The policy in force.");
    page.sample({{"hash", word(status, "policy")}}, 1);
    page.family("portlid_policy_generation", "gauge", "The generation in force.");
    page.sample({}, number(status, "generation"));
    page.family("portlid_events_total", "counter", "Events numbered, across restarts.");
    page.sample({}, number(status.at("events"), "emitted"));
    page.family("portlid_events_lost_total", "counter", "Events lost since start, by cause.");
    for (const auto* cause : {"ring", "queue", "spool"})
        page.sample({{"cause", cause}}, number(status.at("events").at("lost"), cause));
    add_packets(page, status.at("interfaces"));
    add_hooks(page, status);
    add_sinks(page, status.at("sinks"));
    page.family("portlid_engine_reachable", "gauge", "1 while a container engine answers.");
    for (const auto& one : status.at("engines"))
        page.sample({{"endpoint", word(one, "endpoint")}}, one.value("reachable", false) ? 1 : 0);
    return page.take();
}

}  // namespace portlid::app
