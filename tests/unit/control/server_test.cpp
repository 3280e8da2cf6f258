// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <functional>
#include <vector>

#include "support.hpp"

namespace portlid::control {
namespace {

class ControlServer : public testing::Test {
protected:
    TemporaryDirectory directory_;
    ScriptedApi api_;
    RunningServer server_{directory_.path(), api_};

    std::string ask(const std::string& request) {
        return RawClient(directory_.socket()).ask(request);
    }
};

TEST_F(ControlServer, AnswersAGetWithTheApisJson) {
    const auto answer = ask(get_request("/v1/status"));
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(answer, testing::HasSubstr("application/json"));
    EXPECT_THAT(answer, testing::EndsWith("{\"ready\":true}\n"));
}

TEST_F(ControlServer, DecodesTheQuery) {
    ask(get_request("/v1/explain?source=2001%3Adb8%3A%3A1&interface=eth0&flag"));
    EXPECT_EQ(api_.last.path, "/v1/explain");
    EXPECT_EQ(api_.last.query.at("source"), "2001:db8::1");
    EXPECT_EQ(api_.last.query.at("interface"), "eth0");
    EXPECT_EQ(api_.last.query.at("flag"), "");
}

TEST_F(ControlServer, TellsTheApiWhoAsks) {
    ask(get_request("/v1/status"));
    EXPECT_EQ(api_.last.peer_uid, ::getuid());
    EXPECT_EQ(api_.last.peer_pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(ControlServer, AnswersAnUnknownPathWith404AndAJsonError) {
    const auto answer = ask(get_request("/v2/status"));
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(answer, testing::HasSubstr("{\"error\":{\"message\":\"there is no /v2/status\""));
}

TEST_F(ControlServer, AnswersAWrongMethodWith405) {
    EXPECT_THAT(ask("DELETE /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n"),
                testing::StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(ask(get_request("/v1/apply")), testing::StartsWith("HTTP/1.1 405"));
}

TEST_F(ControlServer, TakesAChangeFromRootWithItsBody) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root: changes are for peer uid 0";
    const auto answer =
        ask("POST /v1/mode HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{\"a\"}");
    EXPECT_THAT(answer, testing::EndsWith("{\"posted\":5}\n"));
    EXPECT_EQ(api_.last.body, "{\"a\"}");
}

TEST_F(ControlServer, RefusesABodyThatAnnouncesMoreThanOneMebibyte) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root: changes are for peer uid 0";
    const auto answer = ask("POST /v1/mode HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 413"));
    EXPECT_EQ(api_.posts, 0);
}

TEST_F(ControlServer, RefusesAChunkedBodyThatGrowsAboveOneMebibyte) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root: changes are for peer uid 0";
    RawClient client(directory_.socket());
    client.send("POST /v1/mode HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 17; ++i) client.send(chunk);
    client.send("0\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), testing::StartsWith("HTTP/1.1 413"));
    EXPECT_EQ(api_.posts, 0);
}

// Runs `body` in a child with uid and gid 65534; its exit code comes back.
int as_nobody(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)
            ::_exit(99);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

TEST_F(ControlServer, RefusesAChangeByAnybodyButRootWith403) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(directory_.socket().c_str(), 0666), 0);
    const auto code = as_nobody([this] {
        const auto answer = ask("POST /v1/mode HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
        const bool refused = answer.rfind("HTTP/1.1 403", 0) == 0 &&
                             answer.find("\"exit_code\":4") != std::string::npos;
        return refused ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
    EXPECT_EQ(api_.posts, 0);
}

TEST_F(ControlServer, KeepsConnectionsForRootWhenReadersTakeAllOthers) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(directory_.socket().c_str(), 0666), 0);
    std::array<int, 2> done{};
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe(done.data()), 0);
    ASSERT_EQ(::pipe(ready.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(done[1]);
        if (::setgroups(0, nullptr) != 0 || ::setuid(65534) != 0) ::_exit(99);
        std::vector<std::unique_ptr<RawClient>> crowd;
        for (int i = 0; i < 80; ++i)
            crowd.push_back(std::make_unique<RawClient>(directory_.socket()));
        char byte = 'r';
        if (::write(ready[1], &byte, 1) != 1 || ::read(done[0], &byte, 1) < 0) ::_exit(98);
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_THAT(ask(get_request("/v1/status")), testing::StartsWith("HTTP/1.1 200"));
    for (const int fd : {done[0], done[1], ready[0], ready[1]}) ::close(fd);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ControlServer, SurvivesGarbageAndGoesOnAnswering) {
    std::string garbage(4096, '\0');
    for (std::size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * 131 + 7);
    for (const auto& bytes :
         {garbage, std::string("\r\n\r\n\r\n"), std::string("GET"), std::string("\xff\xfe\x00", 3),
          std::string("GET /v1/status HTTP/9.9\r\n\r\n"),
          std::string("GET /v1/%00%0a%1b HTTP/1.1\r\nHost: x\r\n\r\n"),
          std::string("POST /v1/mode HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
          std::string("POST /v1/mode HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n")}) {
        RawClient client(directory_.socket());
        client.send(bytes);
    }
    EXPECT_THAT(ask(get_request("/v1/status")), testing::StartsWith("HTTP/1.1 200"));
}

TEST_F(ControlServer, CutsOffATenMegabyteHeader) {
    RawClient client(directory_.socket());
    client.send("GET /v1/status HTTP/1.1\r\nX-Long: ");
    const std::string block(65536, 'a');
    bool taken = true;
    for (int i = 0; i < 160 && taken; ++i) taken = client.send(block);
    EXPECT_FALSE(taken);
    EXPECT_THAT(ask(get_request("/v1/status")), testing::StartsWith("HTTP/1.1 200"));
}

TEST(ControlDeadline, EndsARequestThatDripsInSlowly) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    const RunningServer server(directory.path(), api, {.request_time = std::chrono::seconds(1)});
    RawClient client(directory.socket());
    client.send("GET /v1/sta");
    const auto begin = std::chrono::steady_clock::now();
    const auto age = [&] { return std::chrono::steady_clock::now() - begin; };
    // A byte now and then must not keep the connection alive: the deadline is for the whole.
    while (!client.closed() && age() < std::chrono::seconds(10)) {
        client.read_until("never", std::chrono::milliseconds(100));
        client.send("t");
    }
    EXPECT_TRUE(client.closed());
    EXPECT_LT(age(), std::chrono::seconds(4));
}

TEST_F(ControlServer, MakesTheSocketForItsGroupOnly) {
    struct stat facts {};
    ASSERT_EQ(::stat(directory_.socket().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0660U);
}

TEST_F(ControlServer, RefusesASecondSensorAndNamesThePidOfTheFirst) {
    ScriptedApi other;
    const auto second = Server::listen(directory_.path(), other);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message,
                testing::HasSubstr("another sensor is running (pid " + std::to_string(::getpid())));
    EXPECT_EQ(second.error().code, ExitCode::Failed);
    EXPECT_FALSE(second.error().hint.empty());
    EXPECT_THAT(ask(get_request("/v1/status")), testing::StartsWith("HTTP/1.1 200"));
}

TEST(ControlSocket, IsReplacedWhenItsSensorIsGone) {
    const TemporaryDirectory directory;
    {
        const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, directory.socket().c_str());
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    ScriptedApi api;
    const RunningServer server(directory.path(), api);
    EXPECT_THAT(RawClient(directory.socket()).ask(get_request("/v1/status")),
                testing::StartsWith("HTTP/1.1 200"));
}

TEST(ControlSocket, IsRemovedAtTheEnd) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    { const RunningServer server(directory.path(), api); }
    EXPECT_FALSE(std::filesystem::exists(directory.socket()));
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(ControlSocket, SaysWhyItCannotBeMade) {
    ScriptedApi api;
    const auto server = Server::listen("/proc/portlid-no-such/place", api);
    ASSERT_FALSE(server);
    EXPECT_THAT(server.error().message, testing::HasSubstr("/proc/portlid-no-such/place"));
    EXPECT_THAT(server.error().hint, testing::HasSubstr("--runtime-dir"));
}

TEST(ControlSocket, RefusesAPathThatDoesNotFit) {
    const TemporaryDirectory directory;
    const auto deep = directory.path() / std::string(100, 'x');
    ScriptedApi api;
    const auto server = Server::listen(deep, api);
    ASSERT_FALSE(server);
    EXPECT_THAT(server.error().message, testing::HasSubstr("too long"));
}

}  // namespace
}  // namespace portlid::control
