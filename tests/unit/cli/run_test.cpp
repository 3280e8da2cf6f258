// SPDX-License-Identifier: Apache-2.0
#include "cli/json_access.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Cli, RunsWithTheDefaultsOfTheContract) {
    ASSERT_EQ(portlid({"run"}), 0);
    const auto& options = *backend_.ran;
    EXPECT_EQ(options.policy, "/etc/portlid/policy.yaml");
    EXPECT_EQ(options.config, "/etc/portlid/portlid.yaml");
    EXPECT_FALSE(options.config_given);
    EXPECT_EQ(options.mode_cap, app::ModeCap::Enforce);
    EXPECT_TRUE(options.interfaces.empty());
    EXPECT_FALSE(options.sockets_only);
    EXPECT_EQ(options.attach, kernel::AttachKind::Auto);
    EXPECT_TRUE(options.events.empty());
    EXPECT_EQ(options.state_dir, "/var/lib/portlid");
    EXPECT_EQ(options.runtime_dir, "/run/portlid");
    EXPECT_EQ(options.bpffs, "/sys/fs/bpf/portlid");
    EXPECT_TRUE(options.cgroup.empty());
    EXPECT_FALSE(options.no_docker);
    EXPECT_FALSE(options.once);
    EXPECT_EQ(options.on_exit, app::OnExit::Detach);
}

TEST_F(Cli, PassesEveryFlagOfRunOn) {
    ASSERT_EQ(
        portlid({"run",     "--policy",      "p.yaml",    "--config",    "c.yaml",  "--mode",
                 "monitor", "--interface",   "eth0",      "--interface", "wg0",     "--attach",
                 "generic", "--events",      "-",         "--events",    "file:/x", "--state-dir",
                 "/s",      "--runtime-dir", "/r",        "--bpffs",     "/b",      "--cgroup",
                 "/c",      "--docker",      "unix:///d", "--on-exit",   "keep",    "--show-ports",
                 "-o",      "wide",          "--color",   "always"}),
        0)
        << console_.messages;
    const auto& options = *backend_.ran;
    EXPECT_EQ(options.policy, "p.yaml");
    EXPECT_EQ(options.config, "c.yaml");
    EXPECT_TRUE(options.config_given);
    EXPECT_EQ(options.mode_cap, app::ModeCap::Monitor);
    EXPECT_THAT(options.interfaces, ElementsAre("eth0", "wg0"));
    EXPECT_EQ(options.attach, kernel::AttachKind::Generic);
    EXPECT_THAT(options.events, ElementsAre("-", "file:/x"));
    EXPECT_EQ(options.state_dir, "/s");
    EXPECT_EQ(options.runtime_dir, "/r");
    EXPECT_EQ(options.bpffs, "/b");
    EXPECT_EQ(options.cgroup, "/c");
    EXPECT_THAT(options.docker, ElementsAre("unix:///d"));
    EXPECT_EQ(options.on_exit, app::OnExit::Keep);
    EXPECT_TRUE(options.show_ports);
    EXPECT_EQ(options.output, app::OutputFormat::Wide);
    EXPECT_TRUE(options.color);
}

TEST_F(Cli, UnderstandsNoneForInterfacesAndEngines) {
    ASSERT_EQ(portlid({"run", "--interface", "none", "--docker", "none"}), 0);
    EXPECT_TRUE(backend_.ran->sockets_only);
    EXPECT_TRUE(backend_.ran->no_docker);
    EXPECT_TRUE(backend_.ran->interfaces.empty());
    backend_.ran.reset();
    EXPECT_EQ(portlid({"run", "--interface", "none", "--interface", "eth0"}), 2);
    EXPECT_FALSE(backend_.ran);
}

TEST_F(Cli, RefusesASinkThatIsNoneBeforeAnythingStarts) {
    EXPECT_EQ(portlid({"run", "--events", "jurnald"}), 2);
    EXPECT_THAT(console_.messages, HasSubstr("did you mean `journald`?"));
    EXPECT_FALSE(backend_.ran);
}

TEST_F(Cli, PrintsThePortsOfRunOnceAsData) {
    backend_.answers["/v1/ports"] = kPorts;
    ASSERT_EQ(portlid({"run", "--once"}), 0);
    EXPECT_THAT(console_.data, HasSubstr("shop-db-1"));
    EXPECT_THAT(console_.messages, HasSubstr("1 exposed"));
    ASSERT_EQ(portlid({"run", "--once", "-o", "json"}), 0);
    EXPECT_TRUE(Json::accept(console_.data));
}

}  // namespace
}  // namespace portlid::cli
