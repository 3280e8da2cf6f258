// SPDX-License-Identifier: Apache-2.0
#include "sink/transport/secrets.hpp"

#include <cstdlib>

#include "sink/transport/transports.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

// systemd's LoadCredential=, for as long as it lives.
class Credentials {
public:
    Credentials() { ::setenv("CREDENTIALS_DIRECTORY", directory_.file("").c_str(), 1); }
    ~Credentials() { ::unsetenv("CREDENTIALS_DIRECTORY"); }
    Credentials(const Credentials&) = delete;
    Credentials& operator=(const Credentials&) = delete;
    void add(const std::string& name) const {
        const auto path = directory_.file(name);
        std::ofstream(path) << "text\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    }

private:
    TemporaryDirectory directory_;
};

bool set_up(const SinkSpec& spec) {
    const std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle(::curl_easy_init(),
                                                                       &::curl_easy_cleanup);
    return set_tls(handle.get(), spec).has_value();
}

TEST(Secrets, CertificatesMayBeCredentialsAsKeysAndTokensMay) {
    SinkSpec spec{.kind = SinkKind::Https, .ca = "ca.pem", .cert = "me.pem", .key = "me.key"};
    EXPECT_FALSE(set_up(spec));
    const Credentials credentials;
    for (const auto* name : {"ca.pem", "me.pem", "me.key", "token"}) credentials.add(name);
    EXPECT_TRUE(set_up(spec));
    EXPECT_EQ(*read_secret("token"), "text");
    EXPECT_TRUE(is_secret_file("token"));
    spec.ca = "other.pem";
    EXPECT_FALSE(set_up(spec));
}

TEST(Secrets, AreNeitherRelativePathsNorRepeated) {
    const auto refused = secret_path("hunter2");
    ASSERT_FALSE(refused);
    EXPECT_EQ((refused.error().message + refused.error().hint).find("hunter2"), std::string::npos);
    EXPECT_EQ(*secret_path("/etc/token"), "/etc/token");
    const Credentials credentials;
    EXPECT_FALSE(is_secret_file("hunter2"));
    for (const auto* name : {"", "..", "../etc/shadow", "a/b"}) EXPECT_FALSE(secret_path(name));
}

TEST(Secrets, OfTheRunningServiceAreSeenFromAShell) {
    const TemporaryDirectory service;
    std::ofstream(service.file("token")) << "text\n";
    const auto directory = std::filesystem::path(service.file("token")).parent_path().string();
    EXPECT_EQ(*secret_path("token", directory), service.file("token"));
    EXPECT_FALSE(secret_path("other", directory));
    EXPECT_FALSE(secret_path("../token", directory));
}

TEST(ShownHost, IsHiddenWhereTheSinkRedactsIt) {
    SinkSpec spec;
    EXPECT_NE(shown_host(spec), "-");
    spec.redact = {"host.*"};
    EXPECT_EQ(shown_host(spec), "-");
}

}  // namespace
}  // namespace portlid::sink
