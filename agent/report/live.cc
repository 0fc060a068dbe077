#include "agent/report/live.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "agent/words.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kClientsShown = 60, kBarWidth = 24;

// One character a client, as high as its share.
std::string bars(std::span<const double> clients) {
  static constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = clients.empty() ? 0 : *std::max_element(clients.begin(), clients.end());
  std::string text;
  for (const double share : clients.first(std::min(clients.size(), kClientsShown))) {
    if (share == 0) {
      text += ' ';
    } else {
      text += kHeights[static_cast<std::size_t>(std::lround(share / most * 7))];
    }
  }
  return clients.size() > kClientsShown ? text + "…" : text;
}

std::string bar(double share) {
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
}

std::string how_far(const Moment& moment) {
  double share = -1;
  std::string text = with_decimals(moment.elapsed_s, 1) + " s";
  if (moment.length_s > 0) {
    share = moment.elapsed_s / moment.length_s;
    text += ", " + with_decimals(std::max(0.0, moment.length_s - moment.elapsed_s), 0) + " s left";
  } else if (moment.operations_to_do != 0) {
    share = static_cast<double>(moment.operations) / static_cast<double>(moment.operations_to_do);
  }
  if (share < 0) return text;
  return bar(share) + text;
}

std::string figures(const Interval& interval, const char* after_rates) {
  const Percentiles& us = interval.latency_us;
  return grouped(static_cast<std::uint64_t>(interval.per_second(interval.reads))) + " reads/s  " +
         grouped(static_cast<std::uint64_t>(interval.per_second(interval.writes))) + " writes/s" +
         after_rates + "p50 " + rounded(us.p50) + "  p99 " + rounded(us.p99) + "  max " +
         rounded(us.max) + " us";
}

std::string events(const Moment& moment) {
  return counted(moment.operations, "operation") + "  " + grouped(moment.retries) + " retries  " +
         counted(moment.kills, "kill") + "  " + counted(moment.contradictions, "contradiction");
}

}  // namespace

std::string plain_line(const Loading& loading) {
  std::string text = "preload: " + grouped(loading.loaded) + " of " + counted(loading.keys, "key");
  if (loading.loaded == 0 || loading.elapsed_s <= 0) return text;
  const double rate = static_cast<double>(loading.loaded) / loading.elapsed_s;
  const auto left = static_cast<double>(loading.keys - std::min(loading.keys, loading.loaded));
  return text + ", " + rounded(rate) + " keys/s, " + with_decimals(left / rate, 0) + " s left";
}

std::string live_view(const Loading& loading) {
  const auto keys = static_cast<double>(std::max<std::uint64_t>(loading.keys, 1));
  return bar(static_cast<double>(loading.loaded) / keys) + plain_line(loading);
}

std::string live_view(const Moment& moment) {
  std::string text = how_far(moment) + "\n" + events(moment);
  if (moment.interval == nullptr) return text;
  const Interval& interval = *moment.interval;
  text += "\n" + figures(interval, "\nlatency   ") + "\nfairness  " +
          with_decimals(interval.jain, 3) + "  " + bars(moment.clients) + "\nmachine   " +
          with_decimals(interval.seconds > 0 ? interval.cpu_s / interval.seconds : 0, 2) + " CPUs";
  if (interval.memory_bytes) text += ", " + in_bytes(*interval.memory_bytes) + " of memory";
  if (interval.directory_bytes) text += ", " + in_bytes(*interval.directory_bytes) + " on disk";
  return text;
}

std::string plain_line(const Moment& moment) {
  char time[32];
  std::snprintf(time, sizeof time, "%6.1f s  ", moment.elapsed_s);
  std::string text = time + events(moment);
  if (moment.interval == nullptr) return text;
  return text + "  " + figures(*moment.interval, "  ") + "  Jain " +
         with_decimals(moment.interval->jain, 3);
}

}  // namespace tidelock::agent
