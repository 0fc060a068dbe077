#include "agent/plan.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kFew = 1'000'000;  // operations; of many more not each is looked at

void note_never_begun(const Run& run, std::uint32_t writer, std::uint64_t length_ns,
                      Random& random) {
  WriterStats& stats = run.state.writers()[writer];
  const ActionMix mix = mix_of(run.settings, writer);
  Schedule schedule = schedule_of(run, writer);
  std::uint64_t count = 0, untimed = 0, stride = 1;
  for (;;) {
    const Schedule::Due due = schedule.next(length_ns, stride);
    if (!due.intended || due.ns >= length_ns) break;
    count += stride;
    untimed += stride;
    stats.latency[index_of(mix.choose(random))].record(length_ns - due.ns,
                                                       untimed / run.settings.latency_sample);
    untimed %= run.settings.latency_sample;
    if (count >= kFew * stride) stride *= 2;
  }
  stats.never_begun.set(count);
}

}  // namespace

ActionMix mix_of(const Settings& settings, std::uint32_t writer) {
  const ActionMix& mix = settings.workload.mix;
  const std::uint32_t slot = writer / settings.threads;
  if (slot + settings.readers < settings.processes || slot >= settings.processes) return mix;
  ActionMix reads;
  for (std::size_t i = 0; i < kActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (only_reads(action)) reads.add(action, mix.share(action));
  }
  if (reads.empty()) reads.add(Action::kGet, 1);
  return reads;
}

Schedule schedule_of(const Run& run, std::uint32_t writer) {
  const std::uint64_t begun_ns = run.state.writers()[writer].begun_due_ns.get();
  const double lead = (writer + 0.5) / run.settings.writers();
  return {run.settings.pace, begun_ns, begun_ns != 0 ? 0 : lead};
}

void note_never_begun(const Run& run, std::uint64_t end_ns, Random& random) {
  const Settings& settings = run.settings;
  // Of a run that ends with its operations, none is left over.
  if (settings.pace.unlimited() || settings.operations != 0) return;
  const std::uint64_t length_ns = end_ns - run.state.start_ns().get();
  for (std::uint32_t writer = 0; writer < settings.writers(); ++writer) {
    note_never_begun(run, writer, length_ns, random);
  }
}

}  // namespace tidelock::agent
