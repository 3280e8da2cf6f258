// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <curl/curl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace portlid::control {

namespace {

constexpr std::size_t kAnswerLimitBytes = 64U << 20U;
constexpr std::size_t kLineLimitBytes = 1U << 20U;
constexpr long kAnswerTimeSeconds = 30;
constexpr int kStreamWaitMs = 1000;

struct EasyDelete {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDelete {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListDelete {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDelete>;
using Multi = std::unique_ptr<CURLM, MultiDelete>;
using Headers = std::unique_ptr<curl_slist, ListDelete>;

tl::unexpected<Error> refused(const std::string& path, int reason) {
    if (reason == EACCES || reason == EPERM)
        return fail("no permission to talk to the sensor at " + path,
                    "sudo portlid ..., or join the group `portlid`", ExitCode::NoPermission);
    if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
        return fail("no sensor is running at " + path,
                    "sudo portlid run, or name another socket with --socket", ExitCode::NotRunning);
    return fail_errno("cannot talk to the sensor at " + path, reason, "portlid doctor");
}

Result<> check_path(const std::string& path) {
    if (!path.empty() && path.size() < sizeof(sockaddr_un::sun_path)) return {};
    return fail("the socket path is empty or too long: " + printable(path), "check --socket",
                ExitCode::Usage);
}

struct Transfer {
    Easy easy;
    Headers headers;
    std::string socket_path;
    std::string answer;  // the whole body, or with on_line the unfinished last line
    const std::function<bool(std::string_view)>* on_line = nullptr;
    bool too_large = false;
    bool stopped = false;  // on_line said so
};

long status_of(const Transfer& transfer) {
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
}

bool success(long status) {
    return status >= 200 && status < 300;
}

void deliver_lines(Transfer& transfer) {
    std::size_t begin = 0;
    while (!transfer.stopped) {
        const auto end = transfer.answer.find('\n', begin);
        if (end == std::string::npos) break;
        const std::string_view line(transfer.answer.data() + begin, end - begin);
        transfer.stopped = !(*transfer.on_line)(line);
        begin = end + 1;
    }
    transfer.answer.erase(0, begin);
}

size_t receive(char* data, size_t one, size_t count, void* context) {
    auto& transfer = *static_cast<Transfer*>(context);
    const bool lines = transfer.on_line != nullptr && success(status_of(transfer));
    transfer.answer.append(data, one * count);
    if (lines) deliver_lines(transfer);
    transfer.too_large = transfer.answer.size() > (lines ? kLineLimitBytes : kAnswerLimitBytes);
    return transfer.too_large || transfer.stopped ? 0 : one * count;
}

void set_options(Transfer& transfer, const std::string& socket_path, const std::string& path) {
    auto* easy = transfer.easy.get();
    curl_easy_setopt(easy, CURLOPT_URL, ("http://portlid" + path).c_str());
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_path.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
}

Result<std::unique_ptr<Transfer>> prepare(const std::string& socket_path, const std::string& path) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    if (auto usable = check_path(socket_path); !usable) return pass_on(std::move(usable).error());
    auto transfer = std::make_unique<Transfer>();
    transfer->socket_path = socket_path;
    transfer->easy.reset(curl_easy_init());
    if (!transfer->easy) return fail("cannot start an HTTP request");
    set_options(*transfer, socket_path, path);
    return transfer;
}

// An error answer keeps its message, hint and exit code; anything else is shown as what it is.
Error error_of(long status, const std::string& answer) {
    const auto body = nlohmann::json::parse(answer, nullptr, false);
    Error error{"the sensor answered with status " + std::to_string(status), "portlid status",
                ExitCode::Failed, 0};
    if (!body.is_object() || !body.contains("error") || !body["error"].is_object()) return error;
    const auto& told = body["error"];
    if (told.contains("message") && told["message"].is_string())
        error.message = printable_lines(told["message"].get<std::string>(), 65536);
    if (told.contains("hint") && told["hint"].is_string())
        error.hint = printable(told["hint"].get<std::string>());
    if (told.contains("exit_code") && told["exit_code"].is_number_integer()) {
        const auto code = told["exit_code"].get<std::int64_t>();
        if (code >= 1 && code <= 10) error.code = static_cast<ExitCode>(code);
    }
    return error;
}

Result<> judge(const Transfer& transfer, CURLcode code) {
    const auto status = status_of(transfer);
    if (transfer.too_large)
        return fail("the sensor's answer is too large", "is that socket really portlid's?");
    if (transfer.stopped) return {};
    if (code == CURLE_COULDNT_CONNECT) {
        long reason = 0;
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_OS_ERRNO, &reason);
        return refused(printable(transfer.socket_path), static_cast<int>(reason));
    }
    if (code != CURLE_OK)
        return fail(std::string("the sensor broke off its answer: ") + curl_easy_strerror(code),
                    "is it still running? portlid status");
    if (!success(status)) return tl::unexpected<Error>(error_of(status, transfer.answer));
    return {};
}

Result<std::string> perform(Transfer& transfer) {
    curl_easy_setopt(transfer.easy.get(), CURLOPT_TIMEOUT, kAnswerTimeSeconds);
    const auto code = curl_easy_perform(transfer.easy.get());
    if (auto judged = judge(transfer, code); !judged) return pass_on(std::move(judged).error());
    return std::move(transfer.answer);
}

// Turns SIGINT and SIGTERM into something to poll, and back when it goes.
class StopSignals {
public:
    StopSignals() {
        sigset_t stop{};
        sigemptyset(&stop);
        sigaddset(&stop, SIGINT);
        sigaddset(&stop, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &stop, &before_);
        fd_ = UniqueFd(::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool arrived() const {
        signalfd_siginfo info{};
        return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info);
    }

private:
    sigset_t before_{};
    UniqueFd fd_;
};

// The transfer's result, or nothing when a signal ended it.
Result<> follow(Transfer& transfer) {
    const StopSignals signals;
    const Multi multi(curl_multi_init());
    curl_multi_add_handle(multi.get(), transfer.easy.get());
    auto code = CURLE_OK;
    int running = 1;
    while (running > 0 && !signals.arrived()) {
        curl_multi_perform(multi.get(), &running);
        int left = 0;
        while (const auto* message = curl_multi_info_read(multi.get(), &left))
            if (message->msg == CURLMSG_DONE) code = message->data.result;
        curl_waitfd extra{signals.fd(), CURL_WAIT_POLLIN, 0};
        if (running > 0) curl_multi_poll(multi.get(), &extra, 1, kStreamWaitMs, nullptr);
    }
    curl_multi_remove_handle(multi.get(), transfer.easy.get());
    return running > 0 ? Result<>{} : judge(transfer, code);
}

}  // namespace

Result<std::string> Client::get(const std::string& path_and_query) const {
    auto transfer = prepare(socket_path_, path_and_query);
    if (!transfer) return pass_on(std::move(transfer).error());
    return perform(**transfer);
}

Result<std::string> Client::post(const std::string& path, const std::string& body) const {
    auto transfer = prepare(socket_path_, path);
    if (!transfer) return pass_on(std::move(transfer).error());
    auto* easy = (*transfer)->easy.get();
    (*transfer)->headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, (*transfer)->headers.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body.c_str());
    return perform(**transfer);
}

Result<> Client::stream(const std::string& path_and_query,
                        const std::function<bool(std::string_view)>& on_line) const {
    auto transfer = prepare(socket_path_, path_and_query);
    if (!transfer) return pass_on(std::move(transfer).error());
    (*transfer)->on_line = &on_line;
    return follow(**transfer);
}

}  // namespace portlid::control
