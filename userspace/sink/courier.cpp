// SPDX-License-Identifier: Apache-2.0
#include "sink/courier.hpp"

#include <algorithm>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "sink/encode/encoder.hpp"

namespace portlid::sink {

namespace {

constexpr std::size_t kBatchBytes = 512U << 10U;
constexpr std::chrono::milliseconds kFirstWait{500};
constexpr std::chrono::milliseconds kLongestWait{60000};
constexpr std::chrono::seconds kFarewell{2};
constexpr std::chrono::seconds kLookAgain{30};     // whether an idle connection still stands
constexpr std::chrono::minutes kTellWhileDown{5};  // a gap of a sink that stays down

Error broken(const SinkSpec& spec) {
    return {spec.target + ": the connection broke before what was sent was safe",
            "look at the peer's log", ExitCode::Failed, 0};
}

}  // namespace

std::string file_stem(const SinkSpec& spec) {
    std::string stem;
    for (const char c : spec.name)
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 && stem.size() < 32) stem += c;
    return stem + "-" + sha256(spec.name + "\n" + spec.target).substr(7, 12);
}

Result<std::unique_ptr<Courier>> Courier::start(const SinkSpec& spec, Spooler& spooler,
                                                PageKeeper& keeper) {
    const auto& directory = spooler.spool().directory();
    auto cursor = Cursor::open((directory / (file_stem(spec) + ".cursor")).string(),
                               {.position = spooler.spool().tail(),
                                .last_seq = spooler.last_seq(),
                                .ordinal = spooler.spool().ordinal()},
                               keeper);
    if (!cursor) return pass_on(std::move(cursor).error());
    return std::unique_ptr<Courier>(new Courier(spec, spooler, std::move(*cursor)));
}

Courier::Courier(const SinkSpec& spec, Spooler& spooler, Cursor cursor)
    : spec_(spec),
      filter_(spec.kinds, spec.severity),
      spooler_(spooler),
      cursor_(std::move(cursor)),
      reader_(spooler.spool()),
      letters_((spooler.spool().directory() / (file_stem(spec) + ".dead.jsonl")).string()),
      transport_(open_transport(spec_, stop_)),
      sent_{cursor_->position, cursor_->last_seq, cursor_->ordinal, cursor_->sink_seq},
      reached_(cursor_->position),
      reached_seq_(cursor_->last_seq) {
    reader_id_ = spooler_.attach({[this] {
                                      const std::lock_guard lock(mutex_);
                                      grown_ = true;
                                      wake_.notify_one();
                                  },
                                  [this] { return reached_.load(); }});
    thread_ = std::thread([this] { run(); });
}

Courier::~Courier() {
    // A sink that is well gets the end of the story; one that is not gets it at the next start.
    const auto deadline = Clock::now() + kFarewell;
    while (Clock::now() < deadline && reached_seq_ < spooler_.last_seq() && well())
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        wake_.notify_one();
    }
    thread_.join();
    spooler_.detach(reader_id_);
}

void Courier::reopen() {
    const std::lock_guard lock(mutex_);
    reload_ = grown_ = true;
    wake_.notify_one();
}

SinkState Courier::state() const {
    const std::lock_guard lock(mutex_);
    auto state = counts_;
    state.name = spec_.name;
    state.target = spec_.target;
    state.format = to_string(spec_.format);
    // The way in counts as well: a disk that takes nothing keeps events from this sink.
    const auto way_in = spooler_.state();
    state.why = why_.empty() ? way_in.why : why_;
    state.up = state.why.empty();
    state.spool_lost = cursor_->lost;
    const auto last = spooler_.last_seq();
    // Of a sink that is well, what is on its way counts as taken; of another, what is safe does.
    const auto reached = why_.empty() ? reached_seq_.load() : cursor_->last_seq;
    state.lag = way_in.lag + (last > reached ? last - reached : 0);
    return state;
}

std::optional<SinkGap> Courier::take_gap() {
    const std::lock_guard lock(mutex_);
    if (cursor_->lost == cursor_->told) return std::nullopt;
    const auto now = Clock::now();
    if (!why_.empty() && now - told_at_ < kTellWhileDown) return std::nullopt;
    told_at_ = now;
    return tell_loss(*cursor_.operator->(), spec_.name, "spool");
}

bool Courier::well() const {
    const std::lock_guard lock(mutex_);
    return !pausing_;
}

void Courier::note(const std::string& why) {
    const std::lock_guard lock(mutex_);
    why_ = why;
    pausing_ = true;
}

// The peer has something, or there is nothing that it should have.
void Courier::recover() {
    faults_ = 0;
    const std::lock_guard lock(mutex_);
    why_.clear();
}

// The place and what was lost in front of it, in one step: sent again, it is not counted again.
void Courier::commit(const Place& place) {
    {
        const std::lock_guard lock(mutex_);
        cursor_->position = place.position;
        cursor_->last_seq = place.last_seq;
        cursor_->ordinal = place.ordinal;
        cursor_->sink_seq = place.sink_seq;
        note_loss(*cursor_.operator->(), place.lost - counted_);
        counted_ = place.lost;
    }
    reached_ = place.position;
}

bool Courier::over_caps(std::uint64_t position, std::int64_t wall_ns) const {
    return spooler_.spool().tail() - position > spec_.spool.bytes ||
           wall_now().time_since_epoch().count() - wall_ns > spec_.spool.age.count();
}

// Records that are missing in front of this one (a damaged segment) are lost; whether they would
// have passed the filter is not known any more.
bool Courier::pass_over(const SpooledRecord& record, Place& place) const {
    if (record.ordinal > place.ordinal + 1) place.lost += record.ordinal - place.ordinal - 1;
    const bool passes = filter_.passes(record.kind, record.severity);
    if (passes) ++place.sink_seq;
    place.position = record.next;
    place.last_seq = record.seq;
    place.ordinal = record.ordinal;
    return passes;
}

// Gives up what is over the caps, oldest first; never what is on its way.
void Courier::trim() {
    if (!flights_.empty()) return;
    auto place = sent_;
    SpooledRecord record;
    while (!stop_ && reader_.next(place.position, record, false) &&
           over_caps(record.position, record.wall_ns))
        if (pass_over(record, place)) ++place.lost;
    if (place.position == sent_.position) return;
    sent_ = place;
    commit(place);
}

Courier::Batch Courier::read_batch() {
    Batch batch;
    batch.end = sent_;
    std::size_t bytes = 0;
    SpooledRecord record;
    const auto most = transport_->batch_records();
    while (batch.records.size() < most && bytes < kBatchBytes &&
           reader_.next(batch.end.position, record)) {
        if (!pass_over(record, batch.end)) continue;
        const auto own = spec_.filtered() ? batch.end.sink_seq : 0;
        auto text = encode(spec_.format, record.line, own, spec_.redact);
        if (!text) {
            ++batch.end.lost;
            continue;
        }
        bytes += text->size();
        // Fields of journald and ids of _bulk come from what this sink may see.
        auto native = spec_.redact.empty()
                          ? std::move(record.line)
                          : encode(Format::Native, record.line, 0, spec_.redact).value_or("{}");
        batch.records.push_back(
            {std::move(*text), std::move(native), record.wall_ns, record.kind, record.severity});
        batch.behind.push_back(batch.end);
    }
    return batch;
}

void Courier::bury(const Batch& batch, const Sent& sent) {
    std::uint64_t unkept = 0;
    for (const auto& one : sent.rejected)
        unkept += letters_.add(spec_.name, one.why, batch.records[one.index].text);
    const std::lock_guard lock(mutex_);
    note_loss(*cursor_.operator->(), unkept);
    counts_.dead += sent.rejected.size();
}

// What the peer surely has.
void Courier::safe(std::size_t records) {
    recover();
    const std::lock_guard lock(mutex_);
    counts_.sent += records;
}

void Courier::deliver(const Batch& batch) {
    if (batch.records.empty()) {
        sent_ = batch.end;
        reached_seq_ = sent_.last_seq;
        if (flights_.empty()) commit(sent_);
        return;
    }
    const auto sent = transport_->send(batch.records);
    bury(batch, sent);
    if (sent.taken != 0) {
        const bool all = sent.taken == batch.records.size();
        sent_ = all ? batch.end : batch.behind[sent.taken - 1];
        reached_seq_ = sent_.last_seq;
        if (transport_->acknowledges()) {
            commit(sent_);
            safe(sent.taken - sent.rejected.size());
        } else {
            flights_.push_back({sent_, Clock::now(), sent.taken});
        }
    }
    if (sent.fault) fault(*sent.fault, sent.wait);
}

// Bytes that a stream took are safe when its peer has been reading for a while.
void Courier::settle() {
    if (flights_.empty() || Clock::now() - flights_.front().when < kReplayTime) return;
    if (!transport_->quiet()) return;
    while (!flights_.empty() && Clock::now() - flights_.front().when >= kReplayTime) {
        commit(flights_.front().behind);
        safe(flights_.front().records);
        flights_.pop_front();
    }
}

// Back to what is surely there.
void Courier::rewind() {
    flights_.clear();
    const std::lock_guard lock(mutex_);
    sent_ = {cursor_->position, cursor_->last_seq, cursor_->ordinal, cursor_->sink_seq, counted_};
    reached_seq_ = sent_.last_seq;
    ++counts_.retries;
}

// A longer pause each time.
void Courier::fault(const Error& error, std::chrono::milliseconds asked) {
    transport_->close();
    rewind();
    note(error.message);
    const auto longest = std::min(kLongestWait, kFirstWait * (1 << std::min(faults_, 7)));
    std::uniform_int_distribution<std::int64_t> spread(longest.count() / 2, longest.count());
    ++faults_;
    not_before_ = Clock::now() + std::max(asked, std::chrono::milliseconds(spread(random_)));
}

void Courier::round() {
    trim();
    if (Clock::now() < not_before_) return;
    bool fresh = false;
    const auto note_step = [&](const std::string&, const std::string&) { fresh = true; };
    if (auto open = transport_->connect(note_step); !open) return fault(open.error(), {});
    // A stream that broke unnoticed has lost what was in flight; one that does so each time must
    // not be tried without a pause.
    if (fresh && !flights_.empty()) return fault(broken(spec_), {});
    {
        const std::lock_guard lock(mutex_);
        pausing_ = false;
    }
    look_again_ = Clock::now() + kLookAgain;
    settle();
    while (!stop_ && Clock::now() >= not_before_) {
        const auto batch = read_batch();
        if (batch.records.empty() && batch.end.position == sent_.position) {
            if (flights_.empty()) recover();
            return;
        }
        deliver(batch);
        trim();
        settle();
        const std::lock_guard lock(mutex_);
        if (reload_) return;
    }
}

// Until the spool grows, a pause ends, or something in flight may be settled.
void Courier::wait() {
    std::unique_lock lock(mutex_);
    const auto now = Clock::now();
    auto until = now < not_before_ ? not_before_ : look_again_;
    if (!flights_.empty() && now >= not_before_)
        until = std::min(until, now + std::chrono::milliseconds(1000));
    const bool pausing = now < not_before_;
    // While a pause lasts, growth only matters for the caps: a look each second will do.
    if (pausing) until = std::min(until, now + std::chrono::milliseconds(1000));
    wake_.wait_until(lock, until, [&] { return stop_ || reload_ || (grown_ && !pausing); });
    grown_ = false;
    if (!reload_) return;
    reload_ = false;
    lock.unlock();
    transport_->reload();
    not_before_ = {};
    faults_ = 0;
}

void Courier::run() {
    while (!stop_) {
        round();
        wait();
    }
}

}  // namespace portlid::sink
