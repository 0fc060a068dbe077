#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "calls/journal.h"
#include "tidelock/db.h"

// The scripted life of a database in chapters, which hold everything that a program can do to one.
namespace tidelock::test {

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

// What there is when a chapter begins.
enum class Start : std::uint8_t {
  kNothing,
  kClosed,    // a database as it was closed, of an earlier boot
  kUnsynced,  // the same, whose last edit of the manifest was perhaps not synced
};

struct Chapter {
  const char* name;
  void (Life::*run)();
  Start start;
};
inline constexpr Chapter kChapters[] = {
    {"creation", &Life::create, Start::kNothing},  {"growth", &Life::grow, Start::kClosed},
    {"upkeep", &Life::keep_house, Start::kClosed}, {"mending", &Life::recover, Start::kUnsynced},
    {"repair", &Life::repair, Start::kClosed},     {"destruction", &Life::destroy, Start::kClosed},
};
inline constexpr Chapter kCompany{"company", &Life::go_along, Start::kClosed};
inline constexpr Chapter kDurableWrites{"durable writes", &Life::write_durably, Start::kClosed};
inline constexpr Chapter kRecovery{"recovery", &Life::recover, Start::kNothing};

// Where a life makes the repaired database.
[[nodiscard]] std::string repaired(const std::string& path);
// Without a thread, and with small memtables.
[[nodiscard]] Options life_options(OpenMode mode);
[[nodiscard]] Options reader_options();

}  // namespace tidelock::test
