// SPDX-License-Identifier: Apache-2.0
// A sink as an operator writes it: `--events TARGET?format=…` or an item of `sinks:` in
// portlid.yaml. Pure: nothing is opened here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/event.hpp"

namespace portlid::sink {

enum class SinkKind : std::uint8_t {
    Stdout,
    File,
    Journald,
    SyslogUdp,
    SyslogTcp,
    SyslogTls,
    Https
};
enum class Format : std::uint8_t { Native, Ecs, Ocsf, Cef };
enum class Preset : std::uint8_t { Ndjson, Elasticsearch, Splunk };  // of an https sink

struct SpoolLimits {
    std::uint64_t bytes = 256ULL << 20U;
    std::chrono::nanoseconds age = std::chrono::hours(24 * 7);
    bool given = false;
};

struct Rotation {
    std::uint64_t bytes = 0;  // 0: never
    std::uint32_t keep = 7;
};

struct SinkSpec {
    SinkKind kind = SinkKind::Stdout;
    std::string name;    // as `status` shows it: the configured name, else the target
    std::string target;  // without our options: "syslog+tls://siem.example:6514"
    std::string path;    // of a file
    std::string host;    // of a network sink, without brackets
    std::uint16_t port = 0;
    Format format = Format::Native;
    Preset preset = Preset::Ndjson;
    std::string index = "portlid";     // of the elasticsearch preset
    std::string ca, cert, key, token;  // files; a secret is never in the words themselves
    std::vector<std::string> kinds;    // globs, empty = all
    event::Severity severity{};        // the least that goes out
    std::vector<std::string> redact;   // dotted paths of the native event, with globs
    SpoolLimits spool;
    Rotation rotate;

    // Whether it stands behind the spool: everything but stdout and files, and those on request.
    [[nodiscard]] bool spooled() const;
    [[nodiscard]] bool filtered() const;
};

// Options after the last `?` that are ours: format, preset, index, ca, cert, key, token. Others
// belong to the address of an https sink, and are refused elsewhere. Fails with exit code 2.
[[nodiscard]] Result<SinkSpec> parse_spec(const std::string& text);
[[nodiscard]] Result<Format> parse_format(const std::string& word);
[[nodiscard]] Result<Preset> parse_preset(const std::string& word);
[[nodiscard]] Result<event::Severity> parse_severity(const std::string& word);
// Keys that do not fit the target (a certificate for a file): exit code 2.
[[nodiscard]] Result<> check_fit(const SinkSpec& spec);
[[nodiscard]] const char* to_string(Format format);

}  // namespace portlid::sink
