#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/run_state.h"

namespace tidelock::agent {

// Cuts a run into windows so short that who has to stand back for some hundred milliseconds is
// missing in one, which over the whole run evens out, and takes the Jain index of what each thread
// got done in each window. Left out are threads that had come to their end, windows in which nobody
// got anything done, and what remains after the last whole window.
class Fairness {
 public:
  static constexpr std::uint64_t kWindow = 100'000'000;  // ns

  explicit Fairness(std::span<const WriterStats> writers) : writers_(writers) {}

  void begin(std::uint64_t now_ns);
  // When the window is over; never before `begin`.
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  // Ends a window and begins the next one; what comes late made its window longer.
  void look(std::uint64_t now_ns);

  [[nodiscard]] std::size_t windows() const noexcept { return indices_.size(); }
  // Of the windows' indices. Without a window nothing is known.
  [[nodiscard]] std::optional<double> median() const;

 private:
  std::span<const WriterStats> writers_;
  std::uint64_t due_ns_ = UINT64_MAX;
  std::vector<std::uint64_t> done_;  // by each thread, when the window began
  std::vector<double> indices_;
};

}  // namespace tidelock::agent
