// SPDX-License-Identifier: Apache-2.0
#include "kernel/libbpf_log.hpp"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "base/text.hpp"

namespace portlid::kernel {

namespace {

constexpr std::size_t kKeepBytes = 16384;
constexpr std::size_t kShowLines = 12;
thread_local std::string captured;

int take(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    // A verifier log comes as one message; its end says what was wrong.
    std::array<char, 4096> small{};
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(small.data(), small.size(), format, arguments);
    if (length > 0) {
        std::string text(static_cast<std::size_t>(length) + 1, '\0');
        std::vsnprintf(text.data(), text.size(), format, again);
        text.pop_back();
        captured += text;
    }
    va_end(again);
    if (captured.size() > kKeepBytes) captured.erase(0, captured.size() - kKeepBytes);
    return 0;
}

}  // namespace

void capture_libbpf_log() {
    static std::once_flag once;
    std::call_once(once, [] { libbpf_set_print(take); });
    captured.clear();
}

std::string last_libbpf_lines() {
    const auto lines = split(captured, '\n');
    const std::size_t first = lines.size() > kShowLines ? lines.size() - kShowLines : 0;
    std::string out;
    for (std::size_t i = first; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        if (!out.empty()) out += '\n';
        out += printable(lines[i], 400);
    }
    return out;
}

}  // namespace portlid::kernel
