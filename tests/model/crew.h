#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/answer.h"
#include "model/db_player.h"
#include "model/trace.h"
#include "support/child_process.h"
#include "support/shared_value.h"
#include "tidelock/options.h"

// Processes that have one database open and answer operations in turns.
namespace tidelock::test {

inline constexpr std::size_t kTraceMax = std::size_t{1} << 16;

// In memory that all share.
struct Board {
  std::array<Record, kTraceMax> answers;
  std::array<char, 400> trouble;  // what was said of the last call that failed
  // What the database has met, as far as a process saw before it closed.
  std::atomic<std::uint64_t> rolls;
  std::atomic<std::uint64_t> flushes;
  std::atomic<std::uint64_t> compactions;
  std::atomic<std::uint64_t> repeats;
};

class Crew {
 public:
  // None has it open yet.
  Crew(std::size_t members, std::string path, Options options, const Trace& trace, Board& board);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Each of these waits for the member, or all. False: it failed or died.
  [[nodiscard]] bool reopen(std::size_t member);
  [[nodiscard]] bool open_all();
  [[nodiscard]] bool close_all();
  // From one operation to before another.
  [[nodiscard]] bool answer(std::size_t member, std::size_t begin, std::size_t end);
  // All but that one.
  [[nodiscard]] bool follow(std::size_t member, std::size_t operation);
  // Dies between two operations, and another takes its place.
  [[nodiscard]] bool kill(std::size_t member);
  // Where it is, and where to look for it at the next opening: the path given and a number.
  [[nodiscard]] std::string place() const { return path_ + std::to_string(place_); }
  [[nodiscard]] std::string next_place() const { return path_ + std::to_string(place_ + 1); }
  void move_on() { ++place_; }

 private:
  struct Member {
    ~Member();
    int socket;
    ChildProcess process;  // killed with it
  };
  struct Order {
    enum class Kind : std::uint32_t { kOpen, kClose, kAnswer, kFollow } kind;
    std::uint32_t begin;
    std::uint32_t end;
  };
  [[nodiscard]] std::unique_ptr<Member> recruit() const;
  int obey(int socket) const;
  void report(DbPlayer& player, const Status& status) const;
  void write_down(const std::string& trouble) const;
  [[nodiscard]] static bool tell(const Member& member, const Order& order);

  std::string path_;
  std::uint32_t place_ = 0;
  Options options_;
  const Trace& trace_;
  Board& board_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace tidelock::test
