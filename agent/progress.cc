#include "agent/progress.h"

#include <unistd.h>

#include <iostream>

#include "agent/clock.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kTerminalPeriodNs = 200'000'000;
constexpr std::uint64_t kPlainPeriodNs = 5'000'000'000;

}  // namespace

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {
  due_ns_ = now_ns() + (terminal_ ? 0 : kPlainPeriodNs);
}

Progress::~Progress() {
  finish();
}

void Progress::show(const std::string& text) {
  if (terminal_) {
    std::cerr << "\r\033[K" << text << std::flush;
    line_open_ = true;
  } else {
    std::cerr << text << '\n';
  }
  due_ns_ = now_ns() + (terminal_ ? kTerminalPeriodNs : kPlainPeriodNs);
}

void Progress::finish() {
  if (line_open_) std::cerr << '\n';
  line_open_ = false;
}

}  // namespace tidelock::agent
