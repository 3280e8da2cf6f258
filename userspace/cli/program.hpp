// SPDX-License-Identifier: Apache-2.0
// The command line as a whole: arguments in, exit code out. The one place that turns an Error into
// text on stderr. (CLI11 stays behind context.hpp: it takes long to compile.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/backend.hpp"
#include "cli/console.hpp"

namespace CLI {
class App;
}

namespace portlid::cli {

struct Context;

// The tree of every verb with its flags; completion and --help are made from it.
[[nodiscard]] std::unique_ptr<CLI::App> make_tree(Context& context);

// `arguments` without the program's name.
[[nodiscard]] ExitCode run_program(const std::vector<std::string>& arguments, Backend& backend,
                                   Console& console);

}  // namespace portlid::cli
