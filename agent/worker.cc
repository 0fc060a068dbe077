#include "agent/worker.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "agent/open_store.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kBatchMin = 2, kBatchMax = 8;  // operations
constexpr std::uint32_t kPreloadBatch = 100;
constexpr std::uint64_t kNap = 20'000'000;  // ns, after which a sleeper looks whether to stop

ActionMix reads_of(const ActionMix& mix) {
  ActionMix reads;
  for (std::size_t i = 0; i < kActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (only_reads(action)) reads.add(action, mix.share(action));
  }
  if (reads.empty()) reads.add(Action::kGet, 1);
  return reads;
}

}  // namespace

Worker::Worker(const Run& run, std::unique_ptr<Store>& store, std::unique_ptr<Session> session,
               const Assignment& assignment, std::uint64_t seed)
    : run_(run),
      workload_(run.settings.workload),
      session_(std::move(session)),
      assignment_(assignment),
      stats_(run.state.writers()[assignment.writer]),
      random_(seed),
      chooser_(workload_.keys, run.state.population(), assignment.place),
      reader_(run, session_, assignment.writer),
      writer_(run, session_, assignment.writer),
      churn_(run, store, session_, reader_, stats_) {
  const Settings& settings = run.settings;
  const std::uint32_t slot = assignment.writer / settings.threads;
  const bool reads_only =
      slot + settings.readers >= settings.processes && slot < settings.processes;
  mix_ = reads_only ? reads_of(workload_.mix) : workload_.mix;
  if (slot < settings.slow) think_ = settings.slow_think;
  record_ = run.recorded.empty() ? nullptr : &run.recorded[assignment.writer];
  if (run.trace != nullptr && assignment.writer < run.trace->clients.size()) {
    trace_ = run.trace->clients[assignment.writer];
  }
  const Pace& pace = settings.pace;
  const std::uint64_t now = now_ns() - run.state.start_ns().get();
  if (!pace.unlimited()) schedule_.emplace(pace, now, random_.unit());
}

bool Worker::work() {
  const std::uint64_t visit = run_.settings.visit_operations;
  for (std::uint64_t i = 0; !all_done() && !stopped(); ++i) {
    if (visit != 0 && i == visit) return true;  // the next visitor goes on
    if (Status status = operate(); !status.ok()) return fail(status);
    if (think_.count() != 0) nap_until(now_ns() + in_ns(think_));
  }
  stats_.finished_ns.set(now_ns());
  return true;
}

bool Worker::all_done() const noexcept {
  const std::uint64_t wanted = run_.trace != nullptr ? trace_.size() : assignment_.operations;
  return stats_.done() >= wanted;
}

bool Worker::preload() {
  const std::uint32_t keys = run_.state.population().count();
  for (std::uint32_t first = 0; first < keys && !stopped(); first += kPreloadBatch) {
    steps_.clear();
    for (std::uint32_t key = first; key < std::min(keys, first + kPreloadBatch); ++key) {
      steps_.push_back({.key = key, .kind = OperationKind::kPut});
    }
    Took took;
    if (Status status = writer_.write(steps_, false, took, random_); !status.ok()) {
      return fail(status);
    }
    stats_.loaded.add(steps_.size());
  }
  return true;
}

bool Worker::is_timed() noexcept {
  if (run_.settings.verify != Verify::kNone) return true;
  if (--until_timed_ != 0) return false;
  until_timed_ = run_.settings.latency_sample;
  return true;
}

std::uint64_t Worker::wait_for_turn() {
  const std::uint64_t start = run_.state.start_ns().get();
  if (run_.trace != nullptr && run_.settings.replay_timing == ReplayTiming::kOriginal) {
    const std::uint64_t due = start + trace_[stats_.done()].at_ns;
    nap_until(due);
    return due;
  }
  if (!schedule_) return 0;
  const Schedule::Due due = schedule_->next(now_ns() - start);
  nap_until(start + due.ns);
  return due.intended ? start + due.ns : 0;
}

void Worker::nap_until(std::uint64_t time_ns) const {
  for (std::uint64_t now = now_ns(); now < time_ns && !stopped(); now = now_ns()) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(time_ns - now, kNap)));
  }
}

Status Worker::operate() {
  const std::uint64_t intended = wait_for_turn();
  if (stopped()) return Status();
  const Settings& settings = run_.settings;
  if (settings.churn_every != 0 && random_.below(settings.churn_every) == 0) {
    Status status = churn_.stir(random_);
    return is_expected(run_, status) ? Status() : status;
  }
  TraceEntry task = choose();
  Took took{.begin_ns = is_timed() ? now_ns() : 0};
  const Status status = perform(task, took);
  if (status.code() == StatusCode::kBusy || status.code() == StatusCode::kTimedOut) {
    // Cut short by the end of the run it would tell nothing of the store.
    if (!stopped()) stats_.refused.add(1);
    return Status();
  }
  if (status.code() == StatusCode::kNoSpace && settings.disk_size != 0) {
    stats_.no_space.add(1);
    nap_until(now_ns() + kNap);
    return Status();
  }
  if (!status.ok()) return status;
  stats_.actions[index_of(task.action)].add(1);
  if (took.begin_ns != 0) {
    const std::uint64_t begin = intended != 0 ? intended : took.begin_ns;
    stats_.latency[index_of(task.action)].record(took.end_ns - begin);
    note_turn(took.end_ns);
  }
  return record_ == nullptr ? Status() : record(task, took);
}

TraceEntry Worker::choose() {
  if (run_.trace != nullptr) return trace_[stats_.done()];
  TraceEntry task{.action = mix_.choose(random_)};
  if (task.action == Action::kView) return task;
  if (task.action == Action::kInsert) {
    task.key = run_.state.population().insert(run_.keys.count());
    if (task.key < run_.keys.count()) return task;
    task.action = Action::kPut;  // there is no room for new ones
  }
  task.key = chooser_.next(random_);
  if (task.action == Action::kScan || task.action == Action::kScanBack) {
    task.amount = static_cast<std::uint32_t>(workload_.scan_lengths.next(random_));
  }
  return task;
}

Status Worker::perform(TraceEntry& task, Took& took) {
  const bool durable = !only_reads(task.action) && run_.settings.durable_percent != 0 &&
                       random_.below(100) < run_.settings.durable_percent;
  const std::uint32_t key = task.key;
  if (run_.trace != nullptr) writer_.set_value_size(task.amount);
  switch (task.action) {
    case Action::kGet:
      return reader_.get(key, took);
    case Action::kExists:
      return reader_.exists(key, took);
    case Action::kScan:
    case Action::kScanBack:
      return reader_.scan(key, task.amount, task.action == Action::kScan, took);
    case Action::kView:
      return reader_.read_several(random_, took);
    case Action::kPut:
    case Action::kInsert:
      return writer_.put(key, durable, took, random_);
    case Action::kErase:
      return writer_.erase(key, durable, took, random_);
    case Action::kBatch:
      return writer_.write(choose_batch(task), durable, took, random_);
    case Action::kReadModifyWrite:
      break;
  }
  Took read = took;
  if (Status status = reader_.get(key, read); !status.ok()) return status;
  Status status = writer_.put(key, durable, took, random_);
  // Judging what was read is none of the store's time.
  const bool judged = run_.settings.verify != Verify::kNone;
  took.begin_ns = judged ? took.begin_ns - (read.end_ns - read.begin_ns) : read.begin_ns;
  return status;
}

// Neighbours of a key.
std::span<const Step> Worker::choose_batch(TraceEntry& task) {
  const std::uint32_t keys = run_.state.population().count();
  if (task.amount == 0) task.amount = kBatchMin + random_.below(kBatchMax - kBatchMin + 1);
  task.amount = std::min(keys, task.amount);
  steps_.clear();
  for (std::uint32_t i = 0; i < task.amount; ++i) {
    const bool erase = random_.below(100) < workload_.erase_percent;
    steps_.push_back({.key = (task.key + i) % keys,
                      .kind = erase ? OperationKind::kErase : OperationKind::kPut});
  }
  return steps_;
}

Status Worker::record(TraceEntry task, const Took& took) {
  const std::uint64_t begin = took.begin_ns != 0 ? took.begin_ns : now_ns();
  task.at_ns = begin - std::min(begin, run_.state.start_ns().get());
  task.client = assignment_.writer;
  const bool value = task.action == Action::kPut || task.action == Action::kInsert ||
                     task.action == Action::kReadModifyWrite;
  if (value) task.amount = static_cast<std::uint32_t>(writer_.last_value_size());
  return record_->add(task);
}

void Worker::note_turn(std::uint64_t end_ns) noexcept {
  const std::uint64_t gap = end_ns - std::min(end_ns, stats_.last_turn_ns.get());
  stats_.longest_gap.set(std::max(stats_.longest_gap.get(), gap));
  stats_.last_turn_ns.set(end_ns);
}

bool Worker::fail(const Status& status) {
  stats_.failed.add(1);
  stats_.finished_ns.set(now_ns());
  run_.state.report_failure(status);
  return false;
}

}  // namespace tidelock::agent
