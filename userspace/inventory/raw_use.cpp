// SPDX-License-Identifier: Apache-2.0
#include "inventory/raw_use.hpp"

#include <set>
#include <tuple>
#include <unordered_map>

#include "identity/process.hpp"
#include "identity/raw_sockets.hpp"

namespace portlid::inventory {

std::vector<RawUse> raw_uses(const std::filesystem::path& proc) {
    const identity::ProcRoot root(proc);
    std::unordered_map<std::uint64_t, std::string> kinds;
    for (const auto& [netns, pid] : root.network_namespaces())
        for (const auto& socket : identity::raw_sockets(proc, pid))
            kinds.emplace(socket.inode, socket.kind);
    if (kinds.empty()) return {};
    std::set<std::tuple<std::string, std::string, std::string>> found;
    for (const auto& [inode, holders] : root.socket_holders()) {
        const auto kind = kinds.find(inode);
        if (kind == kinds.end()) continue;
        for (const auto& holder : holders) {
            const auto process = root.read(holder.pid);
            if (process && !process->container_id.empty())
                found.emplace(process->container_id, kind->second, process->exe);
        }
    }
    std::vector<RawUse> uses;
    for (const auto& [id, kind, exe] : found) uses.push_back({kind, id, exe});
    return uses;
}

}  // namespace portlid::inventory
