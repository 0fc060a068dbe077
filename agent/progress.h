#pragma once

#include <cstdint>
#include <string>

namespace tidelock::agent {

// Says on standard error how far the run is: on a terminal one line, rewritten often; elsewhere
// a plain line from time to time.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The next moment at which `show` has something new to say.
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  void show(const std::string& text);
  // Leaves the last line standing.
  void finish();

 private:
  bool terminal_;
  bool line_open_ = false;
  std::uint64_t due_ns_ = 0;
};

}  // namespace tidelock::agent
