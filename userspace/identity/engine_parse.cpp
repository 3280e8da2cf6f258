// SPDX-License-Identifier: Apache-2.0
// The engine's answers -> Container. Only the members read here matter; a member of a wrong type
// refuses the answer, a missing one reads as empty.
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "identity/engine.hpp"
#include "identity/engine_json.hpp"
#include "identity/number.hpp"

namespace portlid::identity {

namespace {

constexpr std::size_t kContainers = 4096;
constexpr std::size_t kNameBytes = 1024;

bool is_container_id(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Engines never send kilobytes as a name; whoever does shall not fill the sensor's memory.
std::string bounded(std::string text) {
    if (text.size() > kNameBytes) text.resize(kNameBytes);
    return text;
}

std::string without_slash(std::string name) {
    if (name.starts_with('/')) name.erase(0, 1);
    return bounded(std::move(name));
}

constexpr std::size_t kLabels = 64;

void read_labels(const JsonReader& labels, Container& container) {
    for (const auto& [name, value] : labels.value().items())
        if (container.labels.size() < kLabels && value.is_string())
            container.labels.emplace(bounded(name), bounded(value.get<std::string>()));
    container.compose_project = bounded(labels.text("com.docker.compose.project"));
    container.compose_service = bounded(labels.text("com.docker.compose.service"));
}

std::optional<std::uint8_t> protocol_of(std::string_view word) {
    if (word == "tcp") return IPPROTO_TCP;
    if (word == "udp") return IPPROTO_UDP;
    if (word == "sctp") return IPPROTO_SCTP;
    return std::nullopt;
}

// "" is how older engines write "every IPv4 address".
std::optional<IpAddress> host_address(const std::string& text) {
    return text.empty() ? IpAddress::any(Family::IPv4) : IpAddress::parse(text);
}

struct ContainerAddresses {
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;

    void read(const JsonReader& place) {
        if (!v4) v4 = IpAddress::parse(place.text("IPAddress"));
        if (!v6) v6 = IpAddress::parse(place.text("GlobalIPv6Address"));
    }
    [[nodiscard]] IpAddress toward(const IpAddress& host) const {
        if (host.family() == Family::IPv6 && v6) return *v6;
        return v4.value_or(v6.value_or(IpAddress()));
    }
};

ContainerAddresses read_addresses(const JsonReader& settings, std::string& fault) {
    ContainerAddresses addresses;
    addresses.read(settings);  // the default bridge's
    const auto networks = settings.object("Networks");
    for (const auto& [name, value] : networks.value().items()) {
        if (!value.is_null()) addresses.read(JsonReader(value, networks.name_of(name), fault));
    }
    return addresses;
}

// "80/tcp" and its list of host bindings.
void read_bindings(const JsonReader& ports, const std::string& key, const nlohmann::json& bindings,
                   const ContainerAddresses& addresses, Container& container, std::string& fault) {
    const auto slash = key.find('/');
    const auto port = whole_number<std::uint16_t>(std::string_view(key).substr(0, slash));
    const auto protocol =
        slash == std::string::npos ? std::nullopt : protocol_of(key.substr(slash + 1));
    if (!port || !protocol) return ports.complain(key, "a port like 80/tcp");
    if (bindings.is_null()) return;
    if (!bindings.is_array()) return ports.complain(key, "a list");
    for (const auto& entry : bindings) {
        const JsonReader binding(entry, ports.name_of(key), fault);
        const auto address = host_address(binding.text("HostIp"));
        const auto number = binding.text("HostPort");
        if (number.empty()) continue;
        const auto host_port = whole_number<std::uint16_t>(number);
        if (!address || !host_port) return ports.complain(key, "a host address and port");
        if (*host_port == 0) continue;
        container.published.push_back(
            {*protocol, *address, {*host_port}, {*port}, addresses.toward(*address)});
    }
}

void read_settings(const JsonReader& settings, Container& container, std::string& fault) {
    const auto addresses = read_addresses(settings, fault);
    const auto ports = settings.object("Ports");
    for (const auto& [key, bindings] : ports.value().items())
        read_bindings(ports, key, bindings, addresses, container, fault);
}

// The engine's socket itself, or a directory that holds it.
bool leads_to_engine(std::string_view source) {
    constexpr std::array<std::string_view, 4> kSockets{"docker.sock", "podman.sock",
                                                       "containerd.sock", "crio.sock"};
    constexpr std::array<std::string_view, 9> kDirectories{"/",
                                                           "/run",
                                                           "/var/run",
                                                           "/run/podman",
                                                           "/run/containerd",
                                                           "/run/docker",
                                                           "/var/run/docker",
                                                           "/run/crio",
                                                           "/var/run/podman"};
    if (source.size() > 1 && source.ends_with('/')) source.remove_suffix(1);
    const auto name = source.substr(source.rfind('/') + 1);
    return std::find(kSockets.begin(), kSockets.end(), name) != kSockets.end() ||
           std::find(kDirectories.begin(), kDirectories.end(), source) != kDirectories.end();
}

// Both answers have the same list: {"Type":"bind","Source":"/run/docker.sock",...}.
void read_mounts(const nlohmann::json& mounts, Container& container, std::string& fault) {
    for (const auto& entry : mounts) {
        const JsonReader mount(entry, "container.Mounts", fault);
        const auto source = mount.text("Source");
        if (mount.text("Type") == "bind" && leads_to_engine(source))
            container.engine_socket = bounded(source);
    }
}

Container read_inspect(const nlohmann::json& value, std::string& fault) {
    const JsonReader top(value, "container", fault);
    Container container;
    container.id = top.text("Id");
    container.name = without_slash(top.text("Name"));
    const auto config = top.object("Config");
    container.image = bounded(config.text("Image"));
    container.image_id = bounded(top.text("Image"));
    read_labels(config.object("Labels"), container);
    container.started = bounded(top.object("State").text("StartedAt"));
    container.pid = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(top.object("State").number("Pid"), UINT32_MAX));
    container.running = container.pid != 0;
    container.host_network = top.object("HostConfig").text("NetworkMode") == "host";
    read_settings(top.object("NetworkSettings"), container, fault);
    read_mounts(top.array("Mounts"), container, fault);
    return container;
}

// The list's own port lines: {"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}.
void read_listed_port(const JsonReader& port, const ContainerAddresses& addresses,
                      Container& container) {
    const auto outside = port.number("PublicPort");
    const auto inside = port.number("PrivatePort");
    const auto protocol = protocol_of(port.text("Type"));
    const auto address = host_address(port.text("IP"));
    if (outside == 0 || !protocol) return;
    if (outside > 65535 || inside > 65535 || !address)
        return port.complain("PublicPort", "a port on an address");
    container.published.push_back({*protocol,
                                   *address,
                                   {static_cast<std::uint16_t>(outside)},
                                   {static_cast<std::uint16_t>(inside)},
                                   addresses.toward(*address)});
}

Container read_listed(const nlohmann::json& value, std::string& fault) {
    const JsonReader top(value, "container", fault);
    Container container;
    container.id = top.text("Id");
    const auto& names = top.array("Names");
    if (!names.empty() && names.front().is_string())
        container.name = without_slash(names.front().get<std::string>());
    container.image = bounded(top.text("Image"));
    read_labels(top.object("Labels"), container);
    container.host_network = top.object("HostConfig").text("NetworkMode") == "host";
    const auto addresses = read_addresses(top.object("NetworkSettings"), fault);
    for (const auto& port : top.array("Ports"))
        read_listed_port(JsonReader(port, "container.Ports", fault), addresses, container);
    read_mounts(top.array("Mounts"), container, fault);
    return container;
}

// What happens to a container many times a minute and moves no port.
bool is_noise(std::string_view action) {
    constexpr std::array<std::string_view, 8> kNoise{
        "exec_", "health_status", "top", "attach", "detach", "export", "resize", "archive-path"};
    return std::any_of(kNoise.begin(), kNoise.end(),
                       [&](auto prefix) { return action.starts_with(prefix); });
}

// The checks that no answer passes without.
std::string fault_of(const Container& container, std::string fault) {
    if (fault.empty() && !is_container_id(container.id))
        fault = "container id " + printable(container.id, 80) + " is not 64 hex digits";
    return fault;
}

}  // namespace

Result<std::vector<Container>> parse_container_list(std::string_view json) {
    const auto value = parse_json(json);
    if (!value) return pass_on(value.error(), "container list");
    if (!value->is_array()) return fail("container list is not a list");
    if (value->size() > kContainers) return fail("container list has more than 4096 containers");
    std::vector<Container> containers;
    for (const auto& entry : *value) {
        std::string fault;
        containers.push_back(read_listed(entry, fault));
        if (fault = fault_of(containers.back(), fault); !fault.empty())
            return fail("container list: " + fault);
    }
    return containers;
}

Result<Container> parse_container_inspect(std::string_view json) {
    const auto value = parse_json(json);
    if (!value) return pass_on(value.error(), "container");
    std::string fault;
    auto container = read_inspect(*value, fault);
    if (fault = fault_of(container, fault); !fault.empty()) return fail(fault);
    return container;
}

EngineEvent parse_event(std::string_view json) {
    const auto value = parse_json(json);
    if (!value) return {};
    std::string fault;
    const JsonReader top(*value, "event", fault);
    EngineEvent event;
    event.changes_listing = !is_noise(top.text("Action")) && fault.empty();
    if (top.text("Type") != "container") return event;
    const auto actor = top.object("Actor");
    const auto attributes = actor.object("Attributes");
    Container container;
    container.id = actor.text("ID");
    container.name = without_slash(attributes.text("name"));
    container.image = bounded(attributes.text("image"));
    read_labels(attributes, container);
    container.running = false;
    if (fault_of(container, fault).empty()) event.container = std::move(container);
    return event;
}

}  // namespace portlid::identity
