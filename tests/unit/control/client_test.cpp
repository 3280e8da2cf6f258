// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "support.hpp"

namespace portlid::control {
namespace {

TEST(ControlClient, GetsTheBodyOfAnAnswer) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    const RunningServer server(directory.path(), api);
    const auto body = Client(directory.socket()).get("/v1/status");
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_EQ(*body, "{\"ready\":true}\n");
}

TEST(ControlClient, PostsABodyAsRoot) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root: changes are for peer uid 0";
    const TemporaryDirectory directory;
    ScriptedApi api;
    const RunningServer server(directory.path(), api);
    const auto body = Client(directory.socket()).post("/v1/mode", std::string("a\0b", 3));
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_EQ(api.last.body, std::string("a\0b", 3));
}

TEST(ControlClient, SaysWithExitCode3ThatNoSensorRuns) {
    const TemporaryDirectory directory;
    const auto body = Client(directory.socket()).get("/v1/status");
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, ExitCode::NotRunning);
    EXPECT_THAT(body.error().message, testing::HasSubstr(directory.socket()));
    EXPECT_THAT(body.error().hint, testing::HasSubstr("portlid run"));
}

TEST(ControlClient, SaysWithExitCode3ThatASocketIsStale) {
    const TemporaryDirectory directory;
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, directory.socket().c_str());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(Client(directory.socket()).get("/v1/status").error().code, ExitCode::NotRunning);
}

TEST(ControlClient, SaysWithExitCode4ThatItMayNot) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    const TemporaryDirectory directory;
    ScriptedApi api;
    const RunningServer server(directory.path(), api);
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
        const auto body = Client(directory.socket()).get("/v1/status");
        ::_exit(body ? 0 : static_cast<int>(body.error().code));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST(ControlClient, KeepsMessageHintAndExitCodeOfAnErrorAnswer) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    api.answer =
        error_response(409, Error{"line\nbreak\x1b[31m", "do this", ExitCode::PolicyInvalid, 0});
    const RunningServer server(directory.path(), api);
    const auto body = Client(directory.socket()).get("/v1/ports");
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, ExitCode::PolicyInvalid);
    EXPECT_EQ(body.error().message, "line\nbreak\\u001b[31m");
    EXPECT_EQ(body.error().hint, "do this");
}

TEST(ControlClient, ShowsAnAnswerThatIsNoJsonAsAFailure) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    api.answer = {500, "\x1b[31mnonsense"};
    const RunningServer server(directory.path(), api);
    const auto body = Client(directory.socket()).get("/v1/ports");
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, ExitCode::Failed);
    EXPECT_THAT(body.error().message, testing::HasSubstr("500"));
}

// Something that listens but is not a sensor: sends `bytes` to whoever connects, then closes.
class LyingServer {
public:
    LyingServer(const std::string& path, std::string bytes)
        : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), bytes_(std::move(bytes)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
                  0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~LyingServer() { thread_.join(); }
    LyingServer(const LyingServer&) = delete;
    LyingServer& operator=(const LyingServer&) = delete;

private:
    void serve() {
        const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
        std::array<char, 4096> request{};
        if (::recv(peer.get(), request.data(), request.size(), 0) <= 0) return;
        std::string_view rest = bytes_;
        while (!rest.empty()) {
            const auto sent = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            rest.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    UniqueFd listener_;
    std::string bytes_;
    std::thread thread_;
};

TEST(ControlClient, RefusesGarbageAndHalfAnswers) {
    for (const auto* bytes :
         {"\x01\x02\x03\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        SCOPED_TRACE(bytes);
        const TemporaryDirectory directory;
        const LyingServer server(directory.socket(), bytes);
        const auto body = Client(directory.socket()).get("/v1/status");
        ASSERT_FALSE(body);
        EXPECT_EQ(body.error().code, ExitCode::Failed);
    }
}

TEST(ControlClient, GivesUpOnALineThatNeverEnds) {
    const TemporaryDirectory directory;
    const LyingServer server(directory.socket(),
                             "HTTP/1.1 200 OK\r\n\r\n" + std::string(3U << 20U, 'x'));
    const auto result =
        Client(directory.socket()).stream("/v1/events?follow=1", [](std::string_view) {
            return true;
        });
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, testing::HasSubstr("too large"));
}

TEST(ControlClient, EndsAStreamQuietlyOnSigint) {
    const TemporaryDirectory directory;
    ScriptedApi api;
    api.append("first");
    const RunningServer server(directory.path(), api);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto result =
            Client(directory.socket()).stream("/v1/events?follow=1", [](std::string_view) {
                ::kill(::getpid(), SIGINT);
                return true;
            });
        ::_exit(result ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace portlid::control
