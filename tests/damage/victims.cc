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
#include <memory>
#include <new>
#include <utility>

#include "os/clock.h"
#include "support/child_process.h"

namespace tidelock::test {

namespace {

constexpr std::size_t kFaultsShown = 8;

// What a child tells its parent, in memory that both have mapped.
struct Board {
  std::atomic<std::uint64_t> begun{0};  // pieces this child has begun
  char text[4000] = {};                 // of violations
  std::size_t text_length = 0;
  std::array<std::uint64_t, 8> counts{};
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
       const std::function<std::string(std::size_t i)>& name, std::chrono::seconds hung_after)
      : child_(child),
        count_(count),
        work_(work),
        name_(name),
        hung_after_(hung_after),
        board_(make_board()) {}
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
    } else if (os::monotonic_now() - seen_at_ > hung_after_) {
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
  const std::chrono::seconds hung_after_;
  Board* board_;
  std::unique_ptr<ChildProcess> running_;
  std::uint64_t seen_ = 0;
  std::chrono::nanoseconds seen_at_{};
  std::size_t lost_ = 0;
};

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
                      const std::function<std::string(std::size_t i)>& name,
                      std::chrono::seconds hung_after) {
  std::vector<std::unique_ptr<Lane>> lanes;
  for (int child = 0; child < kChildren; ++child) {
    lanes.push_back(std::make_unique<Lane>(child, count, work, name, hung_after));
    lanes.back()->start();
  }
  while (std::ranges::count_if(lanes, [](auto& lane) { return lane->watch(); }) != 0) {
    os::sleep_for(std::chrono::milliseconds(2));
  }
  Tally tally;
  for (const auto& lane : lanes) lane->add_to(tally);
  return tally;
}

}  // namespace tidelock::test
