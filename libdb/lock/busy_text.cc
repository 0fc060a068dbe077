#include "lock/busy_text.h"

#include <chrono>
#include <cstdint>

namespace tidelock::lock {

namespace {

// "350 ms", "3.2 s", "5 min 12 s", "3 h 5 min".
std::string time_text(std::chrono::nanoseconds time) {
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return std::to_string(ms / 1'000) + "." + std::to_string(ms / 100 % 10) + " s";
  const std::int64_t minutes = ms / 60'000;
  if (minutes < 60) {
    return std::to_string(minutes) + " min " + std::to_string(ms / 1'000 % 60) + " s";
  }
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

// "1st", "2nd", "3rd", "4th", "11th", "21st".
std::string ordinal(std::uint32_t place) {
  const bool teen = place % 100 >= 11 && place % 100 <= 13;
  const char* ending = teen              ? "th"
                       : place % 10 == 1 ? "st"
                       : place % 10 == 2 ? "nd"
                       : place % 10 == 3 ? "rd"
                                         : "th";
  return std::to_string(place) + ending;
}

}  // namespace

std::string busy_text(const BusyInfo& busy) {
  std::string text = "held by ";
  if (busy.holder_pid == 0) {
    text += "another";
  } else {
    text += "pid " + std::to_string(busy.holder_pid) + " (" + busy.holder_label + ")";
  }
  if (busy.held_for.count() != 0) text += " for " + time_text(busy.held_for);
  text += "; ";
  if (busy.waiters == 0) {
    text += "nobody waits";
  } else {
    text += std::to_string(busy.waiters) + (busy.waiters == 1 ? " waits" : " wait");
  }
  if (busy.queue_place != 0) text += ", you are " + ordinal(busy.queue_place);
  return text;
}

}  // namespace tidelock::lock
