// SPDX-License-Identifier: Apache-2.0
#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace portlid::cli {

namespace {

int write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const auto wrote = ::write(fd, data.data(), data.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno;
        data.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return 0;
}

bool is_set(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

std::string indented(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "  ";
    }
    return out;
}

}  // namespace

bool Console::color(ColorChoice choice) const {
    if (choice != ColorChoice::Auto) return choice == ColorChoice::Always;
    const char* term = std::getenv("TERM");
    const bool dumb = term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
    return out_is_terminal() && !is_set("NO_COLOR") && !dumb;
}

bool ProcessConsole::out(std::string_view data) {
    if (out_error_ == 0) out_error_ = write_all(STDOUT_FILENO, data);
    return out_error_ == 0;
}

void ProcessConsole::message(std::string_view text) {
    // Nobody is left to tell when stderr itself fails.
    static_cast<void>(write_all(STDERR_FILENO, text));
}

Result<> ProcessConsole::out_result() const {
    if (out_error_ == 0 || out_error_ == EPIPE) return {};
    return fail_errno("cannot write to stdout", out_error_, "check where it is redirected to");
}

bool ProcessConsole::out_is_terminal() const {
    return ::isatty(STDOUT_FILENO) == 1;
}

bool ProcessConsole::messages_are_seen() const {
    return ::isatty(STDERR_FILENO) == 1;
}

std::size_t ProcessConsole::out_width() const {
    winsize size{};
    if (!out_is_terminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}

std::string error_text(const Error& error) {
    std::string text = "portlid: " + indented(error.message) + "\n";
    if (!error.hint.empty()) text += "  next: " + indented(error.hint) + "\n";
    return text;
}

}  // namespace portlid::cli
