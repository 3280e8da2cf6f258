// SPDX-License-Identifier: Apache-2.0
#include "sink/dead_letters.hpp"

#include "sink/encode/encoder.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

std::size_t letters(const std::string& path) {
    const auto text = content(path);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(DeadLetters, KeepTwoFilesAndCountWhatGoesWithTheOldest) {
    const TemporaryDirectory directory;
    const auto path = directory.file("dead.jsonl");
    const DeadLetters dead(path, 500);
    constexpr std::size_t kLetters = 60;
    std::uint64_t lost = 0;
    for (std::size_t i = 0; i < kLetters; ++i) lost += dead.add("siem", "why", "record");
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(lost + letters(path) + letters(path + ".1"), kLetters);
}

TEST(DeadLetters, CountTheOneThatCannotBeKept) {
    const TemporaryDirectory directory;
    EXPECT_EQ(DeadLetters(directory.file("none/dead.jsonl")).add("siem", "why", "record"), 1U);
    std::filesystem::create_symlink("/dev/full", directory.file("link"));
    EXPECT_EQ(DeadLetters(directory.file("link")).add("siem", "why", "record"), 1U);
}

}  // namespace
}  // namespace portlid::sink
