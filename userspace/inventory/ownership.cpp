// SPDX-License-Identifier: Apache-2.0
#include "inventory/ownership.hpp"

#include <fnmatch.h>
#include <sys/stat.h>

namespace portlid::inventory {

namespace {

bool glob(const std::string& pattern, const std::string& text) {
    return !text.empty() && ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

constexpr const char* kDigest = "@sha256:";

// "repo/name:tag" without its tag or digest.
std::string repository(const std::string& image) {
    const auto name = image.substr(0, image.find('@'));
    const auto colon = name.rfind(':');
    const auto slash = name.rfind('/');
    const bool tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
    return tag ? name.substr(0, colon) : name;
}

// "name" fits every tag of it, "name:tag" that one, "[name]@sha256:…" that content: the engine's
// image id, or the digest that the container was started by.
bool fits_image(const std::string& wanted, const identity::Container& container) {
    const auto at = wanted.find(kDigest);
    if (at == std::string::npos)
        return glob(wanted, container.image) || glob(wanted, repository(container.image));
    const auto digest = wanted.substr(at + 1);
    const auto started_by = container.image.find(kDigest);
    const bool same =
        container.image_id == digest ||
        (started_by != std::string::npos && container.image.substr(started_by + 1) == digest);
    return same && (at == 0 || repository(container.image) == repository(wanted.substr(0, at)));
}

bool fits_label(const std::string& wanted, const identity::Container& container) {
    const auto equals = wanted.find('=');
    const auto found = container.labels.find(wanted.substr(0, equals));
    if (found == container.labels.end()) return false;
    return equals == std::string::npos || found->second == wanted.substr(equals + 1);
}

bool fits_compose(const std::string& wanted, const identity::Container& container) {
    if (container.compose_project.empty()) return false;
    if (wanted.find('/') == std::string::npos) return glob(wanted, container.compose_project);
    return glob(wanted, container.compose_project + "/" + container.compose_service);
}

bool fits_container_word(const std::string& kind, const std::string& wanted,
                         const identity::Container& container) {
    if (kind == "id") return wanted == container.id;  // never in a file: owners of label openings
    if (kind == "container") return glob(wanted, container.name);
    if (kind == "image") return fits_image(wanted, container);
    if (kind == "compose") return fits_compose(wanted, container);
    return kind == "label" && fits_label(wanted, container);
}

bool fits_process_word(const std::string& kind, const std::string& wanted,
                       const OwnerFacts& facts) {
    const auto& process = *facts.process;
    if (kind == "unit") return glob(wanted, process.unit);
    if (kind == "user") return wanted == process.user || wanted == std::to_string(process.uid);
    return kind == "exe" && process.exe == wanted && facts.runs_file &&
           facts.runs_file(process.pid, wanted);
}

bool is_container_word(const std::string& kind) {
    return kind == "id" || kind == "container" || kind == "image" || kind == "compose" ||
           kind == "label";
}

}  // namespace

bool is_cgroup_word(const std::string& kind) {
    return is_container_word(kind) || kind == "unit";
}

bool fits_owner(const policy::Owner& owner, const OwnerFacts& facts) {
    if (owner.matches.empty()) return false;
    for (const auto& [kind, wanted] : owner.matches) {
        if (is_container_word(kind)) {
            if (facts.container == nullptr || !facts.container->running) return false;
            if (!fits_container_word(kind, wanted, *facts.container)) return false;
        } else if (facts.process == nullptr || !fits_process_word(kind, wanted, facts)) {
            return false;
        }
    }
    return true;
}

const identity::Container* container_behind(const Listener& listener, const PublishIndex& index,
                                            const PublishIndex::Engines& engines) {
    if (!listener.holder || !listener.holder->known) return nullptr;
    const auto& holder = *listener.holder;
    if (keeps_ports_for_others(holder)) {
        const auto* publish = index.find(exposed_protocol(listener.socket.protocol),
                                         listener.socket.address, listener.socket.port);
        return publish != nullptr && speaks_for(holder, *publish->container) ? publish->container
                                                                             : nullptr;
    }
    if (holder.process.container_id.empty()) return nullptr;
    for (const auto& engine : engines)
        if (const auto* found = engine ? engine->find(holder.process.container_id) : nullptr)
            return found;
    return nullptr;
}

bool runs_file_of_host(std::uint32_t pid, const std::string& path) {
    struct stat running {
    }, file{};
    const auto link = "/proc/" + std::to_string(pid) + "/exe";
    return ::stat(link.c_str(), &running) == 0 && ::stat(path.c_str(), &file) == 0 &&
           running.st_dev == file.st_dev && running.st_ino == file.st_ino;
}

}  // namespace portlid::inventory
