// SPDX-License-Identifier: Apache-2.0
// compose.yaml: the ports that containers publish, each held by its own compose service.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/import/compose_ports.hpp"
#include "policy/import/importers.hpp"

namespace portlid::policy {

namespace {

constexpr const char* kComposeHint =
    "docker compose config > all.yaml; portlid import compose all.yaml";
constexpr std::size_t kMaxEntries = 4096;

std::string scalar(const YAML::Node& node) {
    return node && node.IsScalar() ? node.Scalar() : "";
}

// By Compose's own rule for names; others hold what patterns of owners give a meaning.
bool plain_service(const std::string& name) {
    return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    });
}

// What Compose makes of a folder's name.
std::string project_of(const std::string& folder) {
    std::string name;
    for (const char c : folder) {
        const bool upper = c >= 'A' && c <= 'Z';
        const bool inside = c == '_' || c == '-';
        if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (inside && !name.empty()))
            name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return name;
}

class ComposeFile {
public:
    explicit ComposeFile(const std::filesystem::path& path)
        : file_(path.filename().string()),
          project_(project_of(std::filesystem::absolute(path).parent_path().filename().string())) {
        draft_.title = "Imported from " + printable(path.string(), 200);
        draft_.zones.push_back({"public", {"uplink"}, true});
    }

    Result<Draft> read(const YAML::Node& root) {
        if (!root.IsMap() || !root["services"] || !root["services"].IsMap())
            return fail(printable(file_) + ": there is no map `services` in it", kComposeHint);
        if (const auto name = scalar(root["name"]); !name.empty()) project_ = name;
        draft_.notes.push_back(
            "Owners: a port opens only while the compose project's own container holds it.");
        for (const auto* key : {"include", "extends"})
            if (root[key]) unmapped(root[key], key, "other files are not followed");
        for (const auto& entry : root["services"]) take(scalar(entry.first), entry.second);
        return std::move(draft_);
    }

private:
    std::string where(const YAML::Node& node) const {
        return fmt::format("{}:{}", file_, node.Mark().line + 1);
    }
    void unmapped(const YAML::Node& node, const std::string& text, const std::string& why) {
        if (draft_.unmapped.size() < kMaxEntries)
            draft_.unmapped.push_back({where(node), text, why});
    }

    void take(const std::string& name, const YAML::Node& service) {
        if (!service.IsMap()) return unmapped(service, name, "not a service");
        for (const auto* key : {"<<", "extends"})
            if (service[key])
                unmapped(service[key], name + ": " + key,
                         "not followed: import the output of `docker compose config`");
        if (scalar(service["network_mode"]) == "host")
            unmapped(service["network_mode"], name + ": network_mode: host",
                     "its ports are the program's own: write them as a service");
        const auto ports = service["ports"];
        if (!ports) return;
        if (!ports.IsSequence()) return unmapped(ports, name + ": ports", "not a list");
        for (const auto& entry : ports) take_port(name, entry);
    }

    void take_port(const std::string& name, const YAML::Node& entry) {
        ComposePort port;
        std::string text;
        if (entry.IsMap()) {
            const auto published = scalar(entry["published"]);
            text = fmt::format("{} -> {}", published, scalar(entry["target"]));
            port =
                parse_compose_port(scalar(entry["host_ip"]), published, scalar(entry["protocol"]));
        } else {
            text = scalar(entry);
            port = parse_compose_port(text);
        }
        if (!port.published) return unmapped(entry, name + ": " + text, port.why);
        if (!plain_service(name) || !plain_service(project_))
            return unmapped(entry, name + ": " + text,
                            "an owner of that name would be a pattern for others too");
        if (draft_.services.size() >= kMaxEntries / 4)
            return unmapped(entry, name + ": " + text, "more ports than one policy takes");
        add(name, text, entry, *port.published);
    }

    // 0.0.0.0 publishes for IPv4 alone, :: for both in Docker's own words, so for IPv6 here.
    void add(const std::string& name, const std::string& text, const YAML::Node& entry,
             const PublishedPorts& port) {
        DraftService service;
        service.name = name;
        service.ports = {port.host};
        service.compose = printable(project_ + "/" + name, 200);
        service.origin = {where(entry) + ": " + name + ": " + text};
        const Cidr v4{IpAddress::any(Family::IPv4), 0};
        const Cidr v6{IpAddress::any(Family::IPv6), 0};
        if (port.address && port.address->is_any())
            service.from = {port.address->family() == Family::IPv4 ? v4 : v6};
        else
            service.from = {v4, v6};
        if (port.address && !port.address->is_any()) service.addresses = {*port.address};
        for (const auto& known : draft_.services)
            if (known.ports == service.ports && known.compose == service.compose &&
                known.from == service.from && known.addresses == service.addresses)
                return;
        draft_.services.push_back(std::move(service));
    }

    std::string file_;
    std::string project_;
    Draft draft_;
};

}  // namespace

Result<Draft> import_compose(const std::filesystem::path& path) {
    const auto text = read_import(path);
    if (!text) return pass_on(text.error());
    // Aliases are nodes that are shared, not copied, and only a few members are ever looked at:
    // a file of aliases to aliases costs what it is long.
    try {
        return ComposeFile(path).read(YAML::Load(*text));
    } catch (const YAML::Exception& problem) {
        return fail(fmt::format("{}:{}: not valid YAML: {}", printable(path.string(), 200),
                                problem.mark.line + 1, printable(problem.msg, 200)),
                    kComposeHint);
    }
}

}  // namespace portlid::policy
