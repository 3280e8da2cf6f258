// SPDX-License-Identifier: Apache-2.0
// What whoever may connect to the control socket sends: a request line, a newline, a body. Nobody
// but uid 0 gets to a handler that changes something; a body is read strictly or refused with a
// reason.
#include "rollout/request.hpp"

#include "control/routes.hpp"
#include "fuzz.hpp"

namespace {

using portlid::fuzz::promise;
namespace control = portlid::control;
namespace rollout = portlid::rollout;

void check_route(std::string_view method, std::string_view path) {
    for (const std::uint32_t uid : {0U, 1000U}) {
        const auto route = control::route(method, path, uid);
        promise(route.refusal || uid == 0 || route.target != control::Target::Post,
                "a stranger may change things");
        if (route.refusal) promise(route.refusal->status >= 400, "a refusal that reads as success");
    }
}

template <class T>
bool read(const portlid::Result<T>& request) {
    promise(request || !request.error().message.empty(), "refused without a reason");
    return request.has_value();
}

void check_bodies(const std::string& body) {
    const auto apply = rollout::parse_apply(body);
    if (read(apply)) promise(apply->file.empty() || apply->file.front() == '/', "a relative path");
    (void)read(rollout::parse_rollback(body));
    (void)read(rollout::parse_mode(body));
    (void)read(rollout::parse_unban(body));
    (void)read(rollout::parse_set(body));
    const auto ban = rollout::parse_ban(body);
    if (read(ban)) promise(!ban->length || ban->length->count() >= 0, "a ban in the past");
    const auto allow = rollout::parse_allow(body);
    if (read(allow))
        promise(allow->ports.first_host != 0 && allow->ports.first_host <= allow->ports.last_host,
                "ports that are none");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = portlid::fuzz::text_of(data, size);
    const auto line = text.substr(0, text.find('\n'));
    const auto space = line.find(' ');
    if (space != std::string_view::npos) check_route(line.substr(0, space), line.substr(space + 1));
    if (line.size() < text.size()) check_bodies(std::string(text.substr(line.size() + 1)));
    return 0;
}
