#include <ostream>

#include "agent/summary.h"

namespace tidelock::agent {
namespace {

void print(std::ostream& out, const Percentiles& p) {
  out << ',' << p.p50 << ',' << p.p99 << ',' << p.p999 << ',' << p.max;
}

void print(std::ostream& out, const std::optional<std::uint64_t>& bytes) {
  out << ',';
  if (bytes) out << *bytes;
}

void print_heads(std::ostream& out) {
  out << "end_s,seconds,operations,reads,writes,reads_per_second,writes_per_second";
  for (const std::string_view action : kActionNames) out << ',' << action;
  for (const char* kind : {"", "read_", "write_"}) {
    for (const char* figure : {"p50", "p99", "p999", "max"}) {
      out << ',' << kind << "latency_" << figure << "_us";
    }
  }
  out << ",retries,refused,failed,backed_off_s,kills,jain,cpu_s,memory_bytes,directory_bytes\n";
}

}  // namespace

void print_csv(std::ostream& out, const Run&, const Report& report) {
  const auto precision = out.precision(12);
  print_heads(out);
  for (const Interval& interval : report.intervals) {
    out << interval.end_s << ',' << interval.seconds << ',' << interval.operations() << ','
        << interval.reads << ',' << interval.writes << ',' << interval.per_second(interval.reads)
        << ',' << interval.per_second(interval.writes);
    for (const std::uint64_t count : interval.actions) out << ',' << count;
    print(out, interval.latency_us);
    print(out, interval.read_latency_us);
    print(out, interval.write_latency_us);
    out << ',' << interval.retries << ',' << interval.refused << ',' << interval.failed << ','
        << interval.backed_off_s << ',' << interval.kills << ',' << interval.jain << ','
        << interval.cpu_s;
    print(out, interval.memory_bytes);
    print(out, interval.directory_bytes);
    out << '\n';
  }
  out.precision(precision);
}

}  // namespace tidelock::agent
