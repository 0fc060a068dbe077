#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/units.h"

namespace tidelock::cli {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr auto kInterval = std::chrono::milliseconds(100);

std::string bar(double share) {
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, ' ') + "] " +
         std::to_string(static_cast<int>(share * 100)) + " %  ";
}

}  // namespace

Progress::Progress(std::string what, Unit unit, std::optional<std::uint64_t> total)
    : what_(std::move(what)), unit_(unit), total_(total), enabled_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

std::chrono::nanoseconds Progress::elapsed() const {
  return std::chrono::steady_clock::now() - started_;
}

void Progress::update(std::uint64_t done) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_drawing_) return;
  next_drawing_ = now + kInterval;
  drawn_ = true;
  std::fprintf(stderr, "\r\033[K%s", line(done).c_str());
  std::fflush(stderr);
}

std::string Progress::line(std::uint64_t done) const {
  const double seconds = std::max(std::chrono::duration<double>(elapsed()).count(), 1e-3);
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(done) / seconds);
  std::string text = what_ + "  ";
  if (total_ && *total_ > 0) {
    text += bar(std::min(1.0, static_cast<double>(done) / static_cast<double>(*total_)));
  }
  return text + amount(done) + "  " + amount(rate) + "/s";
}

std::string Progress::amount(std::uint64_t count) const {
  return unit_ == Unit::kBytes ? show_size(count) : show_count(count);
}

}  // namespace tidelock::cli
