// SPDX-License-Identifier: Apache-2.0
#include "cli/document.hpp"

namespace portlid::cli {

Result<Json> get_document(Context& context, const std::string& path) {
    const auto body = context.backend.get(context.flags.socket, path);
    if (!body) return pass_on(body.error());
    return parse_document(*body);
}

void print_document(Context& context, const Json& document) {
    context.console.out(document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<ExitCode> show_document(Context& context, const std::string& path, const Describe& describe,
                               std::initializer_list<OutputFormat> others) {
    std::vector<OutputFormat> forms{OutputFormat::Table, OutputFormat::Json,
                                    OutputFormat::JsonLines};
    forms.insert(forms.end(), others.begin(), others.end());
    const auto format = context.format(forms);
    if (!format) return pass_on(format.error());
    const auto document = get_document(context, path);
    if (!document) return pass_on(document.error());
    if (*format == OutputFormat::Json || *format == OutputFormat::JsonLines)
        print_document(context, *document);
    else
        context.console.out(describe(*document, *format));
    return context.done();
}

}  // namespace portlid::cli
