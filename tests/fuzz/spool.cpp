// SPDX-License-Identifier: Apache-2.0
// Any bytes as the segments of a spool that a start finds: reading ends, goes forward only, and
// what is appended behind them is read, in this run and in the next. The first byte says where the
// second segment begins.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fuzz.hpp"
#include "sink/spool.hpp"

using namespace portlid;
using fuzz::promise;

namespace {

std::filesystem::path directory() {
    static const auto path = [] {
        const auto fast = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
        return std::filesystem::path(fmt::format("{}/portlid-fuzz-spool-{}", fast, ::getpid()));
    }();
    return path;
}

void write_segment(std::uint64_t begin, std::string_view bytes) {
    std::ofstream(directory() / fmt::format("{:020}.seg", begin), std::ios::binary) << bytes;
}

// The last record that can be read.
sink::SpooledRecord last_of(const sink::Spool& spool) {
    sink::SpoolReader reader(spool);
    sink::SpooledRecord record;
    sink::SpooledRecord last;
    for (std::uint64_t at = spool.head(); reader.next(at, record); at = record.next) {
        promise(record.position >= at && record.next > record.position, "reading goes forward");
        promise(record.next <= spool.tail(), "a record ends in the spool");
        last = record;
    }
    return last;
}

std::unique_ptr<sink::Spool> open_spool() {
    auto spool = sink::Spool::open(directory(), 4096);
    promise(spool.has_value(), "whatever is in its segments, a spool opens");
    return std::move(*spool);
}

sink::Record fresh() {
    auto event = event::make_event(event::Kind::SocketBind, event::Severity::Info);
    event.seq = 77;
    return {event};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    if (bytes.empty()) return 0;
    std::filesystem::remove_all(directory());
    std::filesystem::create_directory(directory());
    const auto cut =
        std::min<std::size_t>(static_cast<unsigned char>(bytes[0]) * 8U, bytes.size() - 1);
    write_segment(0, bytes.substr(1, cut));
    if (1 + cut < bytes.size()) write_segment(cut, bytes.substr(1 + cut));
    const auto record = fresh();
    {
        const auto spool = open_spool();
        const auto found = last_of(*spool);
        promise(found.next == 0 || spool->ordinal() != 0, "a spool knows its last ordinal");
        promise(spool->append({&record, 1}).has_value(), "and it can be appended to");
        promise(last_of(*spool).line == *record.line, "what is appended is read");
    }
    const auto again = open_spool();
    promise(last_of(*again).line == *record.line && again->ordinal() != 0, "also by the next run");
    return 0;
}
