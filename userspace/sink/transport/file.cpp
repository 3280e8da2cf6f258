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

    Sent send(std::span<const Outgoing> batch) override {
        Sent sent;
        for (const auto& record : batch) {
            if (!put(record.text)) {
                const auto why = file_->state().why;
                sent.fault = Error{spec_.target + ": " + (why.empty() ? "nobody reads it" : why),
                                   "free some space, or start what reads it", ExitCode::Failed, 0};
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
    // Whether the whole line is in the kernel. One that a fault left half written is finished
    // before any other, also when the spool has given it up meanwhile.
    bool put(const std::string& text) {
        const bool begun = begun_ == text;
        if (!finished()) return false;
        if (!begun) {
            Record line;
            line.line = std::make_shared<const std::string>(text);
            begun_ = text;
            file_->write(line);
            if (!finished()) return false;
        }
        begun_.clear();
        return true;
    }

    bool finished() {
        if (file_->state().lag != 0) file_->pump();
        return file_->state().lag == 0;
    }

    const SinkSpec spec_;
    std::unique_ptr<Sink> file_;
    std::string begun_;
};

}  // namespace

std::unique_ptr<Transport> make_file(const SinkSpec& spec) {
    return std::make_unique<File>(spec);
}

}  // namespace portlid::sink
