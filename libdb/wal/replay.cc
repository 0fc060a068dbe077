#include "wal/replay.h"

#include <algorithm>
#include <utility>

namespace tidelock::wal {

namespace {

struct Candidate {
  const Log* log = nullptr;
  HeaderState state = HeaderState::kEmpty;
  LogHeader header{};
  Position start{};
  bool has_record = false;
  bool ends_predecessor = false;  // P3
  bool followed = false;

  [[nodiscard]] std::span<const std::byte> records() const {
    return log->bytes.subspan(std::min<std::uint64_t>(kHeaderSize, log->bytes.size()));
  }
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t lsn) const {
    return kHeaderSize + (lsn - header.base_lsn);
  }
};

bool continues(const LogHeader& header, std::uint64_t predecessor, const Position& end) {
  return header.predecessor == predecessor && header.base_lsn == end.lsn &&
         header.base_sequence == end.last_sequence && header.predecessor_chain == end.chain;
}

Status corruption(const std::string& name, std::uint64_t offset, const std::string& what) {
  return Status(StatusCode::kCorruption,
                "replay " + name + " at " + std::to_string(offset) + ": " + what);
}

Result<Candidate> examine(const Log& log, const Uuid& uuid) {
  Result<DecodedLogHeader> decoded = decode_log_header(log.bytes, log.number);
  if (!decoded) return decoded.error();
  Candidate candidate{.log = &log, .state = decoded->state, .header = decoded->header};
  if (candidate.state != HeaderState::kGood) return candidate;
  if (candidate.header.uuid != uuid) {
    return corruption(log.name, 0, "it belongs to another database");
  }
  candidate.start = start_of(candidate.header);
  candidate.has_record = RecordReader(candidate.records(), candidate.start, uuid).next();
  return candidate;
}

class Replay {
 public:
  Replay(const ReplayRequest& request, const RecordCallback& on_record)
      : request_(request), on_record_(on_record), durable_lsn_(request.start.lsn) {
    result_.end = request.start;
  }

  Result<Replayed> run(std::span<const Log> logs);

 private:
  Status examine_all(std::span<const Log> logs);
  void mark_ends();
  Result<Candidate*> first();
  Result<Candidate*> follow(Candidate& log);
  Status pass_on(const Candidate& log, const Record& record);
  Candidate* successor(const Candidate& log, const Position& end);
  void look_for_seal(const Candidate& log, const Position& position);
  void stop_in(const Candidate& log, Stop stop);
  void hear_ignored_logs();
  Status judge() const;

  const ReplayRequest& request_;
  const RecordCallback& on_record_;
  std::vector<Candidate> candidates_;
  const Candidate* last_ = nullptr;
  std::uint64_t durable_lsn_;  // once on disk, as far as anything says
  bool sealed_ = false;        // the seal was passed
  Replayed result_;
};

Result<Replayed> Replay::run(std::span<const Log> logs) {
  if (Status status = examine_all(logs); !status.ok()) return status;
  mark_ends();
  Result<Candidate*> log = first();
  while (log && *log != nullptr) log = follow(**log);
  if (!log) return log.error();
  hear_ignored_logs();
  if (Status status = judge(); !status.ok()) return status;
  return std::move(result_);
}

Status Replay::examine_all(std::span<const Log> logs) {
  std::uint64_t previous = 0;
  for (const Log& log : logs) {
    if (log.number <= previous) {
      return Status(StatusCode::kInvalid, "replay " + log.name + ": log numbers must ascend");
    }
    previous = log.number;
    if (log.number < request_.oldest) continue;
    Result<Candidate> candidate = examine(log, request_.uuid);
    if (!candidate) return candidate.error();
    candidates_.push_back(*candidate);
  }
  return {};
}

void Replay::mark_ends() {
  for (auto log = candidates_.rbegin(); log != candidates_.rend(); ++log) {
    if (log->state != HeaderState::kGood) continue;
    log->ends_predecessor = log->has_record ||
                            (request_.seal && request_.seal->number == log->log->number) ||
                            successor(*log, log->start) != nullptr;
  }
}

Result<Candidate*> Replay::first() {
  if (candidates_.empty() || candidates_.front().log->number != request_.oldest) return nullptr;
  Candidate& log = candidates_.front();
  if (log.state != HeaderState::kGood) return nullptr;
  if (log.start.lsn == request_.start.lsn &&
      log.start.last_sequence == request_.start.last_sequence) {
    return &log;
  }
  if (!log.has_record) return nullptr;
  return corruption(log.log->name, kHeaderSize,
                    "its records begin at position " + std::to_string(log.start.lsn) +
                        ", the manifest says " + std::to_string(request_.start.lsn));
}

// The log that continues `log` where it ends, or null if it was the last.
Result<Candidate*> Replay::follow(Candidate& log) {
  log.followed = true;
  last_ = &log;
  result_.logs.push_back(log.log->number);
  result_.salt = log.header.salt;
  RecordReader reader(log.records(), log.start, request_.uuid);
  for (;;) {
    result_.end = reader.position();
    look_for_seal(log, result_.end);
    if (Candidate* next = successor(log, result_.end)) return next;
    if (!reader.next()) break;
    if (Status status = pass_on(log, reader.record()); !status.ok()) return status;
  }
  stop_in(log, reader.stop());
  return nullptr;
}

Status Replay::pass_on(const Candidate& log, const Record& record) {
  durable_lsn_ = std::max(durable_lsn_, record.durable_lsn);
  ++result_.records;
  return on_record_(log.log->number, record);
}

Candidate* Replay::successor(const Candidate& log, const Position& end) {
  for (auto next = candidates_.rbegin(); next != candidates_.rend(); ++next) {
    if (next->log->number <= log.log->number) break;
    if (next->ends_predecessor && continues(next->header, log.log->number, end)) return &*next;
  }
  return nullptr;
}

void Replay::look_for_seal(const Candidate& log, const Position& position) {
  const auto& seal = request_.seal;
  if (seal && seal->number == log.log->number && seal->lsn == position.lsn &&
      seal->chain == position.chain) {
    sealed_ = true;
  }
}

void Replay::stop_in(const Candidate& log, Stop stop) {
  result_.stop = stop;
  const std::uint64_t done = result_.end.lsn - log.header.base_lsn;
  durable_lsn_ = std::max(
      durable_lsn_, claimed_durable(log.records().subspan(done), result_.end.lsn, request_.uuid));
}

void Replay::hear_ignored_logs() {
  for (const Candidate& log : candidates_) {
    if (log.followed) continue;
    const bool placed = log.state == HeaderState::kGood;
    const std::optional<std::uint64_t> lsn =
        placed ? std::optional(log.header.base_lsn) : std::nullopt;
    durable_lsn_ = std::max(durable_lsn_, claimed_durable(log.records(), lsn, request_.uuid));
  }
}

Status Replay::judge() const {
  const bool seal_missed = request_.seal && request_.seal->number >= request_.oldest && !sealed_;
  if (result_.end.lsn >= durable_lsn_ && !seal_missed) return {};
  const std::string lost = seal_missed
                               ? "log " + std::to_string(request_.seal->number) +
                                     " was sealed at position " + std::to_string(request_.seal->lsn)
                               : "position " + std::to_string(durable_lsn_) + " was once durable";
  if (last_ == nullptr) {
    return corruption(request_.oldest_name, 0,
                      "it is missing or its header is damaged, and " + lost);
  }
  return corruption(last_->log->name, last_->offset_of(result_.end.lsn),
                    std::string(to_string(result_.stop)) + ", and " + lost);
}

}  // namespace

Result<Replayed> replay(std::span<const Log> logs, const ReplayRequest& request,
                        const RecordCallback& on_record) {
  return Replay(request, on_record).run(logs);
}

}  // namespace tidelock::wal
