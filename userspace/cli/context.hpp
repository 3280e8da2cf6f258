// SPDX-License-Identifier: Apache-2.0
// What every verb shares: the flags they have in common, where they write, and how a verb says
// which words it takes. CLI11 stays behind this header: only the files that need the tree itself
// pay for compiling it.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "cli/backend.hpp"
#include "cli/console.hpp"
#include "cli/table.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace portlid::cli {

using app::OutputFormat;
inline constexpr const char* kDefaultSocket = "/run/portlid/portlid.sock";
inline constexpr const char* kFormats = "table|wide|json|jsonl|csv";

// -o, --color, --socket: before or after the verb.
struct CommonFlags {
    std::string output = "table";
    std::string color = "auto";
    std::string socket;
};

using Action = std::function<Result<ExitCode>()>;

struct Context {
    Backend& backend;
    Console& console;
    CommonFlags flags;
    Action action;  // of the verb that was given

    [[nodiscard]] bool color() const;
    // The format, or a refusal with exit code 2 when this verb has no such form.
    [[nodiscard]] Result<OutputFormat> format(std::initializer_list<OutputFormat> allowed) const;
    // Ends a verb that printed data: what went wrong with stdout, else `code`.
    [[nodiscard]] Result<ExitCode> done(ExitCode code = ExitCode::Ok) const;
};

struct VerbText {
    const char* name;
    const char* group;
    const char* summary;
    const char* examples;  // shown under --help
};

// One option after it was added; the setters refine it.
class Option {
public:
    explicit Option(CLI::Option* option) : option_(option) {}
    Option& required();
    Option& expected(int least, int most);
    Option& show_default();
    Option& needs(const Option& other);
    Option& excludes(const Option& other);
    Option& on_value(std::function<void()> heard);

private:
    CLI::Option* option_;
};

// A verb being described. Variables that options write to must outlive the tree.
class Verb {
public:
    Verb(CLI::App& app, Context& context) : app_(&app), context_(&context) {}

    // A verb below this one, with the common flags.
    Verb verb(const VerbText& text);
    Option flag(const std::string& name, bool& value, const std::string& help);
    // `type` is what --help shows for the value: FILE and DIR complete as paths.
    Option value(const std::string& name, std::string& value, const std::string& type,
                 const std::string& help);
    Option value(const std::string& name, std::filesystem::path& value, const std::string& type,
                 const std::string& help);
    // May be given again and again.
    Option values(const std::string& name, std::vector<std::string>& values,
                  const std::string& type, const std::string& help);
    // One of "a|b|c"; another word is refused with a suggestion.
    Option choice(const std::string& name, std::string& value, const std::string& words,
                  const std::string& help);
    // 30s, 10m, 24h, 7d.
    Option duration(const std::string& name, std::string& value, const std::string& help);
    // A whole number from 1.
    Option count(const std::string& name, std::uint64_t& value, const std::string& help);
    // Words without a flag; `name` is how --help shows them.
    Option words(const std::string& name, std::vector<std::string>& values,
                 const std::string& help);
    Option word(const std::string& name, std::string& value, const std::string& help);
    void add_common();
    void on_run(Action action);

private:
    CLI::App* app_;
    Context* context_;
};

// One for each verb that is built, in the order of --help.
void add_run(Verb& root, Context& context);
void add_status(Verb& root, Context& context);
void add_ports(Verb& root, Context& context);
void add_events(Verb& root, Context& context);
void add_explain(Verb& root, Context& context);
void add_doctor(Verb& root, Context& context);
void add_policy(Verb& root, Context& context);
void add_detach(Verb& root, Context& context);
void add_version(Verb& root, Context& context);
void add_completion(Verb& root, Context& context, const CLI::App& tree);
// The verbs of the contract that say that they are not built yet.
void add_later(Verb& root);
void add_later_policy(Verb& policy);

[[nodiscard]] Result<ExitCode> show_version(Context& context);

}  // namespace portlid::cli
