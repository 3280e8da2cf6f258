// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "policy/document.hpp"
#include "policy/import/importers.hpp"
#include "policy/source_file.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxImportBytes = std::size_t{4} << 20;

}  // namespace

Result<std::string> read_import(const std::filesystem::path& path) {
    const auto shown = printable(path.string(), 256);
    const auto source = path == "-" ? std::filesystem::path("/dev/stdin") : path;
    auto text = read_source(source, kMaxImportBytes, false);
    if (!text) {
        auto error = text.error();
        error.code = ExitCode::Failed;
        return pass_on(error, shown);
    }
    Report report;
    if (check_text(*text, shown, report)) return text;
    const auto problem = report.take().front();
    return fail(to_string(problem), "is it the right file?", ExitCode::Failed);
}

std::vector<PortRange> every_port() {
    return {{PortProtocol::Tcp, 1, 65535}, {PortProtocol::Udp, 1, 65535}};
}

}  // namespace portlid::policy
