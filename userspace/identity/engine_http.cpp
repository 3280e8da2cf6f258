// SPDX-License-Identifier: Apache-2.0
#include "identity/engine_http.hpp"

#include <curl/curl.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "base/text.hpp"
#include "identity/engine.hpp"

namespace portlid::identity {

namespace {

constexpr std::string_view kScheme = "unix://";
constexpr long kConnectMs = 1000;
constexpr std::chrono::milliseconds kLongestWait{1000};

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;

void initialise_curl_once() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::size_t receive(char* bytes, std::size_t one, std::size_t count, void* context) {
    const auto& on_bytes = *static_cast<const EngineClient::OnBytes*>(context);
    const std::size_t size = one * count;
    return on_bytes({bytes, size}) ? size : size + 1;
}

// Adds a transfer to the multi handle for as long as it lives.
class Attached {
public:
    Attached(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
        curl_multi_add_handle(multi_, easy_);
    }
    ~Attached() { curl_multi_remove_handle(multi_, easy_); }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;

private:
    CURLM* multi_;
    CURL* easy_;
};

std::string socket_path(const std::string& endpoint) {
    return endpoint.substr(kScheme.size());
}

tl::unexpected<Error> not_connected(const std::string& endpoint, int errno_value) {
    const std::string what = "cannot connect to the container engine at " + printable(endpoint);
    const std::string path = printable(socket_path(endpoint));
    switch (errno_value) {
        case EACCES:
        case EPERM:
            return fail_errno(what, errno_value,
                              "run as root, or look at who may open it: ls -l " + path,
                              ExitCode::NoPermission);
        case ENOENT:
        case ECONNREFUSED:
            return fail_errno(
                what, errno_value,
                "is the engine running? systemctl status docker; or go without it: --docker none");
        default:
            return errno_value == 0 ? fail(what + ": no answer",
                                           "curl --unix-socket " + path + " http://d/_ping")
                                    : fail_errno(what, errno_value, "ls -l " + path);
    }
}

}  // namespace

Result<> check_endpoint(const std::string& endpoint) {
    const std::string hint = "name a socket: --docker unix:///run/docker.sock, or --docker none";
    if (!endpoint.starts_with(kScheme) || !endpoint.substr(kScheme.size()).starts_with('/'))
        return fail(
            "container engine endpoint " + printable(endpoint) + " is not unix:///absolute/path",
            hint, ExitCode::Usage);
    if (socket_path(endpoint).size() >= sizeof(sockaddr_un::sun_path) ||
        endpoint.find('\0') != std::string::npos)
        return fail("container engine endpoint " + printable(endpoint) +
                        " is longer than a socket's path may be (107 bytes)",
                    hint, ExitCode::Usage);
    return {};
}

struct EngineClient::Impl {
    std::string endpoint;
    int stop_fd = -1;
    Easy easy;
    Multi multi;

    void prepare(const std::string& path, const OnBytes& on_bytes, long total_ms) const;
    Result<> run(const OnTick& on_tick);
    [[nodiscard]] Result<> outcome(CURLcode code) const;
    [[nodiscard]] std::optional<CURLcode> finished() const;
};

EngineClient::EngineClient(std::string endpoint, int stop_fd) : impl_(std::make_unique<Impl>()) {
    initialise_curl_once();
    impl_->endpoint = std::move(endpoint);
    impl_->stop_fd = stop_fd;
    impl_->easy.reset(curl_easy_init());
    impl_->multi.reset(curl_multi_init());
}

EngineClient::~EngineClient() = default;

void EngineClient::Impl::prepare(const std::string& path, const OnBytes& on_bytes,
                                 long total_ms) const {
    CURL* handle = easy.get();
    curl_easy_reset(handle);  // keeps the connection
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket_path(endpoint).c_str());
    curl_easy_setopt(handle, CURLOPT_URL, ("http://localhost" + path).c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, total_ms);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &on_bytes);
}

std::optional<CURLcode> EngineClient::Impl::finished() const {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    return std::nullopt;
}

Result<> EngineClient::Impl::outcome(CURLcode code) const {
    if (code == CURLE_OK) return {};
    const std::string what = "container engine at " + printable(endpoint);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(what + " did not answer in time",
                    "curl --unix-socket " + printable(socket_path(endpoint)) + " http://d/_ping");
    if (code == CURLE_COULDNT_CONNECT) {
        long os_errno = 0;
        curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &os_errno);
        return not_connected(endpoint, static_cast<int>(os_errno));
    }
    return fail(what + " broke off: " + curl_easy_strerror(code));
}

Result<> EngineClient::Impl::run(const OnTick& on_tick) {
    const Attached attached(multi.get(), easy.get());
    while (true) {
        int running = 0;
        curl_multi_perform(multi.get(), &running);
        bool done = false;
        const auto wait = std::clamp(on_tick(done), std::chrono::milliseconds(0), kLongestWait);
        if (const auto code = finished()) return outcome(*code);
        if (done) return {};
        curl_waitfd stop{stop_fd, CURL_WAIT_POLLIN, 0};
        const unsigned extra = stop_fd >= 0 ? 1 : 0;
        curl_multi_poll(multi.get(), extra != 0 ? &stop : nullptr, extra,
                        static_cast<int>(wait.count()), nullptr);
        if (stop.revents != 0) return fail("stopped while asking the container engine");
    }
}

Result<HttpAnswer> EngineClient::get(const std::string& path, std::size_t limit_bytes,
                                     std::chrono::milliseconds total) {
    HttpAnswer answer;
    bool too_large = false;
    const OnBytes collect = [&](std::string_view bytes) {
        too_large = answer.body.size() + bytes.size() > limit_bytes;
        if (!too_large) answer.body.append(bytes);
        return !too_large;
    };
    impl_->prepare(path, collect, std::max(1L, static_cast<long>(total.count())));
    const auto ran = impl_->run([](bool&) { return kLongestWait; });
    if (too_large)
        return fail("container engine at " + printable(impl_->endpoint) + " answered " +
                    printable(path) + " with more than " + std::to_string(limit_bytes) + " bytes");
    if (!ran) return pass_on(ran.error());
    curl_easy_getinfo(impl_->easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

Result<> EngineClient::stream(const std::string& path, const OnBytes& on_bytes,
                              const OnTick& on_tick) {
    impl_->prepare(path, on_bytes, 0);
    return impl_->run(on_tick);
}

bool EngineClient::answering() const {
    long status = 0;
    curl_easy_getinfo(impl_->easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return status != 0;
}

}  // namespace portlid::identity
