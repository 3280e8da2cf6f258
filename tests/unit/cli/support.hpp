// SPDX-License-Identifier: Apache-2.0
// A console that remembers and a world that answers what the test says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "cli/program.hpp"

namespace portlid::cli {

class CaptureConsole final : public Console {
public:
    bool out(std::string_view text) override {
        if (closed) return false;
        data += text;
        return true;
    }
    void message(std::string_view text) override { messages += text; }
    [[nodiscard]] Result<> out_result() const override { return {}; }
    [[nodiscard]] bool out_is_terminal() const override { return terminal; }
    [[nodiscard]] std::size_t out_width() const override { return width; }

    std::string data;
    std::string messages;
    bool closed = false;
    bool terminal = false;
    std::size_t width = 0;
};

class ScriptedBackend final : public Backend {
public:
    Result<> run(const app::RunOptions& options) override {
        ran = options;
        if (options.once && options.on_ports) options.on_ports(answers["/v1/ports"]);
        return {};
    }
    Result<std::string> get(const std::string& socket, const std::string& path) override {
        asked.push_back(path);
        asked_socket = socket;
        if (refusal) return tl::unexpected<Error>(*refusal);
        for (auto known = answers.rbegin(); known != answers.rend(); ++known)  // longest first
            if (path.rfind(known->first, 0) == 0) return known->second;
        return fail("no sensor is running at " + socket, "sudo portlid run", ExitCode::NotRunning);
    }
    Result<std::string> post(const std::string&, const std::string& path,
                             const std::string& body) override {
        asked.push_back(path);
        posted = body;
        if (refusal) return tl::unexpected<Error>(*refusal);
        return answers[path];
    }
    Result<> stream(const std::string&, const std::string& path,
                    const std::function<bool(std::string_view)>& on_line) override {
        asked.push_back(path);
        for (const auto& line : lines)
            if (!on_line(line)) break;
        return {};
    }
    Result<kernel::DetachReport> detach(const std::filesystem::path& bpffs) override {
        detached = bpffs;
        return kernel::DetachReport{3, 7};
    }
    std::vector<kernel::Check> probe_kernel() override { return checks; }
    kernel::Check probe_interface(const std::string& name) override {
        return {"interface " + name, kernel::CheckState::Ok, "native", ""};
    }
    Result<std::string> ask_engine(const std::string& endpoint, const std::string&) override {
        if (engine) return *engine;
        return fail("cannot open " + endpoint, "is it running?");
    }
    inventory::Ufw ufw() override { return inventory::Ufw::read("/nonexistent"); }
    bool exists(const std::filesystem::path& path) override { return files.count(path) != 0; }

    app::Rescue rescue() override { return rescued; }

    app::Rescue rescued;
    std::map<std::string, std::string> answers;  // by path prefix
    std::vector<std::string> lines;              // of the stream
    std::optional<Error> refusal;
    std::optional<std::string> engine;
    std::vector<kernel::Check> checks;
    std::set<std::filesystem::path> files;

    std::optional<app::RunOptions> ran;
    std::vector<std::string> asked;
    std::string posted;
    std::string asked_socket;
    std::filesystem::path detached;
};

class Cli : public testing::Test {
protected:
    // Exit code of `portlid WORD...`.
    int portlid(const std::vector<std::string>& arguments) {
        console_.data.clear();
        console_.messages.clear();
        return static_cast<int>(run_program(arguments, backend_, console_));
    }
    ScriptedBackend backend_;
    CaptureConsole console_;
};

inline const char* const kPorts = R"({"schema":"portlid.ports/v1","items":[
 {"transport":"tcp","family":"ipv4","address":"0.0.0.0","port":5432,"netns":1,"host_netns":true,
  "since":"2026-03-01T10:15:02Z","preexisting":false,
  "published":{"host_ip":"0.0.0.0","container_port":5432,"proxy":true},
  "holder":{"pid":8079,"exe":"/usr/sbin/docker-proxy","comm":"docker-proxy","user":"root",
   "unit":null,"container":{"id":"e52603ec746a99","name":"shop-db-1","image":"postgres:16",
   "compose":null}},"binder":null,"ufw":"deny","service":null,
  "reach":[{"zone":"public","now":"open","enforced":"closed"}],"verdict":"exposed"},
 {"transport":"tcp","family":"ipv6","address":"::","port":22,"netns":1,"host_netns":true,
  "holder":{"pid":1,"exe":"/usr/sbin/sshd","comm":"sshd","user":"root","container":null},
  "ufw":"limit","service":"ssh","reach":[{"zone":"public","now":"restricted",
  "enforced":"restricted"}],"verdict":"ok"},
 {"transport":"tcp","family":"ipv4","address":"127.0.0.1","port":6379,"host_netns":true,
  "holder":{"pid":9,"exe":"/usr/bin/redis","comm":"redis","container":null},"ufw":"absent",
  "reach":[{"zone":"public","now":"closed","enforced":"closed"}],"verdict":"ok"},
 {"transport":"tcp","family":"ipv4","address":"0.0.0.0","port":9000,"host_netns":false,
  "holder":{"pid":10,"exe":"/bin/inner","container":{"id":"abcdef012345678","name":null}},
  "ufw":"absent","reach":[],"verdict":"ok"},
 {"transport":"tcp","family":"ipv4","address":null,"port":443,"netns":null,"host_netns":null,
  "holder":null,"ufw":"inactive","service":"web","reach":[],"verdict":"unused"}]})";

}  // namespace portlid::cli
