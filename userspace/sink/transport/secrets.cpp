// SPDX-License-Identifier: Apache-2.0
// Keys and tokens: from files that only their owner reads, or from systemd's credentials.
#include "sink/transport/secrets.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

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

// `ca` or `cert`: anybody may read them, and they must be readable now.
Result<std::string> public_file(const std::string& name) {
    auto path = secret_path(name);
    if (!path) return path;
    if (auto read = read_file(*path, 1U << 20U); !read) return pass_on(read.error());
    return path;
}

// The named CA alone: one that anybody can buy from must not do for a SIEM of one's own.
Result<> set_ca(CURL* handle, const std::string& name) {
    if (name.empty()) return {};
    const auto path = public_file(name);
    if (!path) return pass_on(path.error());
    ::curl_easy_setopt(handle, CURLOPT_CAINFO, path->c_str());
    ::curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    return {};
}

Result<> set_certificate(CURL* handle, const SinkSpec& spec) {
    if (spec.cert.empty()) return {};
    const auto cert = public_file(spec.cert);
    if (!cert) return pass_on(cert.error());
    const auto key = secret_path(spec.key);
    if (!key) return pass_on(key.error());
    if (auto safe = check_mode(*key); !safe) return safe;
    ::curl_easy_setopt(handle, CURLOPT_SSLCERT, cert->c_str());
    ::curl_easy_setopt(handle, CURLOPT_SSLKEY, key->c_str());
    return {};
}

}  // namespace

Result<std::string> secret_path(const std::string& name, const std::string& of_service) {
    if (!name.empty() && name.front() == '/') return name;
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    const bool word = !name.empty() && name.find('/') == std::string::npos && name != "..";
    if (directory != nullptr && word) return std::string(directory) + "/" + name;
    auto given = of_service + "/" + name;
    if (word && ::access(given.c_str(), F_OK) == 0) return given;
    return fail("`ca`, `cert`, `key` or `token` of the sink is no absolute path and no credential",
                "write a path, or LoadCredential= in the unit: the service sees it, and root while "
                "the service runs");
}

bool is_secret_file(const std::string& name) {
    if (!name.empty() && name.front() == '/') return true;
    const auto path = secret_path(name);
    return path && ::access(path->c_str(), F_OK) == 0;
}

Result<std::string> read_secret(const std::string& name) {
    const auto named = secret_path(name);
    if (!named) return named;
    const auto& path = *named;
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
    if (auto set = set_ca(handle, spec.ca); !set) return set;
    return set_certificate(handle, spec);
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
