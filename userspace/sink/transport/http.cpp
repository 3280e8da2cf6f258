// SPDX-License-Identifier: Apache-2.0
// One HTTPS sink, three ways to say it: NDJSON to any webhook, Elasticsearch's _bulk, Splunk's HEC.
// Batches are gzipped. What the peer will never take (400, 413 of a single event, a bulk item whose
// content it refuses) is named, so that it ends in the dead-letter file and not in an endless loop.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/text.hpp"
#include "sink/encode/fields.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

constexpr std::size_t kMostRecords = 500;
constexpr std::size_t kAnswerBytes = 4U << 20U;  // of an answer, what is read

struct Answer {
    long status = 0;
    std::string body;
    bool cut = false;  // there was more of it
    std::chrono::seconds wait{0};
};

// Ends a transfer whose answer is too long; its status is known by then.
std::size_t keep(char* data, std::size_t size, std::size_t count, void* into) {
    auto& answer = *static_cast<Answer*>(into);
    answer.cut = answer.body.size() + size * count > kAnswerBytes;
    if (answer.cut) return 0;
    answer.body.append(data, size * count);
    return size * count;
}

// Not about the event but about us or the index: it is worth the whole sink's wait.
bool is_fault_of_sink(int item_status) {
    return item_status == 401 || item_status == 403 || item_status == 404 || item_status == 429 ||
           item_status >= 500;
}

const char* hint_for(int item_status) {
    if (item_status == 404) return "make the index or data stream, or check `index` of the sink";
    return item_status < 429 ? "check what the sink's token may do with the index"
                             : "look at the cluster's health";
}

int sending_stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const Stop*>(stop)->load() ? 1 : 0;
}

// An encoded record as a JSON value: CEF is text, the others are objects.
std::string as_json(const std::string& text) {
    return !text.empty() && text.front() == '{' ? text : json_text(Json(text));
}

std::string bulk_item(const Outgoing& record, const std::string& index) {
    const auto native = Json::parse(record.native, nullptr, false);
    // The same name for the same (id, rev): sent twice is stored once.
    const auto id = text_at(native, "id") + "-" + at(native, "rev").dump();
    const Json action = {{"create", {{"_index", index}, {"_id", id}}}};
    const bool object = !record.text.empty() && record.text.front() == '{';
    return action.dump() + "\n" +
           (object ? record.text : json_text(Json{{"message", record.text}})) + "\n";
}

std::string hec_item(const Outgoing& record, const std::string& host, const SinkSpec& spec) {
    const auto ms = record.wall_ns / 1'000'000;
    const auto index =
        spec.index.empty() ? std::string() : "\"index\":" + json_text(Json(spec.index)) + ",";
    return fmt::format(
               R"({{"time":{}.{:03},"host":{},"source":"portlid","sourcetype":"portlid:{}",{}"event":{}}})",
               ms / 1000, ms % 1000, Json(host).dump(), to_string(spec.format), index,
               as_json(record.text)) +
           "\n";
}

class Http final : public Transport {
public:
    Http(const SinkSpec& spec, const Stop& stop) : spec_(spec), stop_(stop) {}

    Result<> connect(const Step& step) override {
        if (handle_) return {};
        std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle(::curl_easy_init(),
                                                                     &::curl_easy_cleanup);
        if (auto prepared = prepare(handle.get()); !prepared) return prepared;
        handle_ = std::move(handle);
        step("prepare", without_query(url()) + (spec_.token.empty() ? "" : ", with a token"));
        return {};
    }

    Sent send(std::span<const Outgoing> batch) override {
        std::string body;
        for (const auto& record : batch) body += item(record);
        Answer answer;
        if (const auto code = post(gzip(body), answer); code != CURLE_OK) {
            auto error = curl_error(spec_, code, detail_.data());
            close();
            return {.fault = std::move(error)};
        }
        return judge(batch, answer);
    }

    void close() override {
        handle_.reset();
        headers_.reset();
    }
    std::size_t batch_records() const override { return most_; }

private:
    [[nodiscard]] std::string url() const {
        if (spec_.preset != Preset::Elasticsearch) return spec_.url;
        const auto query = spec_.url.find('?');
        auto path = spec_.url.substr(0, query);
        while (path.back() == '/') path.pop_back();
        if (path.size() < 6 || path.compare(path.size() - 6, 6, "/_bulk") != 0) path += "/_bulk";
        return path + (query == std::string::npos ? "" : spec_.url.substr(query));
    }

    [[nodiscard]] std::string item(const Outgoing& record) const {
        switch (spec_.preset) {
            case Preset::Elasticsearch:
                return bulk_item(record, spec_.index.empty() ? "portlid" : spec_.index);
            case Preset::Splunk:
                return hec_item(record, host_, spec_);
            case Preset::Ndjson:
                break;
        }
        return record.text + "\n";
    }

    Result<> prepare(CURL* handle) {
        if (handle == nullptr) return fail("out of memory");
        if (auto headers = make_headers(); !headers) return headers;
        if (auto secured = set_tls(handle, spec_); !secured) return secured;
        ::curl_easy_setopt(handle, CURLOPT_URL, url().c_str());
        ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
        ::curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
        ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
        ::curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(kConnectTime.count()));
        ::curl_easy_setopt(handle, CURLOPT_TIMEOUT, static_cast<long>(kSendTime.count()));
        ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail_.data());
        ::curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &keep);
        ::curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &sending_stopped);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &stop_);
        return {};
    }

    Result<> make_headers() {
        headers_.reset();
        add_header("Content-Type: application/x-ndjson");
        add_header("Content-Encoding: gzip");
        add_header("Expect:");
        add_header("User-Agent: portlid");
        if (spec_.token.empty()) return {};
        const auto token = read_secret(spec_.token);
        if (!token) return pass_on(token.error());
        // A token file may say its own scheme: "ApiKey abc".
        const bool schemed = token->find(' ') != std::string::npos;
        const char* scheme = schemed ? "" : spec_.preset == Preset::Splunk ? "Splunk " : "Bearer ";
        add_header("Authorization: " + std::string(scheme) + *token);
        return {};
    }

    void add_header(const std::string& line) {
        headers_.reset(::curl_slist_append(headers_.release(), line.c_str()));
    }

    CURLcode post(const std::string& body, Answer& answer) {
        detail_[0] = '\0';
        ::curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDS, body.data());
        ::curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                           static_cast<curl_off_t>(body.size()));
        ::curl_easy_setopt(handle_.get(), CURLOPT_WRITEDATA, &answer);
        const auto code = ::curl_easy_perform(handle_.get());
        if (code != CURLE_OK && !answer.cut) return code;
        ::curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &answer.status);
        curl_off_t wait = 0;
        ::curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &wait);
        answer.wait = std::chrono::seconds(std::min<curl_off_t>(wait, 600));
        return CURLE_OK;
    }

    Sent judge(std::span<const Outgoing> batch, const Answer& answer) {
        if (answer.status >= 200 && answer.status < 300) {
            most_ = std::min(kMostRecords, most_ * 2);
            if (spec_.preset != Preset::Elasticsearch) return {.taken = batch.size()};
            if (!answer.cut || batch.size() == 1) return judge_items(batch, answer);
            most_ = batch.size() / 2;  // fewer events, a shorter answer; what is stored says 409
            return {};
        }
        const auto why = fmt::format("{}: HTTP status {}: {}", spec_.target, answer.status,
                                     printable(answer.body, 256));
        if (answer.status == 413 || answer.status == 400 || answer.status == 422) {
            // Which one it is shows when they go alone.
            most_ = std::max<std::size_t>(1, batch.size() / 2);
            if (batch.size() > 1) return {};
            return {.taken = 1, .rejected = {{0, why}}};
        }
        // Secrets may have been renewed: read again with the next try.
        if (answer.status == 401 || answer.status == 403) close();
        return {
            .fault = Error{why, "check the address and the token of the sink", ExitCode::Failed, 0},
            .wait = answer.wait};
    }

    // One result for each item, in order. 409: it is there already.
    Sent judge_items(std::span<const Outgoing> batch, const Answer& answer) const {
        const auto document = Json::parse(answer.body, nullptr, false);
        const auto& items = at(document, "items");
        if (!items.is_array() || items.size() != batch.size())
            return {.fault = Error{spec_.target + ": this is no answer of _bulk",
                                   "is the address Elasticsearch's?", ExitCode::Failed, 0}};
        Sent sent;
        for (const auto& one : items) {
            const auto& status = at(one, "create.status");
            const int code = status.is_number_integer() ? status.get<int>() : 500;
            const auto why = json_text(at(one, "create.error"));
            if (is_fault_of_sink(code)) {
                sent.fault = Error{
                    fmt::format("{}: item status {}: {}", spec_.target, code, printable(why, 256)),
                    hint_for(code), ExitCode::Failed, 0};
                return sent;
            }
            if (code >= 300 && code != 409) sent.rejected.push_back({sent.taken, why});
            ++sent.taken;
        }
        return sent;
    }

    const SinkSpec spec_;
    const Stop& stop_;
    const std::string host_ = shown_host(spec_);
    std::array<char, CURL_ERROR_SIZE> detail_{};
    std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)> headers_{nullptr,
                                                                           &::curl_slist_free_all};
    std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle_{nullptr, &::curl_easy_cleanup};
    std::size_t most_ = kMostRecords;
};

}  // namespace

std::unique_ptr<Transport> make_http(const SinkSpec& spec, const Stop& stop) {
    return std::make_unique<Http>(spec, stop);
}

}  // namespace portlid::sink
