#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "environment/apart.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/shared_value.h"
#include "tidelock/db.h"

namespace tidelock::test {

// Processes at work on one database: each writes keys of its own, over and over, reads them back,
// and flushes now and then. What was acknowledged stands outside of the database.
class Crew {
 public:
  static constexpr int kMost = 8;
  static constexpr std::uint64_t kKeys = 200;  // of each process; the n-th write is to n % kKeys

  struct Order {
    std::string directory;
    int count = 3;
    Options options{};
    std::string name{};       // its keys begin with it
    std::string other_way{};  // another path of the directory, which every other process takes
    // In each process, before it opens; words end it.
    std::function<Words(int)> prepare{};
  };

  explicit Crew(Order order) : order_(std::move(order)) {
    order_.options.mode = OpenMode::kCreateIfMissing;
    if (!order_.options.fixed.memtable_size) {
      order_.options.fixed.memtable_size = std::size_t{1} << 20;
    }
    for (int i = 0; i < order_.count; ++i) {
      members_.push_back(std::make_unique<ChildProcess>([this, i] { return work(i); }));
    }
  }

  // "" once each living one has got something acknowledged since the call.
  [[nodiscard]] Words works() const {
    std::vector<std::uint64_t> before;
    for (int i = 0; i < order_.count; ++i) before.push_back(acknowledged(i));
    const auto goes_on = [&] {
      for (int i = 0; i < order_.count; ++i) {
        if (alive(i) && acknowledged(i) < before[static_cast<std::size_t>(i)] + 50) return false;
      }
      return true;
    };
    const auto stopped = [&] { return !complaints().empty(); };
    if (!comes_true([&] { return goes_on() || stopped(); })) return "a process does not get on";
    return complaints();
  }

  void kill(int member) { members_[static_cast<std::size_t>(member)].reset(); }
  [[nodiscard]] pid_t pid(int member) const {
    return members_[static_cast<std::size_t>(member)]->pid();
  }

  // Each ends its call, closes and exits. "" or what some met.
  [[nodiscard]] Words stop() {
    board_->stop.store(true);
    const bool ended = comes_true([this] {
      return std::ranges::all_of(members_, [](const auto& m) { return !m || m->has_ended(); });
    });
    const Words words = ended ? complaints() : "a process does not end";
    for (auto& member : members_) member.reset();
    return words;
  }

  // Every acknowledged write of all, and nothing else but what was under way at a death.
  [[nodiscard]] Words all_there(Db& db) const {
    for (int i = 0; i < order_.count; ++i) {
      const std::uint64_t last = acknowledged(i);
      for (std::uint64_t key = 0; key < kKeys; ++key) {
        const Result<std::optional<std::string>> found = db.get(key_of(i, key));
        if (!found) return found.status().to_string();
        if (Words wrong = compare(key, last, *found); !wrong.empty()) return key_of(i, key) + wrong;
      }
      Tally::counts().acknowledged.fetch_add(std::min(last, kKeys));
      Tally::counts().processes.fetch_add(1);
    }
    const Result<CheckReport> report = db.check();
    if (!report) return "check: " + report.status().to_string();
    return report->problems.empty() ? "" : "check: " + report->problems.front();
  }
  // Of each process what it had written at some moment: of a copy, made while they go on.
  [[nodiscard]] Words keeps_order(Db& db) const {
    for (int i = 0; i < order_.count; ++i) {
      std::uint64_t newest = 0;
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t key = 0; key < kKeys; ++key) {
        const Result<std::optional<std::string>> found = db.get(key_of(i, key));
        if (!found) return found.status().code() == StatusCode::kCorruption ? "" : "no answer";
        if (!*found) continue;
        numbers.push_back(number_in(**found));
        if (**found != value_of(numbers.back())) return " has a value that nobody wrote";
        newest = std::max(newest, numbers.back());
      }
      const std::uint64_t expected = std::min(newest + 1, kKeys);
      if (!numbers.empty() && numbers.size() != expected) return "of its keys some are missing";
      for (const std::uint64_t number : numbers) {
        if (number + kKeys <= newest) return "it has an older value beside newer ones";
      }
    }
    return "";
  }
  // The same as all_there of whoever opens it now.
  [[nodiscard]] Words all_there(const std::string& directory, Options options = {}) const {
    Result<Db> db = Db::open(directory, options);
    if (!db) return db.status().to_string();
    if (Words wrong = all_there(*db); !wrong.empty()) return wrong;
    const Status closed = db->close();
    return closed.ok() ? "" : closed.to_string();
  }

  [[nodiscard]] std::uint64_t acknowledged(int member) const {
    return board_->acknowledged[member].load();
  }
  // Whether what `db` shows of this process is as new as what it was told by now.
  [[nodiscard]] bool is_seen_by(Db& db, int member) const {
    const std::uint64_t last = acknowledged(member);
    if (last == 0) return false;
    const auto found = db.get(key_of(member, (last - 1) % kKeys));
    return found && *found && number_in(**found) >= last - 1;
  }

 private:
  struct Board {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> acknowledged[kMost];  // how many, from number 0 on
    std::atomic<bool> complains[kMost];
    char words[kMost][512];
  };

  [[nodiscard]] std::string key_of(int member, std::uint64_t key) const {
    return order_.name + std::to_string(member) + "-" + std::to_string(key);
  }
  static std::string value_of(std::uint64_t number) {
    std::string text = std::to_string(number) + " ";
    text.resize(100 + number % 13 * 100, static_cast<char>('a' + number % 26));
    return text;
  }
  static std::uint64_t number_in(const std::string& value) {
    return std::strtoull(value.c_str(), nullptr, 10);
  }

  // `last`: how many were acknowledged. One more may have been under way.
  static Words compare(std::uint64_t key, std::uint64_t last,
                       const std::optional<std::string>& found) {
    const std::uint64_t first = found ? number_in(*found) : 0;
    if (found && *found != value_of(first)) return " has a value that nobody wrote";
    if (found && (first % kKeys != key || first > last))
      return " has a value of later, or another's";
    if (key >= last) return "";
    const std::uint64_t newest = (last - 1 - key) / kKeys * kKeys + key;
    if (!found) return " is lost";
    return first >= newest ? "" : " has an older value than was acknowledged";
  }

  int work(int member) {
    const Words words = write_until_told(member);
    if (words.empty()) return 0;
    std::snprintf(board_->words[member], sizeof board_->words[member], "%s", words.c_str());
    board_->complains[member].store(true);
    return 1;
  }
  Words write_until_told(int member) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (order_.prepare) {
      if (Words words = order_.prepare(member); !words.empty()) return words;
    }
    const bool other_way = member % 2 == 1 && !order_.other_way.empty();
    Result<Db> db = Db::open(other_way ? order_.other_way : order_.directory, order_.options);
    if (!db) return db.status().to_string();
    for (std::uint64_t n = 0; !board_->stop.load(); ++n) {
      if (Status status = one_write(*db, member, n); !status.ok()) return status.to_string();
    }
    const Status closed = db->close();
    return closed.ok() ? "" : closed.to_string();
  }
  Status one_write(Db& db, int member, std::uint64_t n) {
    Status status = db.put(key_of(member, n % kKeys), value_of(n));
    if (!status.ok()) return status;
    board_->acknowledged[member].store(n + 1);
    if (n % 16 == 15) {
      const auto found = db.get(key_of(member, n % kKeys));
      if (!found) return found.status();
      if (*found != value_of(n))
        return Status(StatusCode::kCorruption, "its own write is not seen");
    }
    const bool flushes = n % 500 == 250 && static_cast<int>(n / 500 % 4) == member;
    return flushes ? db.flush() : status;
  }

  [[nodiscard]] bool alive(int member) const {
    return members_[static_cast<std::size_t>(member)] != nullptr;
  }
  // What the first said that ended before it was told to; or how it died.
  [[nodiscard]] Words complaints() const {
    for (int i = 0; i < order_.count; ++i) {
      if (board_->complains[i].load()) return board_->words[i];
      if (!alive(i)) continue;
      siginfo_t facts{};
      ::waitid(P_PID, static_cast<id_t>(pid(i)), &facts, WEXITED | WNOHANG | WNOWAIT);
      if (facts.si_pid == 0 || (facts.si_code == CLD_EXITED && facts.si_status == 0)) continue;
      return "process " + std::to_string(i) + " died of " + std::to_string(facts.si_status);
    }
    return "";
  }

  Order order_;
  SharedValue<Board> board_;
  std::vector<std::unique_ptr<ChildProcess>> members_;
};

}  // namespace tidelock::test
