#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/clock.h"
#include "agent/random.h"
#include "agent/run_context.h"
#include "agent/stores/store.h"
#include "agent/took.h"

namespace tidelock::agent {

// The reads of one writer: of single keys, and of several at one point in the commit order, by a
// view, which it keeps for a while and reads again, or by a walk. If the run is judged, each is at
// once, by what the clients know of its keys together, and recorded if the history is to be
// verified. A contradiction goes to the run's state; the status is an error of the store.
class Reader {
 public:
  // The session may be exchanged for another while no view is kept.
  Reader(const Run& run, const std::unique_ptr<Session>& session, std::uint32_t writer);

  // `took` begins with the time at which the operation did, or 0 if nobody wants to know; then it
  // gets the times of the call.
  [[nodiscard]] Status get(std::uint32_t key, Took& took);
  [[nodiscard]] Status exists(std::uint32_t key, Took& took);
  // Up to `length` entries from the key on, forwards or backwards.
  [[nodiscard]] Status scan(std::uint32_t key, std::uint32_t length, bool forwards, Took& took);
  [[nodiscard]] Status read_several(Random& random, Took& took);
  // These keys, at one point.
  [[nodiscard]] Status read_together(std::vector<std::uint32_t> keys, Took& took);
  // What was read at the last point, if the run is recorded.
  [[nodiscard]] std::span<const std::uint32_t> last_keys() const noexcept { return last_keys_; }
  // The view that it keeps is of a store that is about to be closed.
  void let_go() { kept_.reset(); }

 private:
  // One point, and what of it is looked at: keys that follow each other in byte order.
  struct Look {
    std::unique_ptr<View> view;  // null: the newest entries
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::vector<std::uint32_t> keys;
    std::vector<KeyFacts> known;         // of each key, before the point was taken
    std::optional<std::uint32_t> point;  // in the log
    std::uint32_t uses_left = 0;
    std::uint64_t keep_until_ns = 0;
  };
  [[nodiscard]] Look choose_keys(Random& random) const;
  // So many keys from a place in byte order on.
  [[nodiscard]] Look look_at(std::uint32_t place, std::uint32_t count) const;
  // So many keys that have been inserted: this one, and its neighbours on one side.
  [[nodiscard]] Look look_from(std::uint32_t key, std::uint32_t count, bool forwards) const;
  [[nodiscard]] Look look_at(std::vector<std::uint32_t> keys) const;
  [[nodiscard]] Status scan_unjudged(std::uint32_t key, std::uint32_t length, bool forwards);
  [[nodiscard]] Status read_at_one_point(Random& random, Took& took);
  [[nodiscard]] Status take_view(Look& look);
  // Reads, and judges what was found when the operation is over.
  template <typename Read>
  [[nodiscard]] Status judge_after(Look& look, Took& took, Read read);
  [[nodiscard]] Status get_each(Look& look);
  [[nodiscard]] Status walk(Look& look, bool forwards);
  [[nodiscard]] KeyFacts facts_of(std::uint32_t key) const noexcept;
  // What was found under several keys is kept until the operation is over, and judged then: the
  // time that it takes is none of the store's. Much of it is judged in between, off the clock.
  [[nodiscard]] Status keep(Look& look, std::size_t place, std::optional<std::string_view> value);
  [[nodiscard]] Status note_kept(Look& look);
  // When an operation ended that ends now.
  [[nodiscard]] std::uint64_t end_ns() const noexcept { return now_ns() - paused_ns_; }
  [[nodiscard]] Status note(Look& look, std::size_t place, std::optional<std::string_view> value);
  [[nodiscard]] Status note(Look& look, std::size_t place, const Finding& finding);

  const Run& run_;
  const std::unique_ptr<Session>& session_;
  const std::uint32_t writer_;
  const Evidence evidence_;
  const bool judged_;
  ReadLog* const log_;  // null: nothing is recorded
  WriterStats& stats_;
  std::vector<std::uint32_t> last_keys_;
  std::optional<Look> kept_;
  Look single_;
  std::string key_buffer_;
  std::string end_buffer_;
  std::string value_;

  struct Kept {
    std::size_t place;
    std::optional<std::size_t> end;  // of the value in `kept_values_`; nullopt: nothing
  };
  std::vector<Kept> kept_findings_;
  std::string kept_values_;  // one after the other
  std::uint64_t paused_ns_ = 0;
};

}  // namespace tidelock::agent
