#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "power/recorder.h"
#include "support/shared_value.h"
#include "tidelock/db.h"

// What clients wrote in one life of a database, from one boot to the power cut, and what of it may
// and must be found afterwards.
namespace tidelock::test {

// Content by origin: which write of which number a value comes from. Values are made again to
// compare.
struct Origin {
  std::uint64_t write = 0;
  std::uint32_t slot = 0;
  bool operator==(const Origin&) const = default;
};
using Model = std::map<std::string, Origin>;

// Kept in memory that clients share, where no death reaches it. Times are ticks of the recording.
struct Journal {
  static constexpr std::size_t kWritesMax = 8192;

  struct Write {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> position{0};  // what its order would be, taken before the append
    std::atomic<std::uint64_t> order{0};     // taken inside the commit; 0: not committed
  };
  // Everything of that order, and all before it, was said to survive a power cut.
  struct Acknowledgement {
    std::atomic<std::uint64_t> order{0};
    std::atomic<std::uint64_t> time{0};
  };

  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> acknowledgements{0};
  Write write[kWritesMax];
  Acknowledgement acknowledgement[2 * kWritesMax];

  void clear();
};

class History {
 public:
  explicit History(std::uint64_t seed) : seed_(seed) {}

  // Begins another life, whose writes have this number and higher ones...
  void begin(std::uint64_t first_write);
  // ... with what the last one left.
  void found(Model model) { start_ = std::move(model); }

  // A new batch of random puts and erases, and of its number under the key `last`: the number.
  std::uint64_t begin_write(Batch& batch);
  // Visitor of crash points: takes the order of a write while its writer holds the lock.
  static void visit(const char* point);
  // What was committed before this was called...
  [[nodiscard]] std::uint64_t commits() const { return journal_->commits.load(); }
  // ... or by a write, or by what `last` was read as: its order; 0 if it is of an earlier life.
  [[nodiscard]] std::uint64_t order_of(std::uint64_t write) const;
  // ... is durable, as the database has just said.
  void acknowledge(std::uint64_t order);

  // A rebuild has taken up this record, whose writer died before he committed it.
  void take_up(std::uint64_t write);

  // A power cut: it came between these times.
  struct Cut {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  // Whether a database may hold this after a power cut; the model that it agrees with, or what is
  // wrong.
  struct Verdict {
    std::optional<Model> model;
    std::string problem;
    std::uint64_t required = 0;  // how many commits had to survive...
    std::uint64_t survived = 0;  // ... and did
  };
  [[nodiscard]] Verdict judge(const std::map<std::string, std::string>& found, Cut cut) const;

  [[nodiscard]] Recording& recording() { return recording_; }
  [[nodiscard]] const Recording& recording() const { return recording_; }
  [[nodiscard]] std::uint64_t first_write() const { return first_write_; }
  [[nodiscard]] std::uint64_t next_write() const { return first_write_ + journal_->writes.load(); }

 private:
  void apply(Model& model, std::uint64_t write) const;
  [[nodiscard]] std::string value_of(const Origin& origin) const;

  std::uint64_t seed_;
  std::uint64_t first_write_ = 1;
  Model start_;
  Recording recording_;
  SharedValue<Journal> journal_;
};

}  // namespace tidelock::test
