// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>

#include "sink/sink.hpp"
#include "sink/spec.hpp"
#include "sink/stream_sink.hpp"

namespace portlid::sink {

Result<std::unique_ptr<Sink>> open_sink(const std::string& spec) {
    auto parsed = parse_spec(spec);
    if (!parsed) return pass_on(std::move(parsed).error());
    if (parsed->kind == SinkKind::File) return make_file_sink(parsed->path);
    UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!out.valid()) return fail_errno("cannot write to stdout", errno, "is it closed?");
    return make_descriptor_sink(std::move(out), parsed->name);
}

Result<> check_sink(const std::string& spec) {
    auto parsed = parse_spec(spec);
    if (!parsed) return pass_on(std::move(parsed).error());
    return {};
}

}  // namespace portlid::sink
