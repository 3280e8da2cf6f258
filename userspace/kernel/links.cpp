// SPDX-License-Identifier: Apache-2.0
#include "kernel/links.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/uapi_new.hpp"

namespace portlid::kernel {

namespace fs = std::filesystem;

std::optional<LinkFacts> link_facts(int link_fd) {
    bpf_link_info info{};
    __u32 size = sizeof(info);
    if (link_fd < 0 || bpf_obj_get_info_by_fd(link_fd, &info, &size) != 0) return std::nullopt;
    LinkFacts facts{info.type, info.prog_id};
    // tcx has its ifindex where XDP has it.
    if (info.type == BPF_LINK_TYPE_XDP || info.type == kLinkTypeTcx)
        facts.ifindex = info.xdp.ifindex;
    // ...and its direction where network namespaces have theirs.
    if (info.type == kLinkTypeTcx) facts.attach_type = info.netns.attach_type;
    if (info.type == BPF_LINK_TYPE_CGROUP) facts.cgroup_id = info.cgroup.cgroup_id;
    return facts;
}

std::uint32_t program_id(int prog_fd) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &size) != 0) return 0;
    return info.id;
}

std::string program_tag(int prog_fd) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &size) != 0) return {};
    std::string tag;
    for (const auto byte : info.tag) tag += fmt::format("{:02x}", byte);
    return tag;
}

std::string program_tag_of(std::uint32_t prog_id) {
    if (prog_id == 0) return {};
    const int fd = bpf_prog_get_fd_by_id(prog_id);
    return fd < 0 ? std::string() : program_tag(UniqueFd(fd).get());
}

UniqueFd open_pin(const fs::path& path) {
    const int fd = bpf_obj_get(path.c_str());
    return UniqueFd(fd >= 0 ? fd : -1);
}

bool is_pinned(const fs::path& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

Result<> pin_in_place(int fd, const fs::path& path) {
    // A crash between removing the old pin and making the new one would let go of both links.
    const fs::path temporary = path.string() + "_new";
    ::unlink(temporary.c_str());
    if (const int error = bpf_obj_pin(fd, temporary.c_str()); error != 0)
        return fail_errno("cannot pin " + path.string(), -error);
    if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_errno("cannot pin " + path.string(), error);
}

void drop_link(UniqueFd link, const fs::path& pin) {
    // Tracing links know no detach (EOPNOTSUPP): they end with their last reference.
    if (link.valid()) bpf_link_detach(link.get());
    if (!pin.empty()) ::unlink(pin.c_str());
}

}  // namespace portlid::kernel
