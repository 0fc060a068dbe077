#include <ostream>

#include "agent/summary.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

double per(double amount, std::uint64_t count) {
  return count == 0 ? 0 : amount / static_cast<double>(count);
}

void print_spread(std::ostream& out, const char* name, const Spread& spread, std::size_t count) {
  out << name << " over " << counted(count, "interval") << ": average " << rounded(spread.average)
      << ", minimum " << rounded(spread.minimum) << ", maximum " << rounded(spread.maximum)
      << ", median " << rounded(spread.median) << ", standard deviation "
      << rounded(spread.deviation) << '\n';
}

void print_cpu(std::ostream& out, const Report& report) {
  const Usage& usage = report.resources.usage;
  constexpr double kSecond = 1e9, kMicrosecond = 1e3;
  out << "CPU: " << with_decimals(static_cast<double>(usage.user_ns) / kSecond, 2) << " s user, "
      << with_decimals(static_cast<double>(usage.system_ns) / kSecond, 2) << " s system, "
      << rounded(per(static_cast<double>(usage.cpu_ns()) / kMicrosecond, report.operations))
      << " us an operation; context switches an operation: "
      << rounded(per(static_cast<double>(usage.voluntary_switches), report.operations))
      << " voluntary, "
      << rounded(per(static_cast<double>(usage.involuntary_switches), report.operations))
      << " involuntary\n";
}

void print_bytes(std::ostream& out, const Run& run, const Report& report) {
  const Resources& resources = report.resources;
  const Usage& usage = resources.usage;
  out << "written: " << in_bytes(resources.user_bytes) << " of keys and values";
  if (usage.io_known) {
    out << ", " << in_bytes(usage.call_bytes) << " in write calls ("
        << rounded(per(static_cast<double>(usage.call_bytes), resources.user_bytes))
        << " a byte of them), " << in_bytes(usage.storage_bytes) << " in dirtied pages of files ("
        << rounded(per(static_cast<double>(usage.storage_bytes), resources.user_bytes)) << ")";
    if (run.settings.verify != Verify::kNone) out << ", the agent's journals included";
  }
  out << '\n';
  if (resources.directory_end_bytes) {
    out << "on disk: " << in_bytes(*resources.directory_end_bytes) << " in the end";
    if (resources.directory_begin_bytes) {
      out << ", " << in_bytes(*resources.directory_begin_bytes) << " at the begin";
    }
    out << '\n';
  }
  if (resources.memory_peak_bytes) {
    out << "memory: at most " << in_bytes(*resources.memory_peak_bytes)
        << " of all clients, what they share counted once\n";
  }
}

}  // namespace

void print_measures(std::ostream& out, const Run& run, const Report& report) {
  print_spread(out, "writes/s", report.writes_per_second, report.whole_intervals);
  print_spread(out, "reads/s", report.reads_per_second, report.whole_intervals);
  out << "time lost in backoff: " << with_decimals(report.backed_off_s, 2)
      << " s of all clients together; longest gap of a client between two operations: "
      << rounded(report.longest_gap_ms) << " ms";
  if (run.settings.latency_sample != 1) {
    out << " (of one in " << run.settings.latency_sample << " that are timed)";
  }
  out << '\n';
  print_cpu(out, report);
  print_bytes(out, run, report);
}

}  // namespace tidelock::agent
