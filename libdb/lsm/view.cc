#include "lsm/view.h"

#include <algorithm>
#include <utility>

#include "lsm/log_replay.h"
#include "manifest/manifest_reader.h"

namespace tidelock::lsm {

namespace {

constexpr std::chrono::milliseconds kLookAgainEvery{100};
constexpr std::chrono::milliseconds kRepairDeadline{10'000};

Status gone(const Status& status) {
  return Status(StatusCode::kCorruption, status.message() + " (a file of the live view is gone)");
}

Result<std::shared_ptr<const OpenMemtable>> rebuild_privately(const ReplayedLog& log) {
  constexpr std::uint64_t kNonce = 1;
  for (std::uint64_t capacity = likely_arena_bytes(log.demand);; capacity *= 2) {
    Result<os::PrivateMemory> memory = os::PrivateMemory::make(capacity);
    if (!memory) return memory.error();
    if (Status status = memtable::format(memory->bytes(), log.number, kNonce); !status.ok()) {
      return status;
    }
    auto writer = memtable::MemtableWriter::attach(memory->bytes(), log.number, kNonce);
    if (!writer) return writer.error();
    Status status = apply_records(*writer, log.records);
    if (status.code() == StatusCode::kLimit) continue;
    if (!status.ok()) return status;
    return std::make_shared<const OpenMemtable>(log.number, std::move(*memory), writer->reader());
  }
}

bool may_be_outdated(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kCorruption;
}

}  // namespace

ViewSource::ViewSource(Context& context, Catalog& catalog)
    : context_(context),
      catalog_(catalog),
      shared_(context.state.get()),
      look_again_(os::Deadline::after(std::chrono::milliseconds(0))) {}

ViewSource::ViewPtr ViewSource::adopted() const {
  const std::lock_guard guard(view_mutex_);
  return view_;
}

std::uint64_t ViewSource::adopted_tables() const {
  const ViewPtr view = adopted();
  return view == nullptr ? 0 : view->tables_word >> 1;
}

bool ViewSource::is_current(const View& view, const state::SharedState& shared) const {
  return view.memtables_word == shared->memtables.word() &&
         view.tables_word == shared->tables.word() &&
         (!context_.read_only() || shared.is_epoch(view.epoch));
}

Result<ReadPoint> ViewSource::now(Horizon horizon) {
  if (context_.read_only()) return read_only_point(horizon);
  return point(*context_.state, horizon);
}

Result<ReadPoint> ViewSource::point(const state::SharedState& shared, Horizon horizon) {
  for (;;) {
    ViewPtr view = adopted();
    if (view == nullptr || !is_current(*view, shared)) {
      if (Status status = adopt(shared); !status.ok()) return status;
      continue;
    }
    // Pairs with the release of the writer that made everything up to here readable.
    std::uint64_t sequence = shared->visible.load(std::memory_order_acquire);
    if (horizon == Horizon::kDurable) {
      sequence = std::min(sequence, shared->durable_sequence.load(std::memory_order_acquire));
    }
    // V1: had a roll or a flush come between, the view might lack what `sequence` promises.
    if (is_current(*view, shared)) return ReadPoint{std::move(view), sequence};
  }
}

Status ViewSource::refresh() {
  if (context_.read_only()) {
    const std::lock_guard guard(adopt_mutex_);
    look_again_ = os::Deadline::after(std::chrono::milliseconds(0));
    const state::SharedState* shared = shared_.load(std::memory_order_acquire);
    if (shared == nullptr) {
      const std::lock_guard view_guard(view_mutex_);
      view_ = nullptr;  // replay anew
    }
  }
  return now(Horizon::kVisible).status();
}

Status ViewSource::adopt(const state::SharedState& shared) {
  const std::lock_guard guard(adopt_mutex_);
  const ViewPtr view = adopted();
  if (view != nullptr && is_current(*view, shared)) return {};
  Result<ViewPtr> next = build(shared);
  if (!next) return next.error();
  const std::lock_guard view_guard(view_mutex_);
  view_ = std::move(*next);
  if (context_.queue != nullptr) context_.queue->set_view(view_->tables_word >> 1);
  return {};
}

Result<ViewSource::ViewPtr> ViewSource::build(const state::SharedState& shared) {
  const ViewPtr previous = adopted();
  bool repaired = false;
  for (;;) {
    const std::uint64_t epoch = shared.epoch();
    const auto memtables = shared->memtables.load();
    const auto tables = shared->tables.load();
    auto view = std::make_shared<View>();
    view->epoch = epoch;
    view->memtables_word = memtables.word;
    view->tables_word = tables.word;
    const View* const reusable =
        previous != nullptr && previous->epoch == epoch ? previous.get() : nullptr;
    Status status;
    if (reusable != nullptr && reusable->tables_word == tables.word) {
      view->tables = reusable->tables;
    } else {
      Result<manifest::Version> version = catalog_.version_of(tables.value);
      status = version.status();
      if (version) {
        auto set = TableSet::open(context_.directory, context_.uuid, std::move(*version),
                                  previous == nullptr ? nullptr : previous->tables.get());
        status = set.status();
        if (set) view->tables = std::move(*set);
      }
    }
    if (status.ok()) status = fill(*view, memtables.value, tables.value.oldest_log, reusable);
    if (status.ok()) return ViewPtr(std::move(view));
    if (!may_be_outdated(status)) return status;
    // Somebody published anew, and removed what the older publication named.
    if (!is_current(*view, shared)) {
      if (context_.read_only() && !shared.is_epoch(epoch)) return status;
      continue;
    }
    if (repaired || context_.read_only()) return gone(status);
    // V2: or he died between the edit and its publication, and a third one swept. Once.
    repaired = true;
    Result<manifest::Version> newest = catalog_.catch_up(os::Deadline::after(kRepairDeadline));
    if (!newest) return newest.error();
  }
}

Status ViewSource::fill(View& view, const state::MemtableHalf& memtables, std::uint64_t oldest_log,
                        const View* previous) const {
  if (memtables.count == 0 || memtables.count > state::kMemtablesMax) {
    return Status(StatusCode::kCorruption,
                  "attach to " + context_.directory + "/STATE: it names no memtables");
  }
  for (std::uint64_t i = memtables.count; i-- > 0;) {
    const state::MemtableEntry& entry = memtables.entries[i];
    if (entry.log_number < oldest_log) break;
    if (previous != nullptr) {
      const auto found = std::find_if(previous->memtables.begin(), previous->memtables.end(),
                                      [&entry](const auto& open) {
                                        return open->log_number() == entry.log_number &&
                                               open->arena_number() == entry.arena_number;
                                      });
      if (found != previous->memtables.end()) {
        view.memtables.push_back(*found);
        continue;
      }
    }
    auto opened = OpenMemtable::map(context_.directory, entry);
    if (!opened) return opened.error();
    view.memtables.push_back(std::move(*opened));
  }
  return {};
}

Result<ReadPoint> ViewSource::read_only_point(Horizon horizon) {
  for (;;) {
    const state::SharedState* shared = shared_.load(std::memory_order_acquire);
    if (shared != nullptr && shared->is_epoch(shared->epoch())) {
      Result<ReadPoint> result = point(*shared, horizon);
      if (result) {
        last_sequence_.store(result->sequence, std::memory_order_relaxed);
        return result;
      }
      if (shared->is_epoch(shared->epoch())) return result;
    }
    const std::lock_guard guard(adopt_mutex_);
    if (shared_.load(std::memory_order_acquire) != shared) continue;
    if (look_again_.expired()) {
      look_again_ = os::Deadline::after(kLookAgainEvery);
      Status found = look_for_shared_state();
      if (found.ok()) continue;
    }
    if (adopted() == nullptr) {
      if (Status status = replay_privately(); !status.ok()) return status;
    }
    return ReadPoint{adopted(), last_sequence_.load(std::memory_order_relaxed)};
  }
}

// Precondition: adopt_mutex_ held.
Status ViewSource::look_for_shared_state() {
  auto mapped = state::SharedState::map(context_.directory, os::Protection::kRead);
  if (!mapped) return mapped.error();
  Result<bool> attached = context_.locks->held_in_any_mode(kOpenByte);
  if (!attached) return attached.error();
  const auto check = *attached ? state::MountCheck::kAnyMount : state::MountCheck::kSameMount;
  if (Status status = (*mapped)->validate(context_.uuid, check); !status.ok()) return status;
  mapped_.push_back(std::move(*mapped));
  {
    const std::lock_guard view_guard(view_mutex_);
    view_ = nullptr;
  }
  shared_.store(mapped_.back().get(), std::memory_order_release);
  return {};
}

// Precondition: adopt_mutex_ held.
Status ViewSource::replay_privately() {
  Result<manifest::LiveManifest> live =
      manifest::open_live_manifest(context_.directory, Access::kReadOnly);
  if (!live) return live.error();
  if (Status status = live->reader.read_all(); !status.ok()) return status;
  const manifest::Version& version = live->reader.version();
  auto replay = LogReplay::load(context_.directory, context_.uuid, version);
  if (!replay) replay = LogReplay::load(context_.directory, context_.uuid, version);
  if (!replay) return replay.error();

  auto view = std::make_shared<View>();
  auto tables = TableSet::open(context_.directory, context_.uuid, version, nullptr);
  if (!tables) return tables.error();
  view->tables = std::move(*tables);
  for (const ReplayedLog& log : replay->logs()) {
    Result<std::shared_ptr<const OpenMemtable>> memtable = rebuild_privately(log);
    if (!memtable) return memtable.error();
    view->memtables.insert(view->memtables.begin(), std::move(*memtable));
  }
  last_sequence_.store(replay->result().end.last_sequence, std::memory_order_relaxed);
  const std::lock_guard view_guard(view_mutex_);
  view_ = std::move(view);
  return {};
}

}  // namespace tidelock::lsm
