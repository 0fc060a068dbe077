#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

// The scripted life of a database in chapters, which hold everything that a program can do to one,
// and what must be true of the database wherever they were cut short.
namespace tidelock::test {

// What was written, kept where no death reaches. Rounds are written one after the other, each a
// batch whose operations follow from its number.
struct Journal {
  static constexpr int kRoundsMax = 512;
  enum class Fate : std::uint8_t {
    kUnknown,  // begun, and not known to have ended
    kThere,
    kNotThere,
  };
  enum class Phase : std::uint8_t { kInUse, kBeingRepaired, kBeingDestroyed };

  std::atomic<int> begun{0};
  std::atomic<Fate> fates[kRoundsMax];
  std::atomic<std::uint32_t> fillers[kRoundsMax];  // bytes of one more entry
  std::atomic<Phase> phase{Phase::kInUse};
  bool syncs_may_fail = false;  // so that the log may have to go to tables first

  void copy(const Journal& other);
};

// One process that lives by the script. Without a thread, so that the N-th system call of two lives
// is the same.
class Life {
 public:
  enum class Next : std::uint8_t {
    kOn,
    kAgain,
    kReopen,  // and make the call again
  };
  // Is told what each call of the interface answered.
  using Told = std::function<Next(const char* operation, const Status&)>;
  Life(std::string path, Journal& journal, Told told)
      : path_(std::move(path)), journal_(journal), told_(std::move(told)) {}

  void create();
  void grow();
  void keep_house();
  void repair();
  void destroy();
  // What one process does among others.
  void go_along();
  void write_durably();
  // What comes after a death.
  void recover();

  // Answers that were no errors, and not right.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void open();
  void close();
  void on_handle(const char* operation, const std::function<Status(Db&)>& act);
  [[nodiscard]] Status answer_of(const std::function<Status()>& act) const;
  void on_directory(const char* operation, const std::function<Status()>& act);
  void write(Durability durability, std::size_t filler = 0);
  void write_all_ways();
  void read();
  void read_from_outside();

  std::string path_;
  Journal& journal_;
  Told told_;
  std::optional<Db> db_;
  std::string wrong_;
};

struct Chapter {
  const char* name;
  void (Life::*run)();
  bool from_image;  // on a copy of the image; else where there is nothing yet
};
inline constexpr Chapter kChapters[] = {
    {"creation", &Life::create, false},    {"growth", &Life::grow, true},
    {"upkeep", &Life::keep_house, true},   {"repair", &Life::repair, true},
    {"destruction", &Life::destroy, true},
};
inline constexpr Chapter kCompany{"company", &Life::go_along, true};
inline constexpr Chapter kDurableWrites{"durable writes", &Life::write_durably, true};
inline constexpr Chapter kRecovery{"recovery", &Life::recover, false};

// A small database that was closed, and is copied: then opened as after a reboot.
class Image {
 public:
  Image();
  void copy_to(const std::string& path, Journal& journal) const;

 private:
  TemporaryDirectory directory_{Where::kMemory};
  SharedValue<Journal> journal_;
};

// Keys that begin so are not of the journal.
inline constexpr char kOutsideOfJournal[] = "~";

// Where a life makes the repaired database.
[[nodiscard]] std::string repaired(const std::string& path);

// Each of these returns what is wrong, or nothing.
//
// The handle sees what the journal says, batches whole; rounds of unknown fate are settled by it.
[[nodiscard]] std::string judge_content(Db& db, Journal& journal);
// Besides, `check` finds nothing, and writes go on.
[[nodiscard]] std::string judge_handle(Db& db, Journal& journal);
// The same for whoever opens it next, and for what a repair or a destruction left.
[[nodiscard]] std::string judge_directory(const std::string& path, Journal& journal);

// Another process that has it open while `act` runs. What is wrong then.
[[nodiscard]] std::string judge_company(const std::string& path, Journal& journal,
                                        const std::function<std::string()>& act);

// As after a reboot: what is only a cache is gone.
void forget_shared_state(const std::string& path);

}  // namespace tidelock::test
