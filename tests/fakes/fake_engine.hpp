// SPDX-License-Identifier: Apache-2.0
// A container engine that is only a unix socket and a few threads: answers GET requests from a
// table, streams events, and misbehaves on request.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace portlid::fakes {

enum class Manner : std::uint8_t {
    Good,
    Hang,     // takes the request, never answers
    Garbage,  // 200 and bytes that are no JSON
    Huge,     // a body that never ends
    Half,     // promises more bytes than it sends, then closes
};

// A container as the engine would tell it.
struct FakeContainer {
    std::string id;
    std::string name;
    std::string image = "tiny:1";
    std::string ports_json = "{}";  // NetworkSettings.Ports
    std::uint32_t pid = 4242;
};
// 64 hex digits that begin with `digit`s.
[[nodiscard]] inline std::string fake_id(char digit) {
    return std::string(64, digit);
}

class FakeEngine {
public:
    FakeEngine();
    ~FakeEngine();
    FakeEngine(const FakeEngine&) = delete;
    FakeEngine& operator=(const FakeEngine&) = delete;

    [[nodiscard]] std::string endpoint() const { return "unix://" + path_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    void behave(Manner manner) { manner_ = manner; }
    // Only this request misbehaves: "/containers/<id>/json".
    void behave_on(const std::string& request_path, Manner manner);
    void put(const FakeContainer& container);
    void remove(const std::string& id);
    // One line on every open event stream.
    void emit(const std::string& line);
    // Blocks until an event stream is open.
    void wait_for_stream();
    void close_streams();
    [[nodiscard]] unsigned listings() const { return listings_; }

private:
    void accept_all();
    void serve(int connection);
    void answer(int connection, const std::string& request_path);
    [[nodiscard]] std::string body_for(const std::string& request_path, int& status);
    [[nodiscard]] Manner manner_for(const std::string& request_path);
    void begin_stream(int connection);

    std::string directory_;
    std::string path_;
    UniqueFd listener_;
    std::atomic<Manner> manner_ = Manner::Good;
    std::atomic<unsigned> listings_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Manner> manner_on_;
    std::map<std::string, FakeContainer> containers_;
    std::vector<int> streams_;
    std::vector<int> connections_;  // shut down at the end, closed by their threads
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace portlid::fakes

#include "fakes/fake_engine.inl"
