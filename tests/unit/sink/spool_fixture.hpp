// SPDX-License-Identifier: Apache-2.0
// A spool in a directory of its own, and sinks behind one.
#pragma once

#include <fstream>
#include <numeric>
#include <thread>

#include "sink/courier.hpp"
#include "sink/encode/encoder.hpp"
#include "sink/spool_format.hpp"
#include "support.hpp"

namespace portlid::sink {

using namespace std::chrono_literals;

inline Record record(std::uint64_t seq, event::Kind kind = event::Kind::SocketBind,
                     std::size_t padding = 0) {
    auto event = sample("n" + std::to_string(seq), padding);
    event.seq = seq;
    event.kind = kind;
    return Record(event);
}

inline std::unique_ptr<Spool> open_spool(const std::string& path, std::uint64_t segment = 1000) {
    auto spool = Spool::open(path, segment);
    EXPECT_TRUE(spool) << spool.error().message;
    return std::move(*spool);
}

inline std::vector<std::uint64_t> seqs_of(const Spool& spool, std::uint64_t from = 0) {
    SpoolReader reader(spool);
    SpooledRecord one;
    std::vector<std::uint64_t> seqs;
    while (reader.next(from, one)) {
        seqs.push_back(one.seq);
        from = one.next;
    }
    return seqs;
}

class SpoolTest : public testing::Test {
protected:
    TemporaryDirectory directory_;
    std::string path_ = directory_.file("spool");
    void fill(Spool& spool, std::uint64_t from, std::uint64_t to) {
        for (auto seq = from; seq <= to; ++seq) {
            const auto one = record(seq);
            ASSERT_TRUE(spool.append({&one, 1}));
        }
    }
    [[nodiscard]] std::vector<std::filesystem::path> segments() const {
        std::vector<std::filesystem::path> found;
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            if (entry.path().extension() == ".seg") found.push_back(entry.path());
        std::sort(found.begin(), found.end());
        return found;
    }
};

inline bool wait_until(const std::function<bool()>& fact) {
    for (int i = 0; i < 1000; ++i) {
        if (fact()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

// A byte in the middle of a file is another one.
inline void damage(const std::filesystem::path& victim, std::size_t at) {
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('#');
}

}  // namespace portlid::sink
