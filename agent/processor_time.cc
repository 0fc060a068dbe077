#include "agent/processor_time.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace tidelock::agent {
namespace {

double seconds(const ::timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessorTime processor_time() {
  ProcessorTime time;
  // "cpu user nice system idle iowait irq softirq steal ...", in ticks.
  std::ifstream file("/proc/stat");
  std::string name;
  double ticks[8] = {};
  file >> name;
  for (double& each : ticks) file >> each;
  if (file) {
    const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
    time.busy = busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    ::rusage usage{};
    ::getrusage(who, &usage);
    time.own += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return time;
}

double share_of_others(const ProcessorTime& begin, const ProcessorTime& end) noexcept {
  const double busy = end.busy - begin.busy;
  if (busy <= 0) return 0;
  return std::clamp(1 - (end.own - begin.own) / busy, 0.0, 1.0);
}

}  // namespace tidelock::agent
