// SPDX-License-Identifier: Apache-2.0
// Everything a verb asks of the world outside: the daemon, the kernel, the engines. Verbs get it
// as an argument, so that they can be run against a scripted one.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.hpp"
#include "app/rescue.hpp"
#include "base/result.hpp"
#include "inventory/firewall.hpp"
#include "kernel/probe.hpp"
#include "kernel/sensor.hpp"

namespace portlid::cli {

class Backend {
public:
    virtual ~Backend() = default;
    virtual Result<> run(const app::RunOptions& options) = 0;
    // The control socket at `socket`; see control/client.hpp.
    virtual Result<std::string> get(const std::string& socket, const std::string& path) = 0;
    virtual Result<std::string> post(const std::string& socket, const std::string& path,
                                     const std::string& body) = 0;
    virtual Result<> stream(const std::string& socket, const std::string& path,
                            const std::function<bool(std::string_view)>& on_line) = 0;
    virtual Result<kernel::DetachReport> detach(const std::filesystem::path& bpffs) = 0;
    virtual std::vector<kernel::Check> probe_kernel() = 0;
    virtual kernel::Check probe_interface(const std::string& name) = 0;
    // GET on a container engine's socket.
    virtual Result<std::string> ask_engine(const std::string& endpoint,
                                           const std::string& path) = 0;
    virtual inventory::Ufw ufw() = 0;
    virtual bool exists(const std::filesystem::path& path) = 0;
    // What would keep a sensor of this machine from enforcing; see app/rescue.hpp.
    virtual app::Rescue rescue() = 0;
};

// The real one.
class SystemBackend final : public Backend {
public:
    Result<> run(const app::RunOptions& options) override;
    Result<std::string> get(const std::string& socket, const std::string& path) override;
    Result<std::string> post(const std::string& socket, const std::string& path,
                             const std::string& body) override;
    Result<> stream(const std::string& socket, const std::string& path,
                    const std::function<bool(std::string_view)>& on_line) override;
    Result<kernel::DetachReport> detach(const std::filesystem::path& bpffs) override;
    std::vector<kernel::Check> probe_kernel() override;
    kernel::Check probe_interface(const std::string& name) override;
    Result<std::string> ask_engine(const std::string& endpoint, const std::string& path) override;
    inventory::Ufw ufw() override;
    bool exists(const std::filesystem::path& path) override;
    app::Rescue rescue() override;
};

}  // namespace portlid::cli
