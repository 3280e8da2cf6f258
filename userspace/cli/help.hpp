// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace portlid::cli {

// --help as people write it: "portlid explain SRC [to] DST", without CLI11's own marks.
class HelpFormatter final : public CLI::Formatter {
public:
    HelpFormatter();
    std::string make_option_opts(const CLI::Option* option) const override;
    std::string make_option_usage(const CLI::Option* option) const override;
};

}  // namespace portlid::cli
