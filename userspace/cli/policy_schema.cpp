// SPDX-License-Identifier: Apache-2.0
// `portlid policy schema`: the JSON Schema that editors and CI use.
#include "cli/policy_verbs.hpp"
#include "policy/schema.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPolicySchemaExamples =
    "  portlid policy schema > policy.schema.json\n"
    "  # first line of a policy, for editors that speak to yaml-language-server:\n"
    "  # yaml-language-server: $schema=policy.schema.json\n"
    "\n"
    "What a schema cannot say (missing sets, overlapping ports, a policy without a way in) is\n"
    "what portlid policy check is for.";

}  // namespace

void add_policy_schema(CLI::App& parent, Context& context) {
    auto& verb =
        add_verb(parent, context,
                 {"schema", "Subcommands", "Print the policy's JSON Schema (draft 2020-12)",
                  kPolicySchemaExamples});
    verb.callback([&context] {
        context.action = [&context]() -> Result<ExitCode> {
            if (const auto format = context.format({OutputFormat::Table, OutputFormat::Json});
                !format)
                return pass_on(format.error());
            context.console.out(policy::schema_json());
            return context.done();
        };
    });
}

}  // namespace portlid::cli
