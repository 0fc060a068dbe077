#include "agent/option_needs.h"

namespace tidelock::agent {
namespace {

struct Need {
  const char* option;
  const char* other;
  bool met;
};

}  // namespace

std::string missing_need(const CLI::App& run, const Settings& settings) {
  const ActionMix& mix = settings.workload.mix;
  const bool replays = !settings.replay.empty();
  const bool scans = mix.share(Action::kScan) + mix.share(Action::kScanBack) > 0;
  const bool views = mix.share(Action::kView) > 0 || replays;
  const bool hotspot = settings.workload.keys.order == KeyOrder::kHotspot;
  const bool kills = settings.kill_every.count() != 0;
  const bool stops = settings.stop_every.count() != 0;
  const bool tries_again = settings.wait == Wait::Policy::kFailFast;
  const Need needs[] = {{"--spare", "--kill-every", kills},
                        {"--kill-all-every", "--kill-every", kills},
                        {"--aim-percent", "--kill-every", kills},
                        {"--lose-state", "--kill-every", kills},
                        {"--lose-state", "--kill-all-every", settings.kill_all_every != 0},
                        {"--stop-for", "--stop-every", stops},
                        {"--slow-think", "--slow", settings.slow != 0},
                        {"--hold-view", "--mix with view, or --snapshot-percent", views},
                        {"--scan-length", "--mix with scan, or --workload e", scans && !replays},
                        {"--hot-keys", "--keys hotspot", hotspot},
                        {"--hot-operations", "--keys hotspot", hotspot},
                        {"--replay-timing", "--replay", replays},
                        {"--backoff", "--wait fail-fast", tries_again},
                        {"--backoff-base", "--wait fail-fast", tries_again},
                        {"--backoff-cap", "--wait fail-fast", tries_again}};
  for (const Need& need : needs) {
    if (!need.met && run.count(need.option) != 0) {
      return std::string(need.option) + " means nothing without " + need.other;
    }
  }
  return {};
}

}  // namespace tidelock::agent
