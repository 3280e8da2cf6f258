// SPDX-License-Identifier: Apache-2.0
// `portlid import KIND [FILE]` and `portlid policy export KIND FILE`.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cli/policy_verbs.hpp"
#include "policy/check.hpp"
#include "policy/import/export.hpp"
#include "policy/import/importers.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kKinds = "ufw|firewalld|aws-sg|compose";
constexpr const char* kImportExamples =
    "  portlid import ufw > my.yaml                       reads /etc/ufw\n"
    "  portlid import ufw /mnt/old/etc/ufw > my.yaml\n"
    "  portlid import firewalld /etc/firewalld > my.yaml  or one zone's XML\n"
    "  portlid import aws-sg sg.json > my.yaml            aws ec2 describe-security-groups\n"
    "  portlid import compose compose.yaml > my.yaml      published ports, with their owners\n"
    "\n"
    "The policy goes to stdout, in monitor mode, each line with where it came from. What cannot\n"
    "be said in a policy stays closed and is listed on stderr and at the end of the policy; a "
    "rule\n"
    "that only closes something and cannot be said is listed there as not closed.";
constexpr const char* kExportExamples =
    "  portlid policy export ufw my.yaml          ufw commands\n"
    "  portlid policy export aws-sg my.yaml       IpPermissions for the aws command line\n"
    "\n"
    "Sources, ports and protocols of the first zone; what the target cannot say is left out and\n"
    "listed on stderr: it opens less, never more.";

struct ImportFlags {
    std::string kind;
    std::string file;
};

struct Importer {
    std::string_view kind;
    const char* usual;  // the file when none is given; "" = there is none
    Result<policy::Draft> (*read)(const std::filesystem::path&);
};
constexpr std::array<Importer, 4> kImporters{{
    {"ufw", "/etc/ufw", policy::import_ufw},
    {"firewalld", "/etc/firewalld", policy::import_firewalld},
    {"aws-sg", "-", policy::import_aws_sg},
    {"compose", "compose.yaml", policy::import_compose},
}};

std::string summary(const std::vector<policy::Unmapped>& unmapped, const char* what) {
    if (unmapped.empty()) return "";
    return fmt::format("portlid: {} {}:\n{}", unmapped.size(), what,
                       policy::unmapped_text(unmapped));
}

Result<ExitCode> import(Context& context, const ImportFlags& flags) {
    if (const auto format = context.format({OutputFormat::Table}); !format)
        return pass_on(format.error());
    const auto* const importer =
        std::find_if(kImporters.begin(), kImporters.end(),
                     [&](const Importer& one) { return one.kind == flags.kind; });
    const auto file = flags.file.empty() ? std::string(importer->usual) : flags.file;
    const auto draft = importer->read(file);
    if (!draft) return pass_on(draft.error(), "import " + flags.kind);
    const auto imported = policy::render(*draft);
    if (!imported) return pass_on(imported.error(), "import " + flags.kind);
    context.console.out(imported->yaml);
    auto closed = imported->unmapped;
    const auto open = std::stable_partition(
        closed.begin(), closed.end(), [](const policy::Unmapped& one) { return !one.stays_open; });
    const std::vector<policy::Unmapped> not_closed(open, closed.end());
    closed.erase(open, closed.end());
    context.console.message(summary(closed, "not imported, and therefore closed"));
    context.console.message(summary(not_closed, "not imported, and NOT closed by this policy"));
    context.console.message("portlid: next: portlid policy check, then portlid policy test\n");
    return context.done();
}

Result<ExitCode> export_policy(Context& context, const ImportFlags& flags) {
    if (const auto format = context.format({OutputFormat::Table, OutputFormat::Json}); !format)
        return pass_on(format.error());
    const auto loaded = policy::check_file(flags.file);
    if (!loaded.ok()) {
        context.console.message(policy::check_text(loaded));
        return tl::unexpected<Error>(invalid_policy(flags.file));
    }
    const auto exported = flags.kind == "ufw" ? policy::export_ufw(loaded.policy)
                                              : policy::export_aws_sg(loaded.policy);
    context.console.out(exported.text);
    context.console.message(summary(exported.unmapped, "not exported"));
    return context.done();
}

void add(CLI::App& verb, Context& context, const char* kinds, bool needs_file,
         Result<ExitCode> (*action)(Context&, const ImportFlags&)) {
    const auto flags = std::make_shared<ImportFlags>();
    add_choice(verb, "KIND", flags->kind, kinds, "Of what")->required();
    auto* file = verb.add_option("FILE", flags->file,
                                 needs_file ? "The policy" : "What to read (see the examples)");
    if (needs_file) file->required();
    verb.callback([flags, action, &context] {
        context.action = [flags, action, &context] { return action(context, *flags); };
    });
}

}  // namespace

void add_import(CLI::App& root, Context& context) {
    auto& verb = add_verb(
        root, context,
        {"import", "Policy", "A policy from ufw, firewalld, aws-sg or compose", kImportExamples});
    add(verb, context, kKinds, false, &import);
}

void add_policy_export(CLI::App& parent, Context& context) {
    auto& verb = add_verb(
        parent, context,
        {"export", "Subcommands", "The policy as ufw commands or AWS rules", kExportExamples});
    add(verb, context, "ufw|aws-sg", true, &export_policy);
}

}  // namespace portlid::cli
