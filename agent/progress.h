#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tidelock::agent {

// Says on standard error how far the run is: on a terminal some lines, rewritten often; elsewhere
// a plain line from time to time.
class Progress {
 public:
  // How often there is a plain line.
  explicit Progress(std::uint64_t plain_period_ns = 5'000'000'000);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The next moment at which `show` has something new to say.
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  // To a terminal `text` may be of several lines, the last one without an end.
  void show(const std::string& text);
  [[nodiscard]] bool is_terminal() const noexcept { return terminal_; }
  // Counts the periods from now on.
  void restart(std::uint64_t now_ns) noexcept { due_ns_ = now_ns + period_ns_; }
  // Leaves the last lines standing.
  void finish();

 private:
  bool terminal_;
  std::uint64_t period_ns_;
  bool open_ = false;            // the last line has no end yet
  std::size_t lines_above_ = 0;  // of what was shown last, without the last one
  std::uint64_t due_ns_ = 0;
};

}  // namespace tidelock::agent
