#include "damage/victims.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "os/clock.h"
#include "support/child_process.h"
#include "tidelock/db.h"

namespace tidelock::test {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kHungAfter{5};
constexpr std::size_t kFaultsShown = 8;

// What a child tells its parent, in memory that both have mapped.
struct Board {
  std::atomic<std::uint64_t> begun{0};  // pieces this child has begun
  char text[4000] = {};                 // of violations
  std::size_t text_length = 0;
  std::array<std::uint64_t, 7> counts{};
};

Board* make_board() {
  void* const memory =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) Board;
}

void write_down(Board& board, const std::string& line) {
  const std::size_t room = sizeof(board.text) - board.text_length;
  const std::size_t length = std::min(room, line.size());
  std::memcpy(board.text + board.text_length, line.data(), length);
  board.text_length += length;
}

// Mappings that damage asks for fail, where the allocator's figures do not show them.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit limit{std::size_t{1} << 30, std::size_t{1} << 30};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

// One child and those that take its place: the pieces `child`, `child` + kChildren, ...
class Lane {
 public:
  Lane(int child, std::size_t count, const std::function<Verdict(int child, std::size_t i)>& work,
       const std::function<std::string(std::size_t i)>& name)
      : child_(child), count_(count), work_(work), name_(name), board_(make_board()) {}
  ~Lane() { ::munmap(board_, sizeof(Board)); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start() {
    running_ = std::make_unique<ChildProcess>([this] { return run(); });
    seen_ = board_->begun.load();
    seen_at_ = os::monotonic_now();
  }
  // False when all is done.
  bool watch() {
    if (running_ == nullptr) return false;
    if (running_->has_ended()) {
      const int status = running_->wait();
      running_.reset();
      if (exited_with(status, 0)) return false;
      return lose(Outcome::kCrashed, "crashed, wait status " + std::to_string(status));
    }
    const std::uint64_t begun = board_->begun.load();
    if (begun != seen_) {
      seen_ = begun;
      seen_at_ = os::monotonic_now();
    } else if (os::monotonic_now() - seen_at_ > kHungAfter) {
      running_.reset();
      return lose(Outcome::kHung, "hung");
    }
    return true;
  }
  void add_to(Tally& tally) const {
    for (std::size_t i = 0; i < board_->counts.size(); ++i) tally.counts[i] += board_->counts[i];
    const std::string text(board_->text, board_->text_length);
    for (std::size_t from = 0; from < text.size() && tally.faults.size() < kFaultsShown;) {
      const std::size_t to = std::min(text.find('\n', from), text.size());
      tally.faults.push_back(text.substr(from, to - from));
      from = to + 1;
    }
  }

 private:
  [[nodiscard]] std::size_t piece(std::uint64_t n) const {
    return static_cast<std::size_t>(child_) + n * kChildren;
  }
  int run() noexcept {
    limit_memory();
    for (;;) {
      const std::uint64_t n = board_->begun.fetch_add(1);
      const std::size_t i = piece(n);
      if (i >= count_) return 0;
      const Verdict verdict = work_(child_, i);
      ++board_->counts[static_cast<std::size_t>(verdict.outcome)];
      if (verdict.outcome == Outcome::kViolation) {
        write_down(*board_, name_(i) + ": " + verdict.text + "\n");
      }
    }
  }
  // The child died or hung at what it had begun last; the next one goes on behind that.
  bool lose(Outcome outcome, const std::string& how) {
    ++board_->counts[static_cast<std::size_t>(outcome)];
    write_down(*board_, name_(piece(board_->begun.load() - 1)) + ": " + how + "\n");
    if (++lost_ < kFaultsShown) start();
    return running_ != nullptr;
  }

  int child_;
  std::size_t count_;
  const std::function<Verdict(int child, std::size_t i)>& work_;
  const std::function<std::string(std::size_t i)>& name_;
  Board* board_;
  std::unique_ptr<ChildProcess> running_;
  std::uint64_t seen_ = 0;
  std::chrono::nanoseconds seen_at_{};
  std::size_t lost_ = 0;
};

// Collects what is wrong with the answers of one handle.
class Reading {
 public:
  Reading(const ReadRequest& request, const Entries& expected)
      : request_(request), expected_(expected) {}

  void hear(const Status& status) {
    if (status.ok()) return;
    reported_ = true;
    const bool named = status.code() == StatusCode::kCorruption &&
                       std::ranges::any_of(request_.names, [&](const std::string& name) {
                         return status.message().find(name) != std::string::npos;
                       });
    if (!named) wrong("unfit error: " + status.to_string());
  }
  void wrong(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  void get_all(Db& db) {
    for (const auto& [key, values] : request_.sample.history) {
      const Result<std::optional<std::string>> found = db.get(key);
      if (!found) {
        hear(found.error());
        continue;
      }
      const auto expected = expected_.find(key);
      const bool same =
          expected == expected_.end() ? !found->has_value() : *found && **found == expected->second;
      if (!same) wrong("get " + key + " yields " + found->value_or("nothing"));
    }
  }

  void walk(Db& db) {
    Result<Iterator> at = db.iterate();
    if (!at) return hear(at.error());
    auto expected = expected_.begin();
    for (at->seek_first(); at->valid(); at->next(), ++expected) {
      if (expected == expected_.end() || at->key() != expected->first ||
          at->value() != expected->second) {
        return wrong("a walk yields " + std::string(at->key()));
      }
    }
    if (at->status().ok() && expected != expected_.end()) wrong("a walk ends too early");
    hear(at->status());
    auto backward = expected_.rbegin();
    for (at->seek_last(); at->valid(); at->prev(), ++backward) {
      if (backward == expected_.rend() || at->key() != backward->first ||
          at->value() != backward->second) {
        return wrong("a walk back yields " + std::string(at->key()));
      }
    }
    if (at->status().ok() && backward != expected_.rend()) wrong("a walk back ends too early");
    hear(at->status());
  }

  // What spoils an answer, check finds.
  void check(Db& db) {
    const bool spoiled = reported_;
    const Result<CheckReport> report = db.check();
    if (!report) return wrong("check fails: " + report.error().to_string());
    if (spoiled && report->problems.empty()) wrong("check finds nothing");
  }

  [[nodiscard]] Verdict verdict() const {
    if (!violation_.empty()) return {Outcome::kViolation, violation_};
    return {reported_ ? Outcome::kReported : Outcome::kSame, {}};
  }

 private:
  const ReadRequest& request_;
  const Entries& expected_;
  bool reported_ = false;
  std::string violation_;
};

bool excused(const RepairReport& report, const std::string& key) {
  return std::ranges::any_of(report.findings, [&key](const RepairFinding& finding) {
    return finding.effect != RepairFinding::Effect::kNone &&
           (!finding.keys.lower || *finding.keys.lower <= key) &&
           (!finding.keys.upper || key < *finding.keys.upper);
  });
}

// Every value of the new database is one the key had; what differs is excused.
Verdict judge_saved(const Sample& sample, const RepairReport& report, const Entries& saved,
                    std::size_t& differences) {
  for (const auto& [key, values] : sample.history) {
    const auto found = saved.find(key);
    const auto expected = sample.entries.find(key);
    if (found != saved.end() && !values.contains(found->second)) {
      return {Outcome::kViolation, "repair makes up a value of " + key};
    }
    const bool same = found == saved.end()
                          ? expected == sample.entries.end()
                          : expected != sample.entries.end() && expected->second == found->second;
    if (same) continue;
    ++differences;
    if (!excused(report, key)) return {Outcome::kViolation, "repair is silent about " + key};
  }
  for (const auto& [key, value] : saved) {
    if (!sample.history.contains(key)) return {Outcome::kViolation, "repair makes up " + key};
  }
  return {report.complete() ? Outcome::kSame : Outcome::kReported, {}};
}

Result<Entries> entries_of(const std::string& directory) {
  Result<Db> db = Db::open(directory, {.access = Access::kReadOnly});
  if (!db) return db.error();
  const Result<CheckReport> check = db->check();
  if (!check) return check.error();
  if (!check->problems.empty()) return Status(StatusCode::kCorruption, check->problems.front());
  Result<Iterator> at = db->iterate();
  if (!at) return at.error();
  Entries entries;
  for (at->seek_first(); at->valid(); at->next()) entries.emplace(at->key(), at->value());
  if (!at->status().ok()) return at->status();
  return entries;
}

}  // namespace

bool is_long() {
  return std::getenv("TIDELOCK_LONG") != nullptr;
}

std::uint64_t Tally::all() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  return sum;
}

Tally run_in_children(std::size_t count,
                      const std::function<Verdict(int child, std::size_t i)>& work,
                      const std::function<std::string(std::size_t i)>& name) {
  std::vector<std::unique_ptr<Lane>> lanes;
  for (int child = 0; child < kChildren; ++child) {
    lanes.push_back(std::make_unique<Lane>(child, count, work, name));
    lanes.back()->start();
  }
  while (std::ranges::count_if(lanes, [](auto& lane) { return lane->watch(); }) != 0) {
    os::sleep_for(std::chrono::milliseconds(2));
  }
  Tally tally;
  for (const auto& lane : lanes) lane->add_to(tally);
  return tally;
}

Verdict read_all(const ReadRequest& request) {
  Options options;
  options.access = request.read_write ? Access::kReadWrite : Access::kReadOnly;
  options.background = Background::kNone;
  Entries expected = request.sample.entries;
  Reading reading(request, expected);
  {
    Result<Db> db = Db::open(request.directory, options);
    if (!db) {
      reading.hear(db.error());
      return reading.verdict();
    }
    reading.get_all(*db);
    reading.walk(*db);
    if (reading.verdict().outcome == Outcome::kReported) reading.check(*db);
    if (request.read_write && reading.verdict().outcome == Outcome::kSame) {
      const auto& key = request.sample.history.begin()->first;
      reading.hear(db->put(key, "written behind the damage"));
      expected[key] = "written behind the damage";
      reading.walk(*db);
      reading.hear(db->close());
    }
  }
  if (request.read_write && reading.verdict().outcome == Outcome::kSame) {
    Result<Db> again = Db::open(request.directory, {.access = Access::kReadOnly});
    if (!again) {
      reading.hear(again.error());
    } else {
      reading.walk(*again);
    }
  }
  return reading.verdict();
}

Verdict repair_all(const Sample& sample, const std::string& directory, const std::string& into,
                   std::size_t& differences) {
  Options options;
  options.background = Background::kNone;
  options.fixed.memtable_size = std::size_t{1} << 20;
  const Result<RepairReport> report = Db::repair(directory, into, options);
  if (!report) return {Outcome::kViolation, "repair fails: " + report.error().to_string()};
  const Result<Entries> saved = entries_of(into);
  if (!saved) return {Outcome::kViolation, "not sound: " + saved.error().to_string()};
  Verdict verdict = judge_saved(sample, *report, *saved, differences);
  if (verdict.outcome == Outcome::kViolation) {
    for (const RepairFinding& finding : report->findings) {
      verdict.text += "; " + finding.file + ": " + finding.what;
    }
  } else if (saved->size() != report->entries) {
    verdict = {Outcome::kViolation, "repair counts wrongly"};
  }
  fs::remove_all(into);
  return verdict;
}

}  // namespace tidelock::test
