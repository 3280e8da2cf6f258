// SPDX-License-Identifier: Apache-2.0
// A process's files in procfs. Input: byte 0 says which of stat, status, cgroup, cmdline and comm
// the rest is; the others are those of an ordinary process.
#include <array>

#include "directory.hpp"
#include "identity/process.hpp"

namespace {

using portlid::fuzz::promise;

constexpr std::uint32_t kPid = 4242;

class Tree {
public:
    Tree() { std::filesystem::create_directories(root() / std::to_string(kPid)); }
    [[nodiscard]] const std::filesystem::path& root() const { return directory_.path(); }
    void write(const std::string& name, std::string_view text) const {
        directory_.write((std::to_string(kPid) + "/" + name).c_str(), text);
    }

private:
    portlid::fuzz::Directory directory_;
};

struct File {
    const char* name;
    std::string_view usual;
};
using namespace std::string_view_literals;
constexpr std::array<File, 5> kFiles{
    {{"stat",
      "4242 (nginx) S 1 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0 1 1 1 0\n"sv},
     {"status", "Name:\tnginx\nUid:\t33\t33\t33\t33\n"sv},
     {"cgroup", "0::/system.slice/nginx.service\n"sv},
     {"cmdline", "nginx\0-g\0daemon off;\0"sv},
     {"comm", "nginx\n"sv}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Tree tree;
    static bool usual = false;
    if (size < 1) return 0;
    const auto& changed = kFiles[data[0] % kFiles.size()];
    if (!usual)
        for (const auto& file : kFiles) tree.write(file.name, file.usual);
    usual = true;
    tree.write(changed.name, portlid::fuzz::text_of(data + 1, size - 1));
    const auto process = portlid::identity::ProcRoot(tree.root()).read(kPid);
    tree.write(changed.name, changed.usual);
    if (!process) return 0;
    promise(process->pid == kPid, "another process");
    promise(process->argv.size() <= 64, "more arguments than promised");
    for (const auto& argument : process->argv)
        promise(argument.size() <= 4096, "a longer argument than promised");
    promise(process->container_id.empty() || process->container_id.size() == 64, "half an id");
    return 0;
}
