// SPDX-License-Identifier: Apache-2.0
#include "sink/spec.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"

namespace portlid::sink {

namespace {

constexpr std::array<std::string_view, 3> kLaterFormats = {"ecs", "ocsf", "cef"};
constexpr std::array<std::string_view, 4> kFormats = {"native", "ecs", "ocsf", "cef"};
constexpr std::array<std::string_view, 5> kLaterSchemes = {"journald", "syslog+udp", "syslog+tcp",
                                                           "syslog+tls", "https"};
constexpr std::array<std::string_view, 7> kSchemes = {
    "-", "file", "journald", "syslog+udp", "syslog+tcp", "syslog+tls", "https"};
constexpr const char* kForm = "sinks are `-` and `file:PATH`, with `?format=native`";

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

tl::unexpected<Error> not_built(const std::string& what) {
    return fail(what + " is not built yet in this version (issue: SIEM exports)",
                "use `file:PATH` and let a collector read that file", ExitCode::Usage);
}

tl::unexpected<Error> unknown(const std::string& what, std::string_view word,
                              std::span<const std::string_view> words) {
    const auto near = nearest(word, words);
    return fail(what + " `" + printable(word, 256) + "`",
                near.empty() ? kForm : "did you mean `" + near + "`?", ExitCode::Usage);
}

// "?format=native&..." without the question mark.
Result<> check_options(std::string_view options) {
    for (const auto option : split(options, '&')) {
        const auto equals = option.find('=');
        const auto key = option.substr(0, equals);
        constexpr std::array<std::string_view, 1> kKeys = {"format"};
        if (key != kKeys[0]) return unknown("unknown sink option", key, kKeys);
        const auto word =
            equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
        if (auto known = check_format(std::string(word)); !known) return known;
    }
    return {};
}

Result<SinkSpec> parse_target(const std::string& target) {
    if (target == "-") return SinkSpec{SinkKind::Stdout, {}, "-"};
    const auto scheme = target.substr(0, target.find(':'));
    if (contains(kLaterSchemes, scheme)) return not_built("the sink `" + scheme + "`");
    if (scheme != "file" || scheme.size() == target.size())
        return unknown("unknown sink", scheme, kSchemes);
    auto path = target.substr(scheme.size() + 1);
    if (path.empty() || path.find('\0') != std::string::npos)
        return fail("the sink `file:` names no file", "file:/var/log/portlid/events.jsonl",
                    ExitCode::Usage);
    if (path.front() != '/')
        return fail("the path of the sink `" + printable(target) + "` is not absolute",
                    "file:/var/log/portlid/events.jsonl", ExitCode::Usage);
    return SinkSpec{SinkKind::File, path, "file:" + path};
}

}  // namespace

Result<> check_format(const std::string& word) {
    if (word == "native") return {};
    if (contains(kLaterFormats, word)) return not_built("the format `" + word + "`");
    return unknown("unknown format", word, kFormats);
}

Result<SinkSpec> parse_spec(const std::string& text) {
    // The last question mark: a path may have one of its own only when options follow.
    const auto mark = text.rfind('?');
    auto spec = parse_target(text.substr(0, mark));
    if (!spec || mark == std::string::npos) return spec;
    if (auto options = check_options(std::string_view(text).substr(mark + 1)); !options)
        return pass_on(std::move(options).error());
    return spec;
}

}  // namespace portlid::sink
