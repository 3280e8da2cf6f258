// SPDX-License-Identifier: Apache-2.0
#include "inventory/publish_index.hpp"

#include <netinet/in.h>

#include <string_view>

#include "identity/number.hpp"

namespace portlid::inventory {

std::size_t PublishIndex::Hash::operator()(const Key& key) const {
    const auto& bytes = key.address.bytes();
    const std::string_view address(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t numbers = std::size_t{key.protocol} << 16U | key.port.value;
    return std::hash<std::string_view>()(address) ^ (numbers * 0x9e3779b97f4a7c15ULL);
}

PublishIndex::PublishIndex(const Engines& engines) : engines_(&engines) {
    for (const auto& engine : engines) {
        if (!engine) continue;
        for (const auto& [id, container] : engine->containers) {
            if (!container.running) continue;
            for (const auto& port : container.published) {
                if (exposed_protocol(port.protocol) == 0) continue;
                const Key key{port.protocol, port.host_address, port.host_port};
                if (by_key_.try_emplace(key, all_.size()).second)
                    all_.push_back({&container, &port});
            }
        }
    }
}

const Publish* PublishIndex::find(std::uint8_t protocol, const IpAddress& address,
                                  HostPort port) const {
    const auto found = by_key_.find({protocol, address, port});
    return found == by_key_.end() ? nullptr : &all_[found->second];
}

ContainerName PublishIndex::name_of(const std::string& id) const {
    for (const auto& engine : *engines_) {
        const auto* container = engine ? engine->find(id) : nullptr;
        if (container != nullptr) return container_name(*container);
    }
    return {id, {}, {}, {}, {}};
}

ContainerName container_name(const identity::Container& container) {
    return {container.id, container.name, container.image, container.compose_project,
            container.compose_service};
}

bool is_dnat(const identity::PublishedPort& port) {
    return port.container_address == IpAddress() ||
           port.container_address.family() == port.host_address.family();
}

bool is_docker_proxy(const Holder& holder) {
    return holder.known && holder.process.uid == 0 && holder.parent_uid == 0 &&
           identity::exe_name(holder.process.exe) == "docker-proxy" &&
           identity::exe_name(holder.parent_exe) == "dockerd" &&
           holder.process.container_id == holder.parent_container_id;
}

bool is_docker_daemon(const Holder& holder) {
    return holder.known && holder.process.uid == 0 &&
           identity::exe_name(holder.process.exe) == "dockerd";
}

namespace {

std::string_view argument(const identity::Process& process, std::string_view name) {
    for (std::size_t i = 1; i + 1 < process.argv.size(); ++i) {
        if (process.argv[i] == name) return process.argv[i + 1];
    }
    return {};
}

bool is_monitor(const Holder& holder) {
    return holder.known && holder.process.uid == 0 && holder.process.container_id.empty() &&
           identity::exe_name(holder.process.exe) == "conmon";
}

}  // namespace

bool speaks_for(const Holder& holder, const identity::Container& container) {
    if (is_monitor(holder)) return argument(holder.process, "-c") == container.id;
    return is_docker_proxy(holder) || is_docker_daemon(holder);
}

bool keeps_ports_for_others(const Holder& holder) {
    return is_docker_proxy(holder) || is_docker_daemon(holder) || is_monitor(holder);
}

std::optional<Published> published_by_arguments(const identity::Process& proxy,
                                                std::uint8_t protocol, const IpAddress& address,
                                                HostPort port) {
    const auto host_port = identity::whole_number<std::uint16_t>(argument(proxy, "-host-port"));
    const auto inner_port =
        identity::whole_number<std::uint16_t>(argument(proxy, "-container-port"));
    const auto inner = IpAddress::parse(argument(proxy, "-container-ip"));
    const auto* word = protocol == IPPROTO_UDP ? "udp" : "tcp";
    if (!host_port || *host_port != port.value || !inner_port || !inner ||
        argument(proxy, "-proto") != word)
        return std::nullopt;
    return Published{address, {*inner_port}, true, inner->family() == address.family()};
}

}  // namespace portlid::inventory
