// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "sink/background.hpp"
#include "sink/courier.hpp"
#include "sink/sink.hpp"
#include "sink/spec.hpp"
#include "sink/stream_sink.hpp"

namespace portlid::sink {

namespace {

constexpr std::size_t kMostSinks = 16;  // each has a thread
constexpr const char* kLosses = "queue.losses";
constexpr std::uint64_t kSlack = 64ULL << 20U;

Result<std::unique_ptr<Sink>> open_local(const SinkSpec& spec) {
    if (spec.kind == SinkKind::File) return make_file_sink(spec.path, kQueueBytes, spec.rotate);
    UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!out.valid()) return fail_errno("cannot write to stdout", errno, "is it closed?");
    return make_descriptor_sink(std::move(out), spec.name);
}

// A disk that has no room for the page costs the count across restarts, not the sink; one whose
// numbers go on across restarts needs it.
Result<Account> open_account(const SinkSpec& spec, const std::filesystem::path& directory,
                             FanOut& fan_out) {
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, ignored);
    auto account = Account::open((directory / (file_stem(spec) + ".queue")).string(),
                                 fan_out.emitted(), !spec.filtered(), fan_out.keeper());
    if (account || spec.filtered()) return account;
    return Account();
}

Result<std::unique_ptr<Sink>> open_background(const SinkSpec& spec,
                                              const std::filesystem::path& directory,
                                              FanOut& fan_out) {
    auto inner = open_local(spec);
    if (!inner) return pass_on(std::move(inner).error());
    auto account = open_account(spec, directory, fan_out);
    if (!account) return pass_on(std::move(account).error());
    return make_background(spec, std::move(*inner), std::move(*account));
}

// One spool for all; as large as the largest sink's share needs, and a little for what is sent and
// not yet safe. Segments are small enough that a cap is kept to an eighth.
Result<std::unique_ptr<Spooler>> open_spooler(const std::vector<SinkSpec>& specs,
                                              const std::filesystem::path& directory,
                                              std::uint64_t last_seq, PageKeeper& keeper) {
    std::uint64_t most = 0;
    std::uint64_t least = ~0ULL;
    for (const auto& spec : specs)
        if (spec.spooled()) {
            most = std::max(most, spec.spool.bytes);
            least = std::min(least, spec.spool.bytes);
        }
    const auto segment = std::clamp<std::uint64_t>(least / 8, 64U << 10U, 8U << 20U);
    auto spool = Spool::open(directory, segment);
    if (!spool) return pass_on(std::move(spool).error());
    auto losses = open_losses(directory / kLosses, **spool, last_seq, keeper);
    if (!losses) return pass_on(std::move(losses).error());
    return std::make_unique<Spooler>(std::move(*spool), most + most / 4 + kSlack, last_seq,
                                     kSpoolQueueBytes, std::move(*losses));
}

// `spooler`: there is one where a sink is spooled.
Result<std::unique_ptr<Sink>> open_sink(const SinkSpec& spec, Spooler* spooler,
                                        const std::filesystem::path& directory, FanOut& fan_out) {
    if (!spec.spooled()) return open_background(spec, directory, fan_out);
    auto courier = Courier::start(spec, *spooler, fan_out.keeper());
    if (!courier) return pass_on(std::move(courier).error());
    return std::move(*courier);
}

}  // namespace

Result<> add_sinks(FanOut& fan_out, const std::vector<SinkSpec>& specs,
                   const std::filesystem::path& directory, const PassOver& pass_over) {
    if (specs.size() > kMostSinks)
        return fail("there are more than 16 sinks", "let a collector fan out", ExitCode::Usage);
    Spooler* spooler = nullptr;
    if (std::none_of(specs.begin(), specs.end(), [](const auto& spec) { return spec.spooled(); })) {
        // Nobody wants a spool: what happens meanwhile is not missing in it later.
        fan_out.keeper().remove(directory / kLosses);
    } else {
        auto opened = open_spooler(specs, directory, fan_out.emitted(), fan_out.keeper());
        if (!opened) return pass_on(std::move(opened).error());
        spooler = opened->get();
        fan_out.set_spool(std::move(*opened));
    }
    for (const auto& spec : specs) {
        auto sink = open_sink(spec, spooler, directory, fan_out);
        if (sink)
            fan_out.add(std::move(*sink));
        else if (pass_over)
            pass_over(spec, sink.error());
        else
            return pass_on(std::move(sink).error(), spec.name);
    }
    return {};
}

}  // namespace portlid::sink
