// SPDX-License-Identifier: Apache-2.0
#include "sink/spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/text.hpp"

namespace portlid::sink {

namespace {

struct Scheme {
    std::string_view word;
    SinkKind kind;
    std::uint16_t port;
};
constexpr std::array<Scheme, 7> kSchemes = {{{"-", SinkKind::Stdout, 0},
                                             {"file", SinkKind::File, 0},
                                             {"journald", SinkKind::Journald, 0},
                                             {"syslog+udp", SinkKind::SyslogUdp, 514},
                                             {"syslog+tcp", SinkKind::SyslogTcp, 601},
                                             {"syslog+tls", SinkKind::SyslogTls, 6514},
                                             {"https", SinkKind::Https, 443}}};
constexpr std::array<std::string_view, 4> kFormats = {"native", "ecs", "ocsf", "cef"};
constexpr std::array<std::string_view, 3> kPresets = {"ndjson", "elasticsearch", "splunk"};
constexpr std::array<std::string_view, 5> kSeverities = {"info", "low", "medium", "high",
                                                         "critical"};
constexpr std::array<std::string_view, 7> kOptions = {"format", "preset", "index", "ca",
                                                      "cert",   "key",    "token"};
constexpr const char* kForm =
    "sinks are `-`, `file:PATH`, `journald`, `syslog+udp://HOST`, `syslog+tcp://HOST`, "
    "`syslog+tls://HOST:PORT` and `https://…`, each with `?format=native|ecs|ocsf|cef`";

tl::unexpected<Error> unknown(const std::string& what, std::string_view word,
                              std::span<const std::string_view> words) {
    const auto near = nearest(word, words);
    return fail(what + " `" + printable(word, 256) + "`",
                near.empty() ? kForm : "did you mean `" + near + "`?", ExitCode::Usage);
}

template <class T, std::size_t N>
Result<T> word_of(const std::array<std::string_view, N>& words, const char* what,
                  std::string_view word) {
    const auto* const found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) return unknown(std::string("unknown ") + what, word, words);
    return static_cast<T>(found - words.begin());
}

const Scheme* scheme_of(std::string_view word) {
    for (const auto& scheme : kSchemes)
        if (scheme.word == word) return &scheme;
    return nullptr;
}

tl::unexpected<Error> bad_target(const std::string& target, const std::string& why) {
    return fail("the sink `" + printable(target, 256) + "` " + why, kForm, ExitCode::Usage);
}

Result<SinkSpec> parse_path(const std::string& target) {
    SinkSpec spec{.kind = SinkKind::File, .name = target, .target = target};
    spec.path = target.substr(5);
    if (spec.path.empty() || spec.path.find('\0') != std::string::npos)
        return fail("the sink `file:` names no file", "file:/var/log/portlid/events.jsonl",
                    ExitCode::Usage);
    if (spec.path.front() != '/')
        return fail("the path of the sink `" + printable(target) + "` is not absolute",
                    "file:/var/log/portlid/events.jsonl", ExitCode::Usage);
    return spec;
}

bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
    });
}

// "host", "host:port", "[v6]:port".
Result<> parse_authority(std::string_view text, SinkSpec& spec) {
    std::string_view rest;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return bad_target(spec.target, "has no `]`");
        spec.host = text.substr(1, close - 1);
        rest = text.substr(close + 1);
    } else {
        const auto colon = text.find(':');
        spec.host = text.substr(0, colon);
        rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    }
    if (!is_host(spec.host)) return bad_target(spec.target, "names no host");
    if (rest.empty()) return {};
    unsigned port = 0;
    const auto [stop, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
    if (rest.front() != ':' || error != std::errc() || stop != rest.data() + rest.size() ||
        port == 0 || port > 65535)
        return bad_target(spec.target, "has a port that is none");
    spec.port = static_cast<std::uint16_t>(port);
    return {};
}

Result<SinkSpec> parse_network(const std::string& target, const Scheme& scheme) {
    SinkSpec spec{.kind = scheme.kind, .name = target, .target = target, .port = scheme.port};
    const auto begin = scheme.word.size();
    if (target.compare(begin, 3, "://") != 0)
        return bad_target(target, "has no `//` after its scheme");
    const auto end = target.find_first_of("/?#", begin + 3);
    const auto authority = std::string_view(target).substr(
        begin + 3, end == std::string::npos ? end : end - begin - 3);
    if (authority.find('@') != std::string_view::npos)
        return fail("the sink has a user name or password in its address",
                    "put the secret into a file: token: /etc/portlid/token", ExitCode::Usage);
    if (auto parsed = parse_authority(authority, spec); !parsed) return pass_on(parsed.error());
    if (scheme.kind != SinkKind::Https && end != std::string::npos)
        return bad_target(target, "has something after its port");
    return spec;
}

Result<SinkSpec> parse_target(const std::string& target) {
    const auto word = std::string_view(target).substr(0, target.find(':'));
    const auto* scheme = scheme_of(word);
    const bool bare = word.size() == target.size();
    if (scheme == nullptr || (bare && scheme->kind == SinkKind::File)) {
        std::array<std::string_view, kSchemes.size()> words{};
        std::transform(kSchemes.begin(), kSchemes.end(), words.begin(),
                       [](const Scheme& one) { return one.word; });
        return unknown("unknown sink", word, words);
    }
    switch (scheme->kind) {
        case SinkKind::Stdout:
        case SinkKind::Journald:
            if (!bare) return bad_target(target, "takes nothing after its name");
            return SinkSpec{.kind = scheme->kind, .name = target, .target = target};
        case SinkKind::File:
            return parse_path(target);
        default:
            return parse_network(target, *scheme);
    }
}

Result<> set_option(SinkSpec& spec, std::string_view name, const std::string& value) {
    if (name == "format" || name == "preset") {
        if (name == "format") {
            auto format = parse_format(value);
            if (!format) return pass_on(std::move(format).error());
            spec.format = *format;
            return {};
        }
        auto preset = parse_preset(value);
        if (!preset) return pass_on(std::move(preset).error());
        spec.preset = *preset;
        return {};
    }
    (name == "index"  ? spec.index
     : name == "ca"   ? spec.ca
     : name == "cert" ? spec.cert
     : name == "key"  ? spec.key
                      : spec.token) = value;
    return {};
}

bool is_option(std::string_view name) {
    return std::find(kOptions.begin(), kOptions.end(), name) != kOptions.end();
}

}  // namespace

bool SinkSpec::spooled() const {
    return spool.given || (kind != SinkKind::Stdout && kind != SinkKind::File);
}

bool SinkSpec::filtered() const {
    return !kinds.empty() || severity != event::Severity::Info;
}

const char* to_string(Format format) {
    return kFormats[static_cast<std::size_t>(format)].data();
}

Result<Format> parse_format(const std::string& word) {
    return word_of<Format>(kFormats, "format", word);
}

Result<Preset> parse_preset(const std::string& word) {
    return word_of<Preset>(kPresets, "preset", word);
}

Result<event::Severity> parse_severity(const std::string& word) {
    return word_of<event::Severity>(kSeverities, "severity", word);
}

Result<SinkSpec> parse_spec(const std::string& text) {
    // The last question mark: a path may have one of its own only when options follow.
    const auto mark = text.rfind('?');
    std::string target = text.substr(0, mark);
    const bool https = target.rfind("https:", 0) == 0;
    std::vector<std::string_view> ours;
    std::string foreign;
    if (mark != std::string::npos) {
        for (const auto option : split(std::string_view(text).substr(mark + 1), '&')) {
            const auto name = option.substr(0, option.find('='));
            if (is_option(name))
                ours.push_back(option);
            else if (https)
                foreign += (foreign.empty() ? "?" : "&") + std::string(option);
            else
                return unknown("unknown sink option", name, kOptions);
        }
    }
    auto spec = parse_target(target + foreign);
    if (!spec) return spec;
    for (const auto option : ours) {
        const auto equals = option.find('=');
        const auto value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
        if (auto set = set_option(*spec, option.substr(0, equals), std::string(value)); !set)
            return pass_on(std::move(set).error());
    }
    if (auto fit = check_fit(*spec); !fit) return pass_on(std::move(fit).error());
    return spec;
}

Result<> check_fit(const SinkSpec& spec) {
    const bool tls = spec.kind == SinkKind::SyslogTls || spec.kind == SinkKind::Https;
    const auto refuse = [&](const char* key, const char* why) {
        return fail("`" + std::string(key) + "` does not fit the sink " + printable(spec.target),
                    why, ExitCode::Usage);
    };
    if (!tls && !(spec.ca + spec.cert + spec.key).empty())
        return refuse("ca, cert, key", "they are for syslog+tls:// and https://");
    if (spec.cert.empty() != spec.key.empty())
        return fail("`cert` and `key` belong together", "give both files", ExitCode::Usage);
    if (spec.kind != SinkKind::Https && !spec.token.empty())
        return refuse("token", "it is for https://");
    if (spec.kind != SinkKind::Https && spec.preset != Preset::Ndjson)
        return refuse("preset", "it is for https://");
    if (spec.kind != SinkKind::File && spec.rotate.bytes != 0)
        return refuse("rotate", "it is for file:PATH");
    return {};
}

}  // namespace portlid::sink
