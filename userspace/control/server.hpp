// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 + JSON on a unix socket (contract §1). The server knows paths and permissions; what the
// answers are comes in through Api. Single-threaded: the owner polls fd() for POLLIN and calls
// serve(); the server keeps its own timer behind fd(), no tick is needed.
//
// Limits: 64 connections (the last 16 for root), 1 MiB body, 32 KiB of headers, 10 s for a request
// to be complete, 30 s for an answer to be read. A follower of /v1/events?follow=1 has no time
// limit; one that is 1 MiB behind gets a gap line and its stream ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace portlid::control {

struct Request {
    std::string path;                          // "/v1/ports"
    std::map<std::string, std::string> query;  // decoded
    std::string body;                          // POST, at most 1 MiB
    std::uint32_t peer_uid = 0;
    std::uint32_t peer_pid = 0;

    // A field of the query; empty when it is not there.
    [[nodiscard]] std::string asked(const char* key) const {
        const auto found = query.find(key);
        return found == query.end() ? std::string() : found->second;
    }
};

struct Response {
    unsigned status = 200;
    std::string body;  // JSON; errors are {"error":{"message","hint","exit_code"}}
    const char* type = "application/json";
};
[[nodiscard]] Response error_response(unsigned status, const Error& error);
// 501 for a path of the contract that this version does not serve.
[[nodiscard]] Response not_built_response(std::string_view what);

class Api {
public:
    virtual ~Api() = default;
    virtual Response get(const Request& request) = 0;   // anything under /v1 but the stream
    virtual Response post(const Request& request) = 0;  // only called for peer uid 0
    // JSON lines newer than `after`; the new position comes back in `after`.
    virtual std::vector<std::string> events_after(std::uint64_t& after, const Request& request) = 0;
    // A sensor.gap line that tells one slow follower how many lines it did not get.
    virtual std::string gap_line(std::uint64_t count) = 0;
};

struct Limits {
    std::chrono::seconds request_time{10};   // until a request is complete
    std::chrono::seconds answer_time{30};    // until its answer is read
    std::size_t follower_bytes = 1U << 20U;  // a follower may be this far behind
};

class Server {
public:
    // Listens on runtime_dir/portlid.sock (directory 0755, socket 0660, group `portlid` where it
    // exists). A live sensor there is refused; a stale socket is replaced.
    [[nodiscard]] static Result<std::unique_ptr<Server>> listen(
        const std::filesystem::path& runtime_dir, Api& api, Limits limits = {});
    virtual ~Server() = default;
    [[nodiscard]] virtual int fd() const = 0;
    // False once somebody has removed or replaced the socket file: then nobody finds the sensor.
    [[nodiscard]] virtual bool reachable() const = 0;
    virtual void serve() = 0;           // runs what is ready; never blocks
    virtual void wake_followers() = 0;  // new events exist
};

}  // namespace portlid::control
