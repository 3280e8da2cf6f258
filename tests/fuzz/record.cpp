// SPDX-License-Identifier: Apache-2.0
// Ring bytes -> record -> event line: what decodes keeps the limits of its types, and its line is
// one line of JSON that says the same.
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "event/build.hpp"
#include "fuzz.hpp"

namespace {

using portlid::fuzz::promise;
using namespace portlid::event;

void check(const SocketRecord& record, Event& event) {
    promise(record.kind == EVENT_bind || record.kind == EVENT_listen ||
                record.kind == EVENT_close || record.kind == EVENT_refused,
            "a socket record of another kind");
    promise(record.task.comm.size() <= TASK_COMM_BYTES, "comm grew");
    promise(record.task.cgroup_name.size() <= CGROUP_NAME_BYTES, "the cgroup's name grew");
    event.kind = kind_of(record);
    event.body = socket_body({}, record, {});
}

void check(const VerdictRecord& record, Event& event) {
    promise(record.why < REASON_COUNT && record.verdict < VERDICT_COUNT, "a word out of range");
    promise(reason_word(record.why)[0] != '\0', "a reason without a word");
    event.kind = Kind::NetVerdict;
    event.body = verdict_body({}, record, {});
}

void check_line(const Event& event) {
    const auto line = to_json_line(event);
    for (const char c : line)
        promise(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a raw control character");
    const auto back = nlohmann::json::parse(line, nullptr, false);
    promise(!back.is_discarded(), "the line is no JSON");
    promise(back.at("kind") == to_string(event.kind), "the line is of another kind");
}

// Of any version but 0xffff, so that the corpus outlives the next change of the boundary.
void set_version(std::vector<std::byte>& bytes) {
    constexpr auto kAt = offsetof(event_head, abi_version);
    constexpr std::uint16_t kOurs = PORTLID_ABI_VERSION;
    if (bytes.size() < sizeof(event_head) || bytes[kAt] == std::byte{0xff}) return;
    std::memcpy(&bytes[kAt], &kOurs, sizeof(kOurs));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> bytes(first, first + size);  // exactly as long as it is
    set_version(bytes);
    const auto record = decode(bytes);
    if (!record) return 0;
    Event event;
    std::visit([&](const auto& which) { check(which, event); }, *record);
    check_line(event);
    return 0;
}
