// SPDX-License-Identifier: Apache-2.0
// A peer that takes connections and keeps none: a fault like any other.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>

#include "base/unique_fd.hpp"
#include "sink/try.hpp"
#include "spool_fixture.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;

// Listens on a port of its own; keeps what it accepts, or hangs up on it at once.
class Peer {
public:
    explicit Peer(bool keeps)
        : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), keeps_(keeps) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* address = reinterpret_cast<sockaddr*>(&at);
        socklen_t size = sizeof at;
        EXPECT_EQ(::bind(listener_.get(), address, size), 0);
        EXPECT_EQ(::listen(listener_.get(), 16), 0);
        EXPECT_EQ(::getsockname(listener_.get(), address, &size), 0);
        target_ = "syslog+tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
        thread_ = std::thread([this] { run(); });
    }
    ~Peer() {
        stop_ = true;
        thread_.join();
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    [[nodiscard]] SinkSpec spec() const { return *parse_spec(target_); }
    [[nodiscard]] int accepted() const { return accepted_; }

private:
    void run() {
        while (!stop_) {
            pollfd ready{listener_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 10) <= 0) continue;
            UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            ++accepted_;
            if (keeps_) kept_.push_back(std::move(peer));
        }
    }

    UniqueFd listener_;
    const bool keeps_;
    std::string target_;
    std::atomic<int> accepted_{0};
    std::atomic<bool> stop_{false};
    std::vector<UniqueFd> kept_;
    std::thread thread_;
};

class StreamTest : public SpoolTest {
protected:
    std::unique_ptr<FanOut> start(const SinkSpec& spec) {
        auto fan_out = std::move(*FanOut::open(directory_.file("sequence")));
        const auto added = add_sinks(*fan_out, {spec}, path_);
        EXPECT_TRUE(added) << added.error().message;
        return fan_out;
    }
};

TEST_F(StreamTest, APeerThatHangsUpIsDownHasNothingAndIsTriedLessAndLess) {
    const Peer peer(false);
    const auto fan_out = start(peer.spec());
    for (int i = 0; i < 20; ++i) fan_out->emit(sample("x"));
    const auto state = [&] { return fan_out->states()[0]; };
    ASSERT_TRUE(wait_until([&] { return state().retries >= 2; }));
    int up = 0;
    for (int i = 0; i < 500; ++i) {
        up += state().up ? 1 : 0;
        EXPECT_EQ(state().lag, 20U);
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(up, 0);
    EXPECT_EQ(state().sent, 0U);
    EXPECT_THAT(state().why, HasSubstr("127.0.0.1"));
    // Pauses of at least 0.25, 0.5, 1 and 2 s, and what it takes to see it.
    EXPECT_LE(peer.accepted(), 6);
}

TEST_F(StreamTest, APeerThatReadsIsUpAndWhatIsOnItsWayIsNoLag) {
    const Peer peer(true);
    const auto fan_out = start(peer.spec());
    for (int i = 0; i < 20; ++i) fan_out->emit(sample("x"));
    ASSERT_TRUE(wait_until([&] { return fan_out->states()[0].lag == 0; }));
    EXPECT_TRUE(fan_out->states()[0].up);
    EXPECT_EQ(fan_out->states()[0].sent, 0U);  // not safe yet
    std::this_thread::sleep_for(1500ms);       // it has been looked after
    EXPECT_TRUE(fan_out->states()[0].up);
    EXPECT_EQ(peer.accepted(), 1);
}

TEST_F(StreamTest, ExportTestSaysThatThePeerHungUp) {
    const Peer peer(false);
    const auto tried = try_sink(peer.spec(), [](const auto&, const auto&) {});
    ASSERT_FALSE(tried);
    EXPECT_THAT(tried.error().message, HasSubstr("127.0.0.1"));
    EXPECT_EQ(peer.accepted(), 1);
}

}  // namespace
}  // namespace portlid::sink
