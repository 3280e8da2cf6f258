// SPDX-License-Identifier: Apache-2.0
#include "kernel/lifecycle.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "kernel/handles.hpp"
#include "kernel/libbpf_log.hpp"
#include "kernel/links.hpp"
#include "kernel/probe_program.hpp"

// Generated C: our warnings are not its business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wextra"
#include "portlid.skel.h"
#pragma GCC diagnostic pop

namespace portlid::kernel {

void SkeletonDeleter::operator()(portlid_bpf* skeleton) const {
    portlid_bpf__destroy(skeleton);
}

int LoadedPrograms::map(const char* name) const {
    const auto found = maps.find(name);
    return found != maps.end() ? bpf_map__fd(found->second) : -1;
}

int LoadedPrograms::program(const char* name) const {
    const auto* found = bpf_object__find_program_by_name(object, name);
    return found != nullptr ? bpf_program__fd(found) : -1;
}

namespace {

tl::unexpected<Error> load_error(const std::string& what, int error) {
    auto hint = last_libbpf_lines();
    if (hint.empty())
        hint = error == EPERM ? "the kernel refuses although no capability is missing: lockdown "
                                "(/sys/kernel/security/lockdown), a container or a seccomp filter?"
                              : "`portlid doctor` shows what this kernel can do";
    return fail_errno(what, error, std::move(hint), ExitCode::KernelMissing);
}

bool has_function(const btf* types, const char* name) {
    return types != nullptr && btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0;
}

bool has_conntrack_kfuncs(btf* vmlinux) {
    if (vmlinux == nullptr) return false;
    // The module's own types; absent when it is built in or not loaded.
    const Btf module(btf__load_module_btf("nf_conntrack", vmlinux));
    for (const char* name : {"bpf_xdp_ct_lookup", "bpf_skb_ct_lookup", "bpf_ct_release"})
        if (!has_function(vmlinux, name) && !has_function(module.get(), name)) return false;
    return true;
}

std::map<std::string, std::uint32_t> find_lsm_hooks(const btf* vmlinux) {
    std::map<std::string, std::uint32_t> found;
    if (vmlinux == nullptr) return found;
    for (const char* hook : {"bind", "listen"}) {
        const auto function = std::string("bpf_lsm_socket_") + hook;
        const int id = btf__find_by_name_kind(vmlinux, function.c_str(), BTF_KIND_FUNC);
        if (id > 0) found.emplace(std::string("lsm_") + hook, static_cast<std::uint32_t>(id));
    }
    return found;
}

Result<> require_lsm(const LoadedPrograms& main, const char* name) {
    const auto hook = main.lsm_hooks.find(name);
    if (hook == main.lsm_hooks.end()) return fail("this kernel has no such hook");
    const auto probe = load_probe({.type = BPF_PROG_TYPE_LSM,
                                   .attach = BPF_LSM_MAC,
                                   .btf_name = {},
                                   .verdict = 0,
                                   .btf_id = hook->second});
    if (!probe) return pass_on(probe.error());
    return {};
}

Result<LoadedPrograms> open_object() {
    LoadedPrograms programs;
    programs.skeleton.reset(portlid_bpf__open());
    if (!programs.skeleton) return load_error("cannot open the BPF object", errno);
    programs.object = programs.skeleton->obj;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, programs.object) {
        programs.maps[bpf_map__name(map)] = map;
    }
    programs.image_shape = inner_shape(programs.skeleton->maps.policy_slots);
    programs.trie_shape = inner_shape(programs.skeleton->maps.trie_nodes);
    return programs;
}

// 0 where the kernel cannot say: then no port is owned and no bind refused.
std::uint64_t own_netns_cookie() {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    constexpr int kSoNetnsCookie = 71;  // SO_NETNS_COOKIE, Linux 5.14
    if (::getsockopt(socket.get(), SOL_SOCKET, kSoNetnsCookie, &cookie, &size) != 0) return 0;
    return cookie;
}

void configure(LoadedPrograms& programs, const LoadRequest& request) {
    auto& skeleton = *programs.skeleton;
    const Btf vmlinux(btf__load_vmlinux_btf());  // five megabytes: once
    programs.conntrack = has_conntrack_kfuncs(vmlinux.get());
    programs.lsm_hooks = find_lsm_hooks(vmlinux.get());
    skeleton.rodata->conntrack_available = programs.conntrack ? 1 : 0;
    skeleton.rodata->cast_available = has_function(vmlinux.get(), "bpf_rdonly_cast") ? 1 : 0;
    // The root's id is 1. A mount whose root is another cgroup (we are in a cgroup namespace) does
    // not say how deep it lies, and everything we can see is below it: no filter.
    const bool depth_unknown = request.cgroup.level == 0 && request.cgroup.id != 1;
    skeleton.rodata->sensor_cgroup_id = depth_unknown ? 0 : request.cgroup.id;
    skeleton.rodata->sensor_cgroup_level = request.cgroup.level;
    skeleton.rodata->sensor_netns_cookie = own_netns_cookie();
    if (!request.sockets_only) return;
    for (const char* name : {"ingress_xdp", "ingress_tc", "egress_tc", "seed_flow", "seed_port"})
        bpf_program__set_autoload(bpf_object__find_program_by_name(programs.object, name), false);
}

std::string describe(const bpf_map_info& pinned, const bpf_map* wanted) {
    const auto shape = [](unsigned type, unsigned key, unsigned value, unsigned entries) {
        return "type " + std::to_string(type) + ", key " + std::to_string(key) + ", value " +
               std::to_string(value) + ", entries " + std::to_string(entries);
    };
    return "it has " + shape(pinned.type, pinned.key_size, pinned.value_size, pinned.max_entries) +
           "; this version needs " +
           shape(bpf_map__type(wanted), bpf_map__key_size(wanted), bpf_map__value_size(wanted),
                 bpf_map__max_entries(wanted));
}

bool fits(const bpf_map_info& pinned, const bpf_map* wanted) {
    return pinned.type == bpf_map__type(wanted) && pinned.key_size == bpf_map__key_size(wanted) &&
           pinned.value_size == bpf_map__value_size(wanted) &&
           pinned.max_entries == bpf_map__max_entries(wanted);
}

// True when the map was pinned and is now used.
Result<bool> adopt(bpf_map* map, const std::filesystem::path& pin) {
    const auto fd = open_pin(pin);
    if (!fd.valid()) {
        if (!is_pinned(pin)) return false;
        return fail_errno("cannot open the pinned map " + pin.string(), errno);
    }
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0 || !fits(info, map))
        return fail("the pinned map " + pin.string() + " does not fit: " + describe(info, map),
                    "another build left it; remove it with `portlid detach`, then start again");
    if (const int error = bpf_map__reuse_fd(map, fd.get()); error != 0)
        return fail_errno("cannot adopt the pinned map " + pin.string(), -error);
    return true;
}

Result<std::vector<bpf_map*>> adopt_all(LoadedPrograms& programs, const PinDirectory& pins) {
    std::vector<bpf_map*> fresh;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, programs.object) {
        if (bpf_map__is_internal(map)) continue;
        auto adopted = adopt(map, pins.maps() / bpf_map__name(map));
        if (!adopted) return pass_on(std::move(adopted.error()));
        if (*adopted)
            programs.adopted = true;
        else
            fresh.push_back(map);
    }
    return fresh;
}

Result<> pin_all(LoadedPrograms& programs, const std::vector<bpf_map*>& maps,
                 const PinDirectory& pins) {
    for (const auto* map : maps) {
        const auto path = pins.maps() / bpf_map__name(map);
        if (const int error = bpf_obj_pin(bpf_map__fd(map), path.c_str()); error != 0) {
            unpin(programs.fresh);
            return fail_errno("cannot pin the map " + path.string(), -error);
        }
        programs.fresh.push_back(path);
    }
    return {};
}

void share_maps(const LoadedPrograms& main, const LoadedPrograms& extra) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, extra.object) {
        if (bpf_map__is_internal(map)) continue;
        const int fd = main.map(bpf_map__name(map));
        if (fd >= 0) bpf_map__reuse_fd(map, fd);
    }
}

// What decides about a packet and is never written by one.
constexpr std::array kTwinShares = {"policy_slots", "trie_nodes", "interfaces", "local_addresses",
                                    "own_buckets",  "networks",   "port_slots", "port_proofs"};
// A twin sees one packet at a time: it needs no room for the flows of a day.
constexpr std::uint32_t kTwinLruEntries = 256;

void shape_twin_map(bpf_map* map) {
    if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH) bpf_map__set_max_entries(map, kTwinLruEntries);
    if (std::string_view(bpf_map__name(map)) != "counters") return;
    bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
    bpf_map__set_map_flags(map, BPF_F_MMAPABLE);
}

Result<> furnish_twin(const LoadedPrograms& twin, const TwinParts& parts) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, twin.object) {
        if (bpf_map__is_internal(map)) continue;
        const auto shared = parts.maps.find(bpf_map__name(map));
        if (shared == parts.maps.end()) {
            shape_twin_map(map);
        } else if (const int error = bpf_map__reuse_fd(map, shared->second.get()); error != 0) {
            return fail_errno("cannot share the map " + shared->first, -error);
        }
    }
    return {};
}

}  // namespace

void unpin(const std::vector<std::filesystem::path>& pins) {
    for (const auto& pin : pins) ::unlink(pin.c_str());
}

bool kernel_has_conntrack_kfuncs() {
    const Btf vmlinux(btf__load_vmlinux_btf());
    return has_conntrack_kfuncs(vmlinux.get());
}

Result<LoadedPrograms> load_programs(const LoadRequest& request) {
    capture_libbpf_log();
    auto programs = open_object();
    if (!programs) return programs;
    configure(*programs, request);
    auto fresh = adopt_all(*programs, request.pins);
    if (!fresh) return pass_on(std::move(fresh.error()));
    capture_libbpf_log();
    if (const int error = portlid_bpf__load(programs->skeleton.get()); error != 0)
        return load_error("this kernel does not take the sensor's programs", -error);
    if (auto pinned = pin_all(*programs, *fresh, request.pins); !pinned)
        return pass_on(std::move(pinned.error()));
    return programs;
}

Result<LoadedPrograms> load_optional(const LoadedPrograms& main, const char* name) {
    if (auto taken = require_lsm(main, name); !taken) return pass_on(std::move(taken.error()));
    capture_libbpf_log();
    auto extra = open_object();
    if (!extra) return extra;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, extra->object) {
        bpf_program__set_autoload(program, std::string_view(bpf_program__name(program)) == name);
    }
    *extra->skeleton->rodata = *main.skeleton->rodata;
    share_maps(main, *extra);
    if (const int error = portlid_bpf__load(extra->skeleton.get()); error != 0)
        return fail_errno("the kernel refuses to load it", -error, last_libbpf_lines());
    return extra;
}

Result<TwinParts> twin_parts(const LoadedPrograms& main) {
    TwinParts parts;
    for (const char* name : kTwinShares) {
        UniqueFd copy(::fcntl(main.map(name), F_DUPFD_CLOEXEC, 0));
        if (!copy.valid()) return fail_errno(std::string("cannot share the map ") + name, errno);
        parts.maps.emplace(name, std::move(copy));
    }
    const auto* constants = reinterpret_cast<const std::byte*>(main.skeleton->rodata);
    parts.constants.assign(constants, constants + sizeof(*main.skeleton->rodata));
    return parts;
}

Result<LoadedPrograms> load_twin(const TwinParts& parts, bool xdp, bool tc) {
    capture_libbpf_log();
    auto twin = open_object();
    if (!twin) return twin;
    if (parts.constants.size() != sizeof(*twin->skeleton->rodata))
        return fail("the parts are of another sensor");
    std::memcpy(twin->skeleton->rodata, parts.constants.data(), parts.constants.size());
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, twin->object) {
        const std::string_view name = bpf_program__name(program);
        bpf_program__set_autoload(program,
                                  (xdp && name == "ingress_xdp") || (tc && name == "ingress_tc"));
    }
    if (auto furnished = furnish_twin(*twin, parts); !furnished)
        return pass_on(std::move(furnished.error()));
    if (const int error = portlid_bpf__load(twin->skeleton.get()); error != 0)
        return load_error("the kernel does not load the twin", -error);
    return twin;
}

}  // namespace portlid::kernel
