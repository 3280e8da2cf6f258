// SPDX-License-Identifier: Apache-2.0
#include "rollout/request.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace portlid::rollout {

namespace {

using Json = nlohmann::json;

tl::unexpected<Error> misunderstood(const std::string& what, const std::string& hint = {}) {
    return fail(what, hint, ExitCode::Usage);
}

// Takes keys out of one object; what went wrong first is kept, what is left over is unknown.
class Fields {
public:
    explicit Fields(const std::string& body) {
        auto parsed = Json::parse(body.empty() ? "{}" : body, nullptr, false);
        if (parsed.is_object())
            object_ = std::move(parsed);
        else
            problem_ = "the request body is not a JSON object";
    }

    void text(const char* key, std::string& into) {
        if (const auto* found = take(key)) {
            if (found->is_string())
                into = found->get<std::string>();
            else if (!found->is_null())
                complain(key, "is not a text");
        }
    }
    void flag(const char* key, bool& into) {
        if (const auto* found = take(key)) {
            if (found->is_boolean())
                into = found->get<bool>();
            else
                complain(key, "is neither true nor false");
        }
    }
    void number(const char* key, std::uint64_t& into) {
        if (const auto* found = take(key)) {
            if (found->is_number_unsigned())
                into = found->get<std::uint64_t>();
            else
                complain(key, "is not a number");
        }
    }
    void length(const char* key, Length& into) {
        std::string word;
        text(key, word);
        if (word.empty()) return;
        into = parse_duration(word);
        if (!into) complain(key, "is not a duration: `" + printable(word, 32) + "`");
    }
    void texts(const char* key, std::vector<std::string>& into) {
        const auto* found = take(key);
        if (found == nullptr) return;
        if (!found->is_array()) return complain(key, "is not a list");
        for (const auto& one : *found) {
            if (!one.is_string()) return complain(key, "is not a list of texts");
            into.push_back(one.get<std::string>());
        }
    }
    void complain(const std::string& key, const std::string& what) {
        if (problem_.empty()) problem_ = "`" + key + "` " + what;
    }
    [[nodiscard]] Result<> done() const {
        if (!problem_.empty()) return misunderstood(problem_, "portlid --help");
        for (const auto& [key, value] : object_.items())
            if (!taken_.contains(key))
                return misunderstood("unknown key `" + printable(key, 64) + "` in the request");
        return {};
    }

private:
    const Json* take(const char* key) {
        taken_.insert(key);
        const auto found = object_.find(key);
        return found == object_.end() ? nullptr : &*found;
    }

    Json object_ = Json::object();
    std::set<std::string> taken_;
    std::string problem_;
};

Result<Cidr> parse_source(const std::string& text) {
    if (const auto exact = Cidr::parse(text)) return *exact;
    if (const auto cleared = Cidr::parse(text, true))
        return misunderstood("`" + printable(text, 64) + "` has bits set beyond its length",
                             "did you mean " + cleared->to_string() + "?");
    return misunderstood("`" + printable(text, 64) + "` is neither an address nor a prefix",
                         "203.0.113.9, 203.0.113.0/24 or 2001:db8::/48");
}

Result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || value == 0)
        return misunderstood("`" + printable(text, 32) + "` is not a port (1 to 65535)");
    return value;
}

// A length of zero and no length are different things only where "for ever" is a choice.
Result<> refuse_zero(const Length& length, const char* what) {
    if (!length || length->count() != 0) return {};
    return misunderstood(std::string(what) + " of 0 would end at once");
}

}  // namespace

Result<policy::PortRange> parse_ports(const std::string& text) {
    const auto slash = text.find('/');
    const auto word = slash == std::string::npos ? std::string("tcp") : text.substr(slash + 1);
    if (word != "tcp" && word != "udp")
        return misunderstood("`" + printable(word, 32) + "` is neither tcp nor udp", "8080/tcp");
    const auto ports = text.substr(0, slash);
    const auto dash = ports.find('-');
    const auto first = parse_port(std::string_view(ports).substr(0, dash));
    if (!first) return pass_on(first.error());
    const auto last =
        dash == std::string::npos ? first : parse_port(std::string_view(ports).substr(dash + 1));
    if (!last) return pass_on(last.error());
    if (*last < *first) return misunderstood("the range " + printable(ports, 32) + " is empty");
    return policy::PortRange{word == "tcp" ? policy::PortProtocol::Tcp : policy::PortProtocol::Udp,
                             *first, *last};
}

Result<ApplyRequest> parse_apply(const std::string& body) {
    ApplyRequest request;
    Fields fields(body);
    fields.text("file", request.file);
    fields.length("confirm_within", request.confirm_within);
    fields.flag("force", request.force);
    fields.text("ssh_connection", request.ssh_connection);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    if (!request.file.empty() && request.file.front() != '/')
        return misunderstood("`file` must be an absolute path");
    if (auto sane = refuse_zero(request.confirm_within, "a window"); !sane)
        return pass_on(sane.error());
    return request;
}

Result<RollbackRequest> parse_rollback(const std::string& body) {
    RollbackRequest request;
    Fields fields(body);
    fields.number("generation", request.generation);
    fields.flag("force", request.force);
    fields.text("ssh_connection", request.ssh_connection);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    return request;
}

Result<ModeRequest> parse_mode(const std::string& body) {
    ModeRequest request;
    std::string word;
    Fields fields(body);
    fields.text("mode", word);
    fields.text("zone", request.zone);
    fields.text("rule", request.rule);
    fields.length("for", request.length);
    fields.length("confirm_within", request.confirm_within);
    fields.flag("force", request.force);
    fields.text("ssh_connection", request.ssh_connection);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    if (word != "monitor" && word != "enforce" && word != "policy")
        return misunderstood("`" + printable(word, 32) + "` is not a mode",
                             "monitor, enforce or policy");
    if (word == "enforce") request.mode = policy::Mode::Enforce;
    if (word == "monitor") request.mode = policy::Mode::Monitor;
    if (auto sane = refuse_zero(request.length, "a mode"); !sane) return pass_on(sane.error());
    if (auto sane = refuse_zero(request.confirm_within, "a window"); !sane)
        return pass_on(sane.error());
    return request;
}

Result<BanRequest> parse_ban(const std::string& body) {
    BanRequest request;
    std::string source;
    Fields fields(body);
    fields.text("source", source);
    fields.length("for", request.length);
    fields.text("reason", request.reason);
    fields.flag("force", request.force);
    fields.text("ssh_connection", request.ssh_connection);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    const auto parsed = parse_source(source);
    if (!parsed) return pass_on(parsed.error());
    request.source = *parsed;
    return request;
}

Result<UnbanRequest> parse_unban(const std::string& body) {
    UnbanRequest request;
    std::string source;
    Fields fields(body);
    fields.text("source", source);
    fields.text("reason", request.reason);
    fields.flag("all", request.all);
    fields.flag("if_banned", request.if_banned);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    const bool some = !source.empty() || !request.reason.empty();
    if (some == request.all)
        return misunderstood("unban takes an address, a reason or both, or --all alone",
                             "portlid unban --help");
    if (source.empty()) return request;
    const auto parsed = parse_source(source);
    if (!parsed) return pass_on(parsed.error());
    request.source = *parsed;
    return request;
}

Result<AllowRequest> parse_allow(const std::string& body) {
    AllowRequest request;
    std::string ports;
    std::vector<std::string> from;
    Fields fields(body);
    fields.text("ports", ports);
    fields.texts("from", from);
    fields.text("zone", request.zone);
    fields.length("for", request.length);
    fields.flag("end", request.end);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    const auto range = parse_ports(ports);
    if (!range) return pass_on(range.error());
    request.ports = *range;
    for (const auto& one : from) {
        const auto prefix = parse_source(one);
        if (!prefix) return pass_on(prefix.error());
        request.from.push_back(*prefix);
    }
    return request;
}

Result<SetRequest> parse_set(const std::string& body) {
    SetRequest request;
    std::string action;
    std::string member;
    Fields fields(body);
    fields.text("action", action);
    fields.text("name", request.name);
    fields.text("address", member);
    fields.length("for", request.length);
    if (auto done = fields.done(); !done) return pass_on(done.error());
    if (action != "add" && action != "del")
        return misunderstood("`" + printable(action, 32) + "` is neither add nor del");
    request.add = action == "add";
    const auto prefix = parse_source(member);
    if (!prefix) return pass_on(prefix.error());
    request.member = *prefix;
    return request;
}

}  // namespace portlid::rollout
