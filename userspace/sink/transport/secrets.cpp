// SPDX-License-Identifier: Apache-2.0
// Keys and tokens: from files that only their owner reads, or from systemd's credentials.
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

std::string path_of(const std::string& name) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (name.empty() || name.front() == '/' || directory == nullptr) return name;
    return std::string(directory) + "/" + name;
}

// Secret files that anybody may read are no secrets.
Result<> check_mode(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0)
        return fail_errno("cannot read " + printable(path), errno, "check the sink's files",
                          ExitCode::Failed);
    if ((facts.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0)
        return fail("others may read or change the secret " + printable(path),
                    "chmod 600 " + printable(path), ExitCode::NoPermission);
    return {};
}

Result<> check_readable(const std::string& path) {
    if (path.empty()) return {};
    if (auto read = read_file(path, 1U << 20U); !read) return pass_on(read.error());
    return {};
}

}  // namespace

Result<std::string> read_secret(const std::string& name) {
    const auto path = path_of(name);
    if (auto safe = check_mode(path); !safe) return pass_on(safe.error());
    auto text = read_file(path, 64U << 10U);
    while (text && !text->empty() && (text->back() == '\n' || text->back() == '\r'))
        text->pop_back();
    if (text && text->find_first_of("\r\n") != std::string::npos)
        return fail("the secret " + printable(path) + " has more than one line");
    return text;
}

Result<> set_tls(CURL* handle, const SinkSpec& spec) {
    ::curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    ::curl_easy_setopt(handle, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    for (const auto* file : {&spec.ca, &spec.cert})
        if (auto readable = check_readable(*file); !readable) return readable;
    // The named CA alone: one that anybody can buy from must not do for a SIEM of one's own.
    if (!spec.ca.empty()) {
        ::curl_easy_setopt(handle, CURLOPT_CAINFO, spec.ca.c_str());
        ::curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    }
    if (spec.cert.empty()) return {};
    const auto key = path_of(spec.key);
    if (auto safe = check_mode(key); !safe) return safe;
    ::curl_easy_setopt(handle, CURLOPT_SSLCERT, spec.cert.c_str());
    ::curl_easy_setopt(handle, CURLOPT_SSLKEY, key.c_str());
    return {};
}

Error curl_error(const SinkSpec& spec, CURLcode code, const char* detail) {
    std::string what = detail != nullptr && *detail != '\0' ? detail : ::curl_easy_strerror(code);
    std::string hint = "portlid export test " + printable(spec.name);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        hint = "check the server's certificate, and `ca` of the sink";
    if (code == CURLE_SSL_CERTPROBLEM) hint = "check `cert` and `key` of the sink";
    return Error{printable(spec.target, 256) + ": " + printable(what), hint, ExitCode::Failed, 0};
}

}  // namespace portlid::sink
