#include "agent/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "agent/clock.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kTerminalPeriodNs = 200'000'000;

}  // namespace

Progress::Progress(std::uint64_t plain_period_ns)
    : terminal_(::isatty(STDERR_FILENO) == 1),
      period_ns_(terminal_ ? kTerminalPeriodNs : plain_period_ns),
      due_ns_(now_ns() + (terminal_ ? 0 : period_ns_)) {}

Progress::~Progress() {
  finish();
}

void Progress::show(const std::string& text) {
  if (terminal_) {
    // Back to the first line, and all below it away. Lines that are too long are cut, not wrapped:
    // else there would be more of them than is known here.
    std::cerr << '\r';
    if (lines_above_ != 0) std::cerr << "\033[" << lines_above_ << 'A';
    std::cerr << "\033[J\033[?7l" << text << "\033[?7h" << std::flush;
    lines_above_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    open_ = true;
  } else {
    std::cerr << text << '\n';
  }
  // From the time at which it was due, so that delays do not add up.
  due_ns_ = std::max(due_ns_ + period_ns_, now_ns());
}

void Progress::finish() {
  if (open_) std::cerr << '\n';
  open_ = false;
  lines_above_ = 0;
}

}  // namespace tidelock::agent
