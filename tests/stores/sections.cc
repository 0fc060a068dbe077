#include "stores/sections.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <utility>

#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"

namespace tidelock::test {

namespace {

namespace fs = std::filesystem;

constexpr int kWorkers = 2;
constexpr unsigned kHungAfter = 30;  // seconds, for one run
// A slice of waiting more or less is a store more or less: whether it comes depends on the time.
constexpr int kTries = 6;
constexpr std::size_t kMissedMax = 2;  // in a section

struct Piece {
  std::size_t section;
  std::uint64_t event;
  std::string file;
  std::string what;
};

// What the workers tell.
struct Board {
  static constexpr std::size_t kSectionsMax = 64;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> covered[kSectionsMax] = {};
  std::atomic<std::uint64_t> missed[kSectionsMax] = {};
  std::atomic<std::uint64_t> at[kWorkers] = {};
  std::atomic_flag failed;
  char failure[1000] = {};

  void fail(const std::string& what) {
    if (!failed.test_and_set()) std::snprintf(failure, sizeof failure, "%s", what.c_str());
  }
};

bool is_long() {
  return std::getenv("TIDELOCK_LONG") != nullptr;
}

// For one section, or one event of it, to be run again.
bool is_asked_for(const char* variable, const std::string& value) {
  const char* const given = std::getenv(variable);
  return given == nullptr || value == given;
}

// Died there, or not, or something is wrong.
enum class Outcome : std::uint8_t { kDied, kLived, kWrong };

class Worker {
 public:
  Worker(const std::vector<Section>& sections, std::string scratch, Ledger& ledger)
      : sections_(sections), scratch_(std::move(scratch)), ledger_(ledger) {}

  Outcome run(std::size_t section, std::uint64_t event, std::string& problem) {
    ::alarm(kHungAfter);
    fs::create_directory(scratch_);
    Trial trial(scratch_, ledger_, event);
    problem = sections_[section].run(trial);
    fs::remove_all(scratch_);
    if (!problem.empty()) return Outcome::kWrong;
    return trial.died() ? Outcome::kDied : Outcome::kLived;
  }

 private:
  const std::vector<Section>& sections_;
  std::string scratch_;
  Ledger& ledger_;
};

int run_pieces(Worker& worker, int self, const std::vector<Piece>& pieces, Board& board) {
  for (;;) {
    const std::uint64_t at = board.next.fetch_add(1);
    if (at >= pieces.size() || board.failed.test()) return 0;
    board.at[self].store(at);
    const Piece& piece = pieces[at];
    Outcome outcome = Outcome::kLived;
    std::string problem;
    for (int i = 0; i < kTries && outcome == Outcome::kLived; ++i) {
      outcome = worker.run(piece.section, piece.event, problem);
    }
    if (outcome == Outcome::kWrong) board.fail(piece.what + ": " + problem);
    if (outcome == Outcome::kDied) board.covered[piece.section].fetch_add(1);
    if (outcome == Outcome::kLived) board.missed[piece.section].fetch_add(1);
  }
}

class Sweep {
 public:
  Sweep(const std::vector<Section>& sections, std::uint64_t seed)
      : sections_(sections), random_(seed) {}

  void run(std::size_t at_least) {
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if (!is_asked_for("TIDELOCK_SECTION", sections_[i].name)) continue;
      ASSERT_NO_FATAL_FAILURE(look_at(i)) << sections_[i].name;
    }
    std::shuffle(pieces_.begin(), pieces_.end(), random_);  // the long ones among the short
    std::vector<ChildProcess> workers;
    for (int i = 0; i < kWorkers; ++i) {
      workers.emplace_back([this, i] {
        Worker worker(sections_, directory_.file(std::to_string(i)), *ledgers_[i]);
        return run_pieces(worker, i, pieces_, *board_);
      });
    }
    for (int i = 0; i < kWorkers; ++i) {
      const int status = workers[i].wait();
      EXPECT_TRUE(exited_with(status, 0))
          << pieces_[board_->at[i].load()].what << ": ended with wait status " << status
          << (killed_by(status, SIGALRM) ? ", hung" : "");
    }
    EXPECT_FALSE(board_->failed.test()) << board_->failure;
    const std::size_t covered = count();
    EXPECT_TRUE(covered >= at_least || std::getenv("TIDELOCK_SECTION") != nullptr) << covered;
  }

 private:
  // Its stores, found by a run in which nobody dies.
  void look_at(std::size_t section) {
    Ledger& ledger = *ledgers_[0];
    ChildProcess child([&] {
      Worker worker(sections_, directory_.file("0"), ledger);
      std::string problem;
      if (worker.run(section, 0, problem) != Outcome::kWrong) return 0;
      board_->fail(sections_[section].name + ", nobody dies: " + problem);
      return 1;
    });
    ASSERT_TRUE(exited_with(child.wait(), 0)) << board_->failure;
    std::vector<Piece> found;
    for (std::uint64_t i = 0; i < ledger.count; ++i) {
      if (!ledger.events[i].changed) continue;
      found.push_back({section, i + 1, ledger.events[i].file,
                       sections_[section].name + ", death after event " + std::to_string(i + 1) +
                           " of " + std::to_string(ledger.count) + ", " +
                           to_text(ledger.events[i])});
    }
    found_[section] = found.size();
    std::erase_if(found, [](const Piece& piece) {
      return !is_asked_for("TIDELOCK_EVENT", std::to_string(piece.event));
    });
    const std::size_t share = sections_[section].share;
    if (!is_long() && share != Section::kAll) thin_out(found, share / kLess);
    tried_[section] = found.size();
    pieces_.insert(pieces_.end(), found.begin(), found.end());
  }

  // Of each file some: its first stores, its last ones, and some between, where the loops are.
  void thin_out(std::vector<Piece>& pieces, std::size_t share) {
    if (pieces.size() <= share) return;
    std::map<std::string, std::vector<Piece>> by_file;
    for (Piece& piece : pieces) by_file[piece.file].push_back(std::move(piece));
    pieces.clear();
    for (std::size_t turn = 0; pieces.size() < share; ++turn) {
      for (auto& [file, left] : by_file) {
        if (left.empty()) continue;
        const std::size_t at = turn % 3 == 0   ? 0
                               : turn % 3 == 1 ? left.size() - 1
                                               : random_() % left.size();
        pieces.push_back(std::move(left[at]));
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
  }

  // Prints it, too.
  [[nodiscard]] std::size_t count() const {
    std::size_t found = 0;
    std::size_t covered = 0;
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if (!is_asked_for("TIDELOCK_SECTION", sections_[i].name)) continue;
      const std::size_t here = board_->covered[i].load();
      const std::size_t missed = board_->missed[i].load();
      std::printf("%5zu of %5zu stores: %s", here, found_[i], sections_[i].name.c_str());
      std::printf(missed == 0 ? "\n" : " (%zu came once and not again)\n", missed);
      EXPECT_LE(missed, kMissedMax) << sections_[i].name;
      EXPECT_TRUE(here + missed == tried_[i] || board_->failed.test()) << sections_[i].name;
      EXPECT_GT(found_[i], 0U) << sections_[i].name;
      found += found_[i];
      covered += here;
    }
    std::printf("%5zu of %5zu stores in %zu sections, each in both ways\n", covered, found,
                sections_.size());
    return covered;
  }

  const std::vector<Section>& sections_;
  std::mt19937_64 random_;
  const TemporaryDirectory directory_{Where::kMemory};
  std::array<SharedValue<Ledger>, kWorkers> ledgers_;
  SharedValue<Board> board_;
  std::vector<Piece> pieces_;
  std::array<std::size_t, Board::kSectionsMax> found_{};
  std::array<std::size_t, Board::kSectionsMax> tried_{};
};

}  // namespace

ChildProcess Trial::victim(const std::function<int(StoreWatch&)>& body) {
  return ChildProcess([this, &body] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    StoreWatch watch(directory_, ledger_, die_after_);
    const int result = body(watch);
    watch.end();
    return result;
  });
}

std::string Trial::bury(ChildProcess& victim) {
  const int status = victim.wait();
  died_ = killed_by(status, SIGKILL);
  if (died_ || exited_with(status, 0)) return {};
  return "the victim ended with wait status " + std::to_string(status);
}

void die_after_every_store(const std::vector<Section>& sections, std::size_t at_least) {
  const std::uint64_t seed = random_seed();
  if (!StoreWatch::works()) {
    std::printf("not tried: stores are seen on x86-64 alone\n");
    return;
  }
  ASSERT_LE(sections.size(), Board::kSectionsMax);
  Sweep(sections, seed).run(at_least);
}

void copy_directory(const std::string& from, const std::string& to) {
  fs::create_directory(to);
  std::vector<std::byte> bytes;
  for (const auto& entry : fs::directory_iterator(from)) {
    const int source = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    const std::string target = to + "/" + entry.path().filename().string();
    const int copy = ::open(target.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const auto size = static_cast<off_t>(fs::file_size(entry.path()));
    if (source < 0 || copy < 0 || ::ftruncate(copy, size) != 0) std::abort();
    for (off_t at = ::lseek(source, 0, SEEK_DATA); at >= 0;) {
      const off_t hole = ::lseek(source, at, SEEK_HOLE);
      bytes.resize(static_cast<std::size_t>(hole - at));
      if (::pread(source, bytes.data(), bytes.size(), at) != hole - at) std::abort();
      if (::pwrite(copy, bytes.data(), bytes.size(), at) != hole - at) std::abort();
      at = ::lseek(source, hole, SEEK_DATA);
    }
    ::close(source);
    ::close(copy);
  }
}

}  // namespace tidelock::test
