// SPDX-License-Identifier: Apache-2.0
// Short names for the facts that inventory tests put together.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "inventory/exposure.hpp"
#include "inventory/tracker.hpp"
#include "policy/load.hpp"

namespace portlid::inventory::fixtures {

constexpr std::uint32_t kHost = 4026531840;       // the sensor's namespace
constexpr std::uint32_t kContainer = 4026532573;  // somebody's

inline IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

inline std::string id_of(char digit) {
    return std::string(64, digit);
}

inline Listener listener(const char* address, std::uint16_t port,
                         std::uint8_t protocol = IPPROTO_TCP) {
    static std::uint64_t next_cookie = 1;
    Listener out;
    out.socket.cookie = next_cookie++;
    out.socket.netns = kHost;
    out.socket.protocol = protocol;
    out.socket.address = ip(address);
    out.socket.family = out.socket.address.family();
    out.socket.port = {port};
    out.since = {1'000'000'000};
    return out;
}

inline Holder process(std::uint32_t pid, const std::string& exe,
                      const std::string& container = "") {
    Holder out;
    out.known = true;
    out.process.pid = pid;
    out.process.exe = exe;
    out.process.comm = std::string(identity::exe_name(exe)).substr(0, 15);
    out.process.user = "root";
    out.process.container_id = container;
    out.process.start_ticks = pid;
    return out;
}

inline Holder docker_proxy(std::uint32_t pid) {
    auto out = process(pid, "/usr/sbin/docker-proxy");
    out.parent_exe = "/usr/sbin/dockerd";
    return out;
}

inline Listener held(Listener listener, Holder holder) {
    listener.holder = std::make_shared<const Holder>(std::move(holder));
    return listener;
}

// The holder of `item`, changed by `edit`.
template <typename Edit>
void edit_holder(Exposure& item, Edit edit) {
    auto view = *item.holder;
    edit(view);
    item.holder = std::make_shared<const HolderView>(std::move(view));
}

inline identity::Container container(char digit, const std::string& name) {
    identity::Container out;
    out.id = id_of(digit);
    out.name = name;
    out.image = "tiny:1";
    out.pid = 4242;
    return out;
}

inline identity::PublishedPort publish(const char* host, std::uint16_t port, std::uint16_t inner,
                                       const char* inner_address = "172.17.0.2") {
    return {IPPROTO_TCP, ip(host), {port}, {inner}, ip(inner_address)};
}

inline std::shared_ptr<const identity::EngineSnapshot> engine(
    const std::vector<identity::Container>& containers) {
    auto out = std::make_shared<identity::EngineSnapshot>();
    out->reachable = true;
    for (const auto& container : containers) out->containers[container.id] = container;
    return out;
}

// A policy compiled from text, with its zones active.
struct LoadedPolicy {
    policy::LoadOutcome outcome;
    policy::CompiledPolicy compiled;

    explicit LoadedPolicy(const std::string& text)
        : outcome(policy::load_text(text, "test.yaml", "/")) {
        for (const auto& diagnostic : outcome.diagnostics)
            if (!diagnostic.warning) ADD_FAILURE() << policy::to_string(diagnostic);
        auto result = policy::compile(outcome.policy);
        if (!result) ADD_FAILURE() << result.error().message;
        if (result) compiled = std::move(*result);
    }
    void put_into(JoinInput& input) const {
        input.policy = &outcome.policy;
        input.compiled = &compiled;
        for (unsigned i = 0; i < outcome.policy.zones.size(); ++i)
            input.zones.push_back({i, outcome.policy.zones[i].name, true, false});
    }
};

// A directory of its own that goes away with the test.
class Directory {
public:
    Directory() {
        char path[] = "/tmp/portlid-test-XXXXXX";
        if (::mkdtemp(path) == nullptr) ADD_FAILURE() << "mkdtemp failed";
        path_ = path;
    }
    ~Directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
    }

private:
    std::filesystem::path path_;
};

// /etc as `ufw enable` leaves it, with these tuples.
inline Ufw ufw(const std::string& tuples4, const std::string& tuples6 = "",
               const std::string& defaults = "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n",
               const std::string& enabled = "yes") {
    const Directory etc;
    const auto rules = [](const std::string& tuples) {
        std::string text = "*filter\n### RULES ###\n";
        for (std::size_t at = 0; at < tuples.size();) {
            const auto end = tuples.find('\n', at);
            text += "\n### tuple ### " + tuples.substr(at, end - at) + "\n-A ufw-user-input ...\n";
            at = end + 1;
        }
        return text + "\n### END RULES ###\nCOMMIT\n";
    };
    etc.write("ufw/ufw.conf", "# comment\nENABLED=" + enabled + "\nLOGLEVEL=low\n");
    etc.write("default/ufw", defaults);
    etc.write("ufw/user.rules", rules(tuples4));
    etc.write("ufw/user6.rules", rules(tuples6));
    return Ufw::read(etc.path());
}

}  // namespace portlid::inventory::fixtures
