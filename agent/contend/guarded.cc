#include "agent/contend/guarded.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace tidelock::agent::contend {
namespace {

// The least of several: what others on the machine add is no work.
double stay_ns(Guarded& guarded, std::uint32_t stores) {
  constexpr int kSamples = 15;
  const int stays = static_cast<int>(std::max(20u, 200'000 / (stores + 20)));
  double least = std::numeric_limits<double>::max();
  for (int sample = 0; sample < kSamples; ++sample) {
    const std::uint64_t start = now_ns();
    for (int i = 0; i < stays; ++i) {
      Stay stay(guarded);
      stay.work(stores);
      (void)stay.end();
    }
    least = std::min(least, static_cast<double>(now_ns() - start) / stays);
  }
  return least;
}

}  // namespace

Calibration calibrate(std::uint32_t critical_ns) {
  const auto guarded = std::make_unique<Guarded>();
  guarded->begin_watch(now_ns());
  constexpr std::uint32_t kProbe = 2'000;
  const double nothing = stay_ns(*guarded, 0);
  const double per_store = std::max(0.01, (stay_ns(*guarded, kProbe) - nothing) / kProbe);
  const double stores = std::max(0.0, (critical_ns - nothing) / per_store);
  Calibration calibration{.stores = static_cast<std::uint32_t>(std::lround(stores))};
  calibration.stay_ns = stay_ns(*guarded, calibration.stores);
  return calibration;
}

}  // namespace tidelock::agent::contend
