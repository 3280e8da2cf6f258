// SPDX-License-Identifier: Apache-2.0
#include "app/history_pages.hpp"

#include "app/answer_text.hpp"
#include "base/text.hpp"

namespace portlid::app {

namespace {

using control::Request;
using control::Response;

constexpr std::size_t kMostJobs = 8;
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kWriterPatience{3000};

Response refused(const Request& request, const char* key, const char* hint) {
    return control::error_response(
        400,
        Error{std::string(key) + ": `" + printable(request.asked(key), 64) + "` is not understood",
              hint, ExitCode::Usage, 0});
}

std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> list;
    if (text.empty()) return list;
    for (const auto word : split(text, ',')) list.emplace_back(word);
    return list;
}

}  // namespace

HistoryPages::~HistoryPages() {
    for (auto& [run, job] : jobs_)
        if (job->worker.joinable()) job->worker.join();
}

void HistoryPages::reap() {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(jobs_, [&](auto& entry) {
        auto& job = *entry.second;
        if (!job.done || now - job.began < kPatience) return false;
        if (job.worker.joinable()) job.worker.join();
        return true;
    });
}

Response HistoryPages::collect(std::uint64_t run) {
    const auto found = jobs_.find(run);
    if (found == jobs_.end())
        return control::error_response(
            404, Error{"there is no such page any more", "ask again", ExitCode::Failed, 0});
    auto& job = *found->second;
    if (!job.done) return {202, "{\"run\":" + std::to_string(run) + "}\n"};
    if (job.worker.joinable()) job.worker.join();
    const auto page = std::move(job.page);
    jobs_.erase(found);
    if (!page) return control::error_response(500, page.error());
    const nlohmann::json head = {
        {"next", page->next.empty() ? nlohmann::json(nullptr) : nlohmann::json(page->next)}};
    std::string body = head.dump(-1, ' ', true) + "\n";
    for (const auto& line : page->lines) body.append(line).append("\n");
    return {200, std::move(body)};
}

Response HistoryPages::start(const Request& request) {
    const auto what = request.asked("what");
    const auto since_ns = number_in<std::int64_t>(request.asked("since_ns"));
    const auto word = request.asked("severity");
    const auto severity = word.empty() ? 0 : number_in<int>(word);
    if (what != "events" && what != "flows") return refused(request, "what", "events or flows");
    if (!since_ns) return refused(request, "since_ns", "nanoseconds since 1970");
    if (!severity) return refused(request, "severity", "0 to 4");
    if (jobs_.size() >= kMostJobs)
        return control::error_response(
            503, Error{"too many read the history at once", "try again in a few seconds",
                       ExitCode::Failed, 0});
    const auto after = request.asked("after");
    if (after.empty()) {
        ledger_.pump();
        ledger_.note_uses();
    }
    const history::EventQuery events{WallTime(std::chrono::nanoseconds(*since_ns)), after,
                                     words(request.asked("kind")), words(request.asked("verdict")),
                                     *severity};
    auto job = std::make_shared<Job>();
    job->worker = std::thread(
        [job_ptr = job.get(), &history = ledger_.history(), events, flows = what == "flows"] {
            if (events.after.empty()) (void)history.wait_written(kWriterPatience);
            job_ptr->page = flows ? history::read_flows(history.file(), events.since, events.after)
                                  : history::read_events(history.file(), events);
            job_ptr->done = true;
        });
    jobs_[++runs_] = std::move(job);
    return {202, "{\"run\":" + std::to_string(runs_) + "}\n"};
}

Response HistoryPages::answer(const Request& request) {
    const auto wanted = request.asked("run");
    if (wanted.empty()) return start(request);
    const auto run = number_in<std::uint64_t>(wanted);
    return run ? collect(*run) : refused(request, "run", "the number of an answer 202");
}

}  // namespace portlid::app
