#include "agent/worker.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "agent/open_store.h"
#include "agent/plan.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kBatchMin = 2, kBatchMax = 8;  // operations
constexpr std::uint32_t kPreloadBatch = 100;
constexpr std::uint64_t kNap = 20'000'000;  // ns, after which a sleeper looks whether to stop

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
  mix_ = mix_of(settings, assignment.writer);
  if (slot < settings.slow) think_ = settings.slow_think;
  record_ = run.recorded.empty() ? nullptr : &run.recorded[assignment.writer];
  if (run.trace != nullptr && assignment.writer < run.trace->clients.size()) {
    trace_ = &run.trace->clients[assignment.writer];
  }
  if (!settings.pace.unlimited()) schedule_.emplace(schedule_of(run, assignment.writer));
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
  const std::uint64_t wanted = trace_ != nullptr ? trace_->size() : assignment_.operations;
  return stats_.done() >= wanted;
}

bool Worker::preload() {
  const std::uint32_t keys = run_.state.population().count();
  std::vector<std::uint32_t> sizes(keys);
  if (run_.trace != nullptr) sizes = run_.trace->value_sizes();
  for (std::uint32_t first = 0; first < keys && !stopped(); first += kPreloadBatch) {
    steps_.clear();
    for (std::uint32_t key = first; key < std::min(keys, first + kPreloadBatch); ++key) {
      steps_.push_back({.key = key, .kind = OperationKind::kPut, .value_size = sizes[key]});
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
  if (trace_ != nullptr && run_.settings.replay_timing == ReplayTiming::kOriginal) {
    const std::uint64_t due = start + (*trace_)[stats_.done()].at_ns;
    nap_until(due);
    return due;
  }
  if (!schedule_) return 0;
  const Schedule::Due due = schedule_->next(now_ns() - start);
  nap_until(start + due.ns);
  if (!stopped()) stats_.begun_due_ns.set(due.ns);
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
  const TraceEntry task = choose();
  Took took{.begin_ns = is_timed() ? now_ns() : 0};
  const Status status = perform(task, took);
  if (status.code() == StatusCode::kBusy || status.code() == StatusCode::kTimedOut) {
    note_latency(task.action, intended, took);
    // Cut short by the end of the run it tells nothing of the store but the time that it took.
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
  if (task.action == Action::kInsert && trace_ == nullptr) note_inserted(task.key);
  note_latency(task.action, intended, took);
  if (took.begin_ns != 0) note_turn(took.end_ns);
  return record_ == nullptr ? Status() : record(task);
}

void Worker::note_latency(Action action, std::uint64_t intended_ns, const Took& took) noexcept {
  if (took.begin_ns == 0) return;
  const std::uint64_t end = took.end_ns != 0 ? took.end_ns : now_ns();
  stats_.latency[index_of(action)].record(end - (intended_ns != 0 ? intended_ns : took.begin_ns));
}

TraceEntry Worker::choose() {
  TraceEntry task{.action = mix_.choose(random_)};
  if (trace_ != nullptr) {
    task = (*trace_)[stats_.done()];
  } else {
    task.durable = !only_reads(task.action) && run_.settings.durable_percent != 0 &&
                   random_.below(100) < run_.settings.durable_percent;
  }
  task.client = assignment_.writer;
  task.at_ns = record_ != nullptr ? now_ns() - run_.state.start_ns().get() : 0;
  if (trace_ != nullptr || task.action == Action::kView) return task;
  if (task.action == Action::kInsert) {
    task.key = key_to_insert();
    if (task.key < run_.keys.count()) return task;
    stats_.inserts_as_updates.add(1);
    task.action = Action::kPut;
  }
  task.key = chooser_.next(random_);
  if (task.action == Action::kScan || task.action == Action::kScanBack) {
    task.amount = static_cast<std::uint32_t>(workload_.scan_lengths.next(random_));
  }
  return task;
}

// One that was refused, or whose inserter was killed, comes first: there is to be no hole.
std::uint32_t Worker::key_to_insert() {
  if (stats_.inserting.get() == 0) {
    const std::uint32_t room_end = run_.keys.count();
    const auto note = [this](std::uint32_t key) { stats_.inserting.set(std::uint64_t{key} + 1); };
    const std::uint32_t key = run_.state.population().claim(room_end, note);
    if (key == room_end) stats_.inserting.set(0);
    return key;
  }
  return static_cast<std::uint32_t>(stats_.inserting.get() - 1);
}

void Worker::note_inserted(std::uint32_t key) {
  const std::span<LedgerEntry> ledger = run_.state.ledger();
  if (run_.settings.verify == Verify::kNone) ledger[key].put_acknowledged(1);  // at some time
  stats_.inserting.set(0);
  run_.state.population().advance(
      [&](std::uint32_t wanted) { return ledger[wanted].newest_begin_ns() != 0; });
}

Status Worker::perform(const TraceEntry& task, Took& took) {
  switch (task.action) {
    case Action::kGet:
      return reader_.get(task.key, took);
    case Action::kExists:
      return reader_.exists(task.key, took);
    case Action::kScan:
    case Action::kScanBack:
      return reader_.scan(task.key, task.amount, task.action == Action::kScan, took);
    case Action::kView:
      return read_view(took);
    case Action::kPut:
    case Action::kInsert:
    case Action::kErase:
      return put_or_erase(task, took);
    case Action::kBatch:
      trace_ != nullptr ? take_batch() : choose_batch(task.key);
      return writer_.write(steps_, task.durable, took, random_);
    case Action::kReadModifyWrite:
      break;
  }
  Took read = took;
  if (Status status = reader_.get(task.key, read); !status.ok()) return status;
  Status status = put_or_erase(task, took);
  // Judging what was read is none of the store's time.
  const bool judged = run_.settings.verify != Verify::kNone;
  took.begin_ns = judged ? took.begin_ns - (read.end_ns - read.begin_ns) : read.begin_ns;
  return status;
}

Status Worker::put_or_erase(const TraceEntry& task, Took& took) {
  const auto kind = task.action == Action::kErase ? OperationKind::kErase : OperationKind::kPut;
  const Step step{.key = task.key, .kind = kind, .value_size = task.amount};
  return writer_.write({&step, 1}, task.durable, took, random_);
}

Status Worker::read_view(Took& took) {
  if (trace_ == nullptr) return reader_.read_several(random_, took);
  std::vector<std::uint32_t> keys;
  for (const TraceEntry& step : trace_->steps(stats_.done())) keys.push_back(step.key);
  return reader_.read_together(std::move(keys), took);
}

// Neighbours of a key.
void Worker::choose_batch(std::uint32_t key) {
  const std::uint32_t keys = run_.state.population().count();
  const std::uint32_t count = std::min(keys, kBatchMin + random_.below(kBatchMax - kBatchMin + 1));
  steps_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool erase = random_.below(100) < workload_.erase_percent;
    steps_.push_back(
        {.key = (key + i) % keys, .kind = erase ? OperationKind::kErase : OperationKind::kPut});
  }
}

void Worker::take_batch() {
  steps_.clear();
  for (const TraceEntry& step : trace_->steps(stats_.done())) {
    const auto kind = step.action == Action::kErase ? OperationKind::kErase : OperationKind::kPut;
    steps_.push_back({.key = step.key, .kind = kind, .value_size = step.amount});
  }
}

Status Worker::record(const TraceEntry& task) {
  recorded_.assign(1, task);
  TraceEntry step = task;
  step.step = true;
  step.amount = 0;
  if (task.action == Action::kView) {
    for (const std::uint32_t key : reader_.last_keys()) {
      step.key = key;
      step.action = Action::kGet;
      recorded_.push_back(step);
    }
  } else if (task.action == Action::kBatch) {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      step.key = steps_[i].key;
      step.action = steps_[i].kind == OperationKind::kErase ? Action::kErase : Action::kPut;
      step.amount = writer_.value_size(i);
      recorded_.push_back(step);
    }
  } else if (!only_reads(task.action)) {
    recorded_[0].amount = writer_.value_size(0);
  }
  if (recorded_.size() > 1) recorded_[0].amount = static_cast<std::uint32_t>(recorded_.size() - 1);
  return record_->add(recorded_);
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
