// SPDX-License-Identifier: Apache-2.0
#include "sink/spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "base/text.hpp"
#include "sink/transport/secrets.hpp"

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
    return fail("the sink `" + printable(without_query(target), 256) + "` " + why, kForm,
                ExitCode::Usage);
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
    const auto shown = without_query(target);
    SinkSpec spec{.kind = scheme.kind, .name = shown, .target = shown, .port = scheme.port};
    if (scheme.kind == SinkKind::Https) spec.url = target;
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

bool speaks_tls(const SinkSpec& spec) {
    return spec.kind == SinkKind::SyslogTls || spec.kind == SinkKind::Https;
}

// Why a key says nothing to this sink; empty when it does.
std::string_view why_unfit(const SinkSpec& spec, std::string_view key) {
    const bool https = spec.kind == SinkKind::Https;
    if (key == "ca" || key == "cert" || key == "key")
        return speaks_tls(spec) ? "" : "it is for syslog+tls:// and https://";
    if (key == "token" || key == "preset") return https ? "" : "it is for https://";
    if (key == "index")
        return https && spec.preset != Preset::Ndjson
                   ? ""
                   : "it is for https:// with preset elasticsearch or splunk";
    if (key == "rotate") return spec.kind == SinkKind::File ? "" : "it is for file:PATH";
    // A reader that goes away does not come back, and nobody would read the spool.
    if (key == "spool")
        return spec.kind == SinkKind::Stdout ? "standard output has no spool; write file:PATH" : "";
    return "";
}

const std::string* value_of(const SinkSpec& spec, std::string_view key) {
    return key == "ca"      ? &spec.ca
           : key == "cert"  ? &spec.cert
           : key == "key"   ? &spec.key
           : key == "token" ? &spec.token
           : key == "index" ? &spec.index
                            : nullptr;
}

std::optional<Misfit> misfit(std::string_view key, std::string what, std::string_view hint) {
    return Misfit{std::string(key), Error{"`" + std::string(key) + "` " + std::move(what),
                                          std::string(hint), ExitCode::Usage, 0}};
}

// What Elasticsearch takes as the name of an index; "<…>" is one that it computes.
bool is_index_name(std::string_view name) {
    if (name.front() == '<') return true;
    return name.find_first_of("-_+") != 0 && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return c > ' ' && std::isupper(c) == 0 &&
                      std::string_view("\\/*?\"<>|,#:").find(static_cast<char>(c)) ==
                          std::string_view::npos;
           });
}

std::optional<Misfit> check_key(const SinkSpec& spec, std::string_view key) {
    if (const auto why = why_unfit(spec, key); !why.empty())
        return misfit(key, "does not fit the sink " + printable(spec.target, 256), why);
    const auto* value = value_of(spec, key);
    if (value != nullptr && value->empty()) return misfit(key, "is empty", "leave it away");
    if (key == "index" && spec.preset == Preset::Elasticsearch && !is_index_name(spec.index))
        return misfit(key, "is no name of an index", "lower case, no blank, no \\/*?\"<>|,#:");
    // What stands there may be the secret itself: it is not repeated.
    if (key == "token" && !is_secret_file(spec.token))
        return misfit(key,
                      "wants the path of a file (or a systemd credential) that holds the token",
                      "token: /etc/portlid/token, chmod 600, or LoadCredential= in the unit");
    return std::nullopt;
}

bool same_output(const SinkSpec& one, const SinkSpec& other) {
    if (one.kind != other.kind || other.target.empty()) return false;  // it named none
    const auto plain = [](const auto& spec) {
        return std::filesystem::path(spec.path).lexically_normal();
    };
    return one.kind == SinkKind::Stdout ||
           (one.kind == SinkKind::File && plain(one) == plain(other));
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
    for (auto& option : ours) option = option.substr(0, option.find('='));
    if (auto wrong = find_misfit(*spec, ours)) return tl::unexpected(std::move(wrong->error));
    return spec;
}

Result<std::vector<SinkSpec>> parse_specs(const std::vector<std::string>& texts) {
    std::vector<SinkSpec> specs;
    for (const auto& text : texts) {
        auto spec = parse_spec(text);
        if (!spec) return pass_on(std::move(spec).error());
        if (auto alone = check_alone(*spec, specs); !alone)
            return pass_on(std::move(alone).error());
        for (const auto& other : specs)
            if (other.name == spec->name)
                return fail("the sink " + printable(spec->name, 256) + " is given twice",
                            "give two sinks of one address names, in portlid.yaml",
                            ExitCode::Usage);
        specs.push_back(std::move(*spec));
    }
    return specs;
}

std::optional<Misfit> find_misfit(const SinkSpec& spec, std::span<const std::string_view> given) {
    for (const auto key : given)
        if (auto wrong = check_key(spec, key)) return wrong;
    if (spec.cert.empty() == spec.key.empty()) return std::nullopt;
    const bool lone = spec.key.empty();
    return misfit(lone ? "cert" : "key", lone ? "has no `key`" : "has no `cert`",
                  "they belong together: give both files");
}

Result<> check_alone(const SinkSpec& spec, std::span<const SinkSpec> others) {
    for (const auto& other : others)
        if (same_output(spec, other))
            return fail("two sinks write to " + printable(spec.target, 256),
                        "give each its own file", ExitCode::Usage);
    return {};
}

std::string without_query(const std::string& url) {
    const auto query = url.find('?');
    if (url.rfind("https:", 0) != 0 || query == std::string::npos) return url;
    return url.substr(0, query) + "?…";
}

}  // namespace portlid::sink
