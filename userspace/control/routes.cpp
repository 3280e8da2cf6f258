// SPDX-License-Identifier: Apache-2.0
#include "control/routes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"

namespace portlid::control {

namespace {

constexpr std::array<std::string_view, 10> kReads = {
    "/v1/status", "/v1/ports",  "/v1/explain", "/v1/verify",      "/v1/bans",
    "/v1/sets",   "/v1/policy", "/v1/audit",   "/v1/generations", "/v1/history"};
constexpr std::array<std::string_view, 8> kChanges = {"/v1/apply", "/v1/confirm", "/v1/rollback",
                                                      "/v1/mode",  "/v1/ban",     "/v1/unban",
                                                      "/v1/allow", "/v1/set"};
constexpr std::string_view kEvents = "/v1/events";
constexpr std::string_view kMetrics = "/metrics";
constexpr std::size_t kShownPathBytes = 128;

template <std::size_t N>
bool any_of(const std::array<std::string_view, N>& paths, std::string_view path) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
}

Route refuse(unsigned status, std::string message, std::string hint, ExitCode code) {
    return {Target::Get,
            error_response(status, Error{std::move(message), std::move(hint), code, 0})};
}

Route wrong_method(std::string_view path, const char* right) {
    return refuse(405, std::string(path) + " takes " + right, std::string("send a ") + right,
                  ExitCode::Usage);
}

}  // namespace

Response error_response(unsigned status, const Error& error) {
    const nlohmann::ordered_json body = {{"error",
                                          {{"message", printable_lines(error.message, 65536)},
                                           {"hint", printable(error.hint)},
                                           {"exit_code", static_cast<int>(error.code)}}}};
    return {status, body.dump() + "\n"};
}

Response not_built_response(std::string_view what) {
    return error_response(501, Error{std::string(what) + " is not built yet in this version",
                                     "portlid --help lists what is", ExitCode::Usage, 0});
}

Route route(std::string_view method, std::string_view path, std::uint32_t peer_uid) {
    if (any_of(kChanges, path)) {
        if (method != "POST") return wrong_method(path, "POST");
        if (peer_uid == 0) return {Target::Post, std::nullopt};
        return refuse(403,
                      "only root may change the sensor; you are uid " + std::to_string(peer_uid),
                      "sudo portlid ...", ExitCode::NoPermission);
    }
    const bool known = any_of(kReads, path) || path == kEvents || path == kMetrics;
    if (!known)
        return refuse(404, "there is no " + printable(path, kShownPathBytes),
                      "the paths are /v1/status, /v1/ports, /v1/explain and /v1/events",
                      ExitCode::Usage);
    if (method != "GET") return wrong_method(path, "GET");
    return {path == kEvents ? Target::Events : Target::Get, std::nullopt};
}

}  // namespace portlid::control
