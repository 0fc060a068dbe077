#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tidelock/status.h"

namespace tidelock::agent {

// How often a client means to begin an operation: a row of phases, over and over, in each of which
// the rate is steady, or rises or falls evenly, or is as high as can be.
class Pace {
 public:
  // Operations a second, as "1000"; or phases "RATE:SECONDS", the rate as "1000", "0-5000" for a
  // ramp, 0 for a pause, or "max": "0-5000:30,5000:60,max:5,0:5". kInvalid.
  [[nodiscard]] static Result<Pace> parse(std::string_view text);
  [[nodiscard]] static Pace steady(double rate);
  Pace() = default;  // as fast as it can

  [[nodiscard]] bool unlimited() const noexcept { return phases_.empty(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  friend class Schedule;
  struct Phase {
    bool unlimited = false;
    double first_rate = 0;  // operations a second
    double last_rate = 0;
    double seconds = 0;
  };
  [[nodiscard]] static Result<Phase> parse_phase(std::string_view text);

  std::vector<Phase> phases_;
  std::string text_;
};

// When one client is to begin its operations. With a rate that is an open loop: slow answers do not
// make it ask less, and what was due meanwhile is late, which is measured ("coordinated omission",
// G. Tene).
class Schedule {
 public:
  // From a time on, in ns from the start of the run; `lead`, of 1, is how much of the first
  // operation was due before. The pace is not unlimited.
  Schedule(const Pace& pace, std::uint64_t begin_ns, double lead);

  struct Due {
    std::uint64_t ns = 0;  // from the start of the run
    bool intended = true;  // false: as fast as can, so nothing can be late
  };
  // When the operation that lies so many ahead is due, with 1 the next one; those before it are
  // left out. Without a pace that is at `now_ns`.
  [[nodiscard]] Due next(std::uint64_t now_ns, std::uint64_t operations = 1);

 private:
  void enter_next_phase();
  void catch_up(double now);

  const Pace& pace_;
  std::size_t phase_ = 0;
  double phase_begin_ = 0;  // seconds from the start of the run
  double at_ = 0;           // how far the schedule has come
  double lead_;             // of the next operation, due before `at_`
};

}  // namespace tidelock::agent
