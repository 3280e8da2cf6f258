// SPDX-License-Identifier: Apache-2.0
// A file behind the spool: what a full disk elsewhere refuses now waits in the state directory.
#include "sink/stream_sink.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

class File final : public Transport {
public:
    explicit File(const SinkSpec& spec) : spec_(spec) {}

    Result<> connect(const Step& step) override {
        if (file_) return {};
        auto opened = make_file_sink(spec_.path, kQueueBytes, spec_.rotate);
        if (!opened) return pass_on(opened.error());
        file_ = std::move(*opened);
        step("open", spec_.path);
        return {};
    }

    // Every line is in the kernel or was never begun: a fault takes back what waits.
    Sent send(std::span<const Outgoing> batch) override {
        Sent sent;
        for (const auto& record : batch) {
            Record line;
            line.line = std::make_shared<const std::string>(record.text);
            if (file_->state().lag == 0) file_->write(line);
            file_->pump();
            const auto state = file_->state();
            if (state.lag != 0) {
                sent.fault =
                    Error{spec_.target + ": " + state.why, "free some space", ExitCode::Failed, 0};
                return sent;
            }
            ++sent.taken;
        }
        return sent;
    }

    // After a fault the line half written is finished first.
    void close() override {}
    void reload() override {
        if (file_) file_->reopen();
    }

private:
    const SinkSpec spec_;
    std::unique_ptr<Sink> file_;
};

}  // namespace

std::unique_ptr<Transport> make_file(const SinkSpec& spec) {
    return std::make_unique<File>(spec);
}

}  // namespace portlid::sink
