#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/random.h"
#include "agent/run_context.h"
#include "tidelock/db.h"

namespace tidelock::agent {

// The reads of one writer: of single keys, and of several at one point in the commit order, by a
// snapshot, which it keeps for a while and reads again, or by a walk. Each is judged at once by
// what the clients know of its keys together, and recorded if the history is to be verified. A
// contradiction goes to the run's state; the status is an error of the store.
class Reader {
 public:
  Reader(const Run& run, Db& db, std::uint32_t writer);

  [[nodiscard]] Status read_one(std::uint32_t key);
  [[nodiscard]] Status read_several(Random& random);
  // The snapshot that it keeps is of a handle that is about to be closed.
  void let_go() { kept_.reset(); }

 private:
  // One point, and what of it is looked at: keys that follow each other in byte order.
  struct View {
    std::optional<Snapshot> snapshot;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::vector<std::uint32_t> keys;
    std::vector<std::uint64_t> newest_begin_ns;  // of each key, known before the point was taken
    std::optional<std::uint32_t> point;          // in the log
    std::uint32_t uses_left = 0;
  };
  [[nodiscard]] View choose_keys(Random& random) const;
  [[nodiscard]] Status get_each(View& view);
  [[nodiscard]] Status walk(View& view, bool forwards);
  [[nodiscard]] Status note(View& view, std::size_t place, std::optional<std::string_view> value);

  const Run& run_;
  Db& db_;
  const std::uint32_t writer_;
  const Evidence evidence_;
  ReadLog* const log_;  // null: nothing is recorded
  WriterStats& stats_;
  std::optional<View> kept_;
  View single_;
  std::string key_buffer_;
};

}  // namespace tidelock::agent
