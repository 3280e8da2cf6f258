// SPDX-License-Identifier: Apache-2.0
// Refusals of what is too many: files that would be too long for policy/invalid are written here.
#include <fmt/format.h>

#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kWholeHead = "version: 1\nzones: { public: { interfaces: [uplink] } }\n";

std::string repeated(unsigned count, const std::function<std::string(unsigned)>& one) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) text += one(i);
    return text;
}

bool refuses(const LoadOutcome& outcome, const std::string& message) {
    return std::any_of(
        outcome.diagnostics.begin(), outcome.diagnostics.end(),
        [&](const auto& found) { return !found.warning && found.message == message; });
}

TEST(TooMany, ServicesFailsafeRulesAndTests) {
    const auto services = [](unsigned count) {
        return load(kWholeHead + std::string("services:\n") + repeated(count, [](unsigned i) {
                        return fmt::format("  - {{ name: s{}, ports: [{}/tcp] }}\n", i, i + 1);
                    }));
    };
    EXPECT_TRUE(services(2048).ok());
    EXPECT_TRUE(refuses(services(2049), "more than 2048 services"));
    const auto failsafe = [](unsigned count) {
        return load(kWholeHead + std::string("failsafe:\n") + repeated(count, [](unsigned i) {
                        return fmt::format("  - {{ ports: [{}/tcp], from: [192.0.2.1] }}\n", i + 1);
                    }));
    };
    EXPECT_TRUE(failsafe(256).ok());
    EXPECT_TRUE(refuses(failsafe(257), "more than 256 failsafe rules"));
    const auto tests = [](unsigned count) {
        return load(kWholeHead + std::string("tests:\n") + repeated(count, [](unsigned) {
                        return std::string("  - { from: 192.0.2.1, to: 1/tcp, expect: drop }\n");
                    }));
    };
    EXPECT_TRUE(tests(10'000).ok());
    EXPECT_TRUE(refuses(tests(10'001), "more than 10000 tests"));
}

TEST(TooMany, AddressesOfAService) {
    const auto addresses = [](unsigned count) {
        return load(kWholeHead +
                    std::string("services:\n  - name: s\n    ports: [1/tcp]\n"
                                "    addresses: [") +
                    repeated(count,
                             [](unsigned i) {
                                 return fmt::format("{}10.{}.{}.1", i == 0 ? "" : ", ", i / 250,
                                                    i % 250);
                             }) +
                    "]\n");
    };
    EXPECT_TRUE(addresses(DESTINATION_SLOTS).ok());
    EXPECT_TRUE(refuses(addresses(DESTINATION_SLOTS + 1),
                        fmt::format("more than {} addresses", DESTINATION_SLOTS)));
}

TEST(TooMany, FilesOfOnePolicy) {
    const TemporaryDirectory directory;
    for (unsigned i = 0; i < 256; ++i)
        directory.write(fmt::format("d/{:03}.yaml", i),
                        fmt::format("services: [ {{ name: s{}, ports: [{}/tcp] }} ]\n", i, i + 1));
    const auto main = directory.write("p.yaml", kWholeHead + std::string("include: d/*.yaml\n"));
    EXPECT_TRUE(refuses(load_file(main), "more than 256 files"));
    std::filesystem::remove(directory.path() / "d/000.yaml");
    EXPECT_TRUE(load_file(main).ok());
}

TEST(TooMany, BadLinesOfASetFile) {
    const TemporaryDirectory directory;
    directory.write("bad.netset",
                    repeated(1000, [](unsigned) { return std::string("nonsense\n"); }));
    const auto main = directory.write(
        "p.yaml", kWholeHead + std::string("sets: { bad: { file: bad.netset } }\n"));
    EXPECT_TRUE(refuses(load_file(main), "too many bad lines; the rest of the file was not read"));
}

TEST(TooMany, BytesOfASetFile) {
    const TemporaryDirectory directory;
    const auto file = directory.write("big.netset", "192.0.2.1\n");
    std::filesystem::resize_file(file, (64ULL << 20U) + 1);  // a hole: no disk is used
    const auto main = directory.write(
        "p.yaml", kWholeHead + std::string("sets: { big: { file: big.netset } }\n"));
    EXPECT_TRUE(refuses(load_file(main), "set file `big.netset`: the file is larger than 64 MiB"));
}

TEST(TooMany, ServicesWithAModeOfTheirOwn) {
    const auto modes = [](unsigned count) {
        return compile(policy_of("zones: { public: { interfaces: [uplink] } }\nservices:\n" +
                                 repeated(count, [](unsigned i) {
                                     return fmt::format(
                                         "  - {{ name: s{}, ports: [{}/tcp], mode: enforce }}\n", i,
                                         i + 1);
                                 })));
    };
    EXPECT_TRUE(modes(MAX_MODE_EXCEPTIONS));
    const auto refused = modes(MAX_MODE_EXCEPTIONS + 1);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("services have another mode than their zone"),
              std::string::npos);
}

}  // namespace
}  // namespace portlid::policy::test
