// SPDX-License-Identifier: Apache-2.0
// The other ways to drop the same packets: rules as their own documentation writes them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace portlid::bench {

struct Rival {
    std::string id;
    std::string sentence;
    std::string command;      // shell; runs in the namespace of the pair `up<number>`
    bool restricted = false;  // its packets go to the port that only the listed sources may use
};

// `set_file` has the elements of the 10k set, comma separated; `work` is a directory for files.
[[nodiscard]] std::vector<Rival> netfilter_rivals(unsigned first_number,
                                                  const std::filesystem::path& set_file,
                                                  const std::filesystem::path& work);

}  // namespace portlid::bench
