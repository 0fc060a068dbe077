#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tidelock::cli {

// A line on standard error that is redrawn some times a second while work goes on; nothing at all
// when standard error is no terminal. Erased when it ends.
class Progress {
 public:
  enum class Unit : std::uint8_t { kBytes, kEntries };

  // Without a total there is no bar, only what is done and how fast.
  Progress(std::string what, Unit unit, std::optional<std::uint64_t> total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void update(std::uint64_t done);
  [[nodiscard]] std::chrono::nanoseconds elapsed() const;

 private:
  [[nodiscard]] std::string line(std::uint64_t done) const;
  [[nodiscard]] std::string amount(std::uint64_t count) const;

  std::string what_;
  Unit unit_;
  std::optional<std::uint64_t> total_;
  bool enabled_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_drawing_ = started_;
};

}  // namespace tidelock::cli
