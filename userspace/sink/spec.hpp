// SPDX-License-Identifier: Apache-2.0
// A sink as an operator writes it: `--events TARGET?format=…` or an item of `sinks:` in
// portlid.yaml. Nothing is opened here; only whether a credential of systemd's is there is looked
// at.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
    std::string target;  // to show, without our options: "https://siem.example/in?…"
    std::string url;     // of https: where it goes, with the query, which may hold a secret
    std::string path;    // of a file
    std::string host;    // of a network sink, without brackets
    std::uint16_t port = 0;
    Format format = Format::Native;
    Preset preset = Preset::Ndjson;
    std::string index;                 // of elasticsearch (empty: "portlid") and splunk (its own)
    std::string ca, cert, key, token;  // files; a secret is never in the words themselves
    std::vector<std::string> kinds;    // globs, empty = all
    event::Severity severity{};        // the least that goes out
    std::vector<std::string> redact;   // dotted paths of the native event, with globs
    SpoolLimits spool;
    Rotation rotate;

    // Whether it stands behind the spool: everything but stdout and files, and files on request.
    [[nodiscard]] bool spooled() const;
    [[nodiscard]] bool filtered() const;
};

// Options after the last `?` that are ours: format, preset, index, ca, cert, key, token. Others
// belong to the address of an https sink, and are refused elsewhere. Fails with exit code 2.
[[nodiscard]] Result<SinkSpec> parse_spec(const std::string& text);
[[nodiscard]] Result<Format> parse_format(const std::string& word);
[[nodiscard]] Result<Preset> parse_preset(const std::string& word);
[[nodiscard]] Result<event::Severity> parse_severity(const std::string& word);
struct Misfit {
    std::string key;  // where it stands in portlid.yaml
    Error error;      // exit code 2
};
// The first of the `given` keys (as portlid.yaml calls them) that says nothing to this sink, or
// says it wrong: a certificate for a file, half a pair, a token instead of a file that holds it.
[[nodiscard]] std::optional<Misfit> find_misfit(const SinkSpec& spec,
                                                std::span<const std::string_view> given);
// Refuses a sink that writes where one of the others does: lines would be mixed, a rotation lost.
[[nodiscard]] Result<> check_alone(const SinkSpec& spec, std::span<const SinkSpec> others);
// The sinks of `--events`; also refuses one that is given twice.
[[nodiscard]] Result<std::vector<SinkSpec>> parse_specs(const std::vector<std::string>& texts);
// An address as it may be shown: "https://siem.example/in?…".
[[nodiscard]] std::string without_query(const std::string& url);
[[nodiscard]] const char* to_string(Format format);

}  // namespace portlid::sink
