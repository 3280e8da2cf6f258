// SPDX-License-Identifier: Apache-2.0
#include "cli/history_client.hpp"

#include <fmt/format.h>

#include <thread>

#include "base/text.hpp"
#include "cli/document.hpp"
#include "cli/json_access.hpp"
#include "cli/url.hpp"
#include "policy/load.hpp"

namespace portlid::cli {

namespace {

constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{200};

// One page: the number of the run is asked for until it has ended.
Result<std::string> page(Context& context, const std::string& question) {
    auto path = "/v1/history?" + question;
    auto pause = kFirstPause;
    while (true) {
        auto body = context.backend.get(context.flags.socket, path);
        if (!body) return body;
        const auto head = Json::parse(body->substr(0, body->find('\n')), nullptr, false);
        if (!head.is_object())
            return fail("the sensor's answer is not understood", "portlid version, on both sides");
        if (!head.contains("run")) return body;
        path = "/v1/history?run=" + std::to_string(number(at(head, "run")));
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLongestPause);
    }
}

}  // namespace

Result<> read_history(Context& context, const std::string& what, WallTime since,
                      const std::string& more,
                      const std::function<bool(std::string_view)>& on_line) {
    std::string after;
    while (true) {
        const auto body =
            page(context, fmt::format("what={}&since_ns={}{}&after={}", what,
                                      since.time_since_epoch().count(), more, url_encoded(after)));
        if (!body) return pass_on(body.error());
        bool head = true;
        std::string next;
        for (const auto line : split(*body, '\n')) {
            if (line.empty()) continue;
            if (std::exchange(head, false)) {
                const auto json = Json::parse(line, nullptr, false);
                const auto found = json.find("next");
                if (found != json.end() && found->is_string()) next = found->get<std::string>();
                continue;
            }
            if (!on_line(line)) return {};
        }
        if (next.empty() || next == after) return {};
        after = next;
    }
}

Result<> read_flows(Context& context, WallTime since,
                    const std::function<void(const history::Flow&)>& on_flow) {
    bool understood = true;
    auto done = read_history(context, "flows", since, "", [&](std::string_view line) {
        const auto flow = history::flow_of(std::string(line));
        understood = flow.has_value();
        if (flow) on_flow(*flow);
        return understood;
    });
    if (done && !understood)
        return fail("the sensor's answer is not understood", "portlid version, on both sides");
    return done;
}

WallTime ago(const std::string& duration) {
    const auto now = wall_now();
    const auto length = parse_duration(duration).value_or(std::chrono::nanoseconds(0));
    return length > now.time_since_epoch() ? WallTime{} : now - length;
}

Result<InForce> policy_in_force(Context& context) {
    const auto document = get_document(context, "/v1/policy");
    if (!document) return pass_on(document.error());
    const auto name = "generation " + text(at(*document, "generation"), "?");
    const auto& whole = at(*document, "text");
    auto loaded = policy::load_text(whole.is_string() ? whole.get<std::string>() : "", name, ".");
    if (!loaded.ok())
        return fail(
            "the sensor's policy cannot be read: " + policy::to_string(loaded.diagnostics.front()),
            "portlid version, on both sides");
    return InForce{std::move(loaded.policy), name};
}

}  // namespace portlid::cli
