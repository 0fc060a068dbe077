#include "lsm/view.h"

#include <algorithm>
#include <utility>

#include "lsm/place.h"
#include "lsm/private_view.h"
#include "manifest/manifest_reader.h"
#include "os/clock.h"

namespace tidelock::lsm {

namespace {

constexpr std::chrono::nanoseconds kLookAgainEvery = std::chrono::milliseconds(100);
constexpr std::chrono::milliseconds kRepairDeadline{10'000};
constexpr std::chrono::milliseconds kForeignDeadline{200};

bool may_be_outdated(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kCorruption;
}

// Not so when the kernel refused for want of something: then it is asked again.
bool makes_unusable(const Status& status) {
  return may_be_outdated(status) || status.code() == StatusCode::kUnsupported;
}

}  // namespace

ViewSource::ViewSource(Context& context, Catalog& catalog)
    : context_(context), catalog_(catalog), shared_(context.state.get()) {}

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
    look_again_at_.store(0, std::memory_order_relaxed);
    if (shared_.load(std::memory_order_acquire) == nullptr) follow(nullptr);  // replay anew
  }
  return now(Horizon::kVisible).status();
}

Status ViewSource::adopt(const state::SharedState& shared) {
  const std::lock_guard guard(adopt_mutex_);
  const ViewPtr view = adopted();
  if (view != nullptr && is_current(*view, shared)) return {};
  if (shared_.load(std::memory_order_acquire) != &shared) {
    return Status(StatusCode::kCorruption, "this shared state is not followed any more");
  }
  Result<ViewPtr> next = build(shared);
  if (!next) return next.error();
  if (view != nullptr && context_.read_only()) {
    state::raise_to((*next)->answered_visible, view->answered_visible);
    state::raise_to((*next)->answered_durable, view->answered_durable);
  }
  const std::lock_guard view_guard(view_mutex_);
  view_ = std::move(*next);
  if (context_.queue != nullptr) context_.queue->set_view(view_->tables_word >> 1);
  return {};
}

Result<ViewSource::ViewPtr> ViewSource::build(const state::SharedState& shared) {
  ViewPtr previous = adopted();
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
      Result<manifest::Version> version =
          version_of(tables.value, repaired && context_.read_only());
      status = version.status();
      if (version) {
        auto set = TableSet::open(context_.directory, context_.uuid, std::move(*version),
                                  previous == nullptr ? nullptr : previous->tables.get());
        status = set.status();
        if (set) view->tables = std::move(*set);
      }
    }
    if (status.ok()) {
      status = fill(*view, memtables.value, view->tables->version().oldest_log(), reusable);
    }
    if (!status.ok() && !may_be_outdated(status)) return status;
    if (is_current(*view, shared)) {
      // Only now: what was opened by path was opened in the right place.
      if (status.ok() && !context_.read_only()) {
        if (Status place = check_place(context_); !place.ok()) return place;
      }
      if (status.ok()) return ViewPtr(std::move(view));
      if (repaired) {
        return context_.read_only() ? file_gone(status) : as_attached(context_, status);
      }
      // V2: or he died between the edit and its publication, and a third one swept. Once. A
      // read-only attachment publishes nothing, and goes by the manifest's end itself.
      repaired = true;
      if (context_.read_only()) continue;
      Result<manifest::Version> newest = catalog_.catch_up(os::Deadline::after(kRepairDeadline));
      if (!newest) return as_attached(context_, newest.error());
    } else if (context_.read_only() && !shared.is_epoch(epoch)) {
      return Status(StatusCode::kCorruption, "the shared state was built anew meanwhile");
    } else if (status.ok()) {
      previous = std::move(view);  // published anew meanwhile; most of it stays
    }
  }
}

Result<manifest::Version> ViewSource::version_of(const state::TableHalf& half, bool newest) {
  if (!newest) return catalog_.version_of(half);
  Result<manifest::LiveManifest> live =
      manifest::open_live_manifest(context_.directory, Access::kReadOnly);
  if (!live) return live.error();
  if (Status status = check_identity(context_, live->current.uuid); !status.ok()) return status;
  if (Status status = live->reader.read_all(); !status.ok()) return status;
  return live->reader.version();
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
    bool unusable = false;
    if (shared != nullptr && !look_is_due() && trusts(*shared)) {
      Result<ReadPoint> result = point(*shared, horizon);
      if (result) {
        const View& view = *result->view;
        state::raise_to(
            horizon == Horizon::kVisible ? view.answered_visible : view.answered_durable,
            result->sequence);
        return result;
      }
      if (!trusts(*shared)) continue;  // an error of what was, while it was built anew
      unusable = makes_unusable(result.error());
      if (!unusable) return result;
    }
    const std::lock_guard guard(adopt_mutex_);
    if (shared_.load(std::memory_order_acquire) != shared) continue;
    if (unusable) {
      follow(nullptr);
    } else if (look_is_due() || (shared != nullptr && built_anew(*shared))) {
      if (look_around()) continue;
    }
    return last_point(horizon);
  }
}

// What was seen last; where that is nothing, or outdated, what the files say. Precondition:
// adopt_mutex_ held.
Result<ReadPoint> ViewSource::last_point(Horizon horizon) {
  if (Status status = check_release(); !status.ok()) return status;
  ViewPtr view = adopted();
  const bool followed = view != nullptr && view->epoch != 0 &&
                        view->answered_visible.load(std::memory_order_relaxed) != 0;
  if (!followed) {
    const std::optional<std::uint64_t> visible = visible_to_others();
    const bool newest =
        view != nullptr && view->epoch == 0 &&
        (!visible || *visible <= view->answered_visible.load(std::memory_order_relaxed));
    if (!newest) {
      Result<ViewPtr> replayed = replay_privately(context_, visible);
      if (!replayed) return replayed.error();
      view = std::move(*replayed);
      const std::lock_guard view_guard(view_mutex_);
      view_ = view;
    }
  }
  const auto& sequence =
      horizon == Horizon::kDurable ? view->answered_durable : view->answered_visible;
  return ReadPoint{view, sequence.load(std::memory_order_relaxed)};
}

// V of a shared state that fits, but lies on another mount or names a memtable that is lost.
// Precondition: adopt_mutex_ held.
std::optional<std::uint64_t> ViewSource::visible_to_others() const {
  if (mapped_.empty()) return std::nullopt;
  const state::SharedState& newest = *mapped_.back();
  if (!newest.is_epoch(fitting_epoch_)) return std::nullopt;
  // Pairs with the release of the writer: the records up to here are in the logs.
  const std::uint64_t visible = newest->visible.load(std::memory_order_acquire);
  if (!newest.is_epoch(fitting_epoch_)) return std::nullopt;
  return visible;
}

// What those of another release have committed cannot be told. Those of this one may be there for a
// moment, to make the state anew: the first read waits for them, and not each one after it.
Status ViewSource::check_release() {
  while (another_release_ && context_.locks != nullptr) {
    const Result<bool> attached = context_.locks->held_in_any_mode(kOpenByte);
    if (!attached) return attached.error();
    if (!*attached) break;
    if (!foreign_until_) foreign_until_ = os::Deadline::after(kForeignDeadline);
    if (foreign_until_->expired()) {
      return Status(StatusCode::kUnsupported,
                    "read " + context_.directory +
                        ": another release, whose shared state is laid out otherwise, has it open");
    }
    os::sleep_for(std::chrono::milliseconds(5));
    (void)look_around();
  }
  foreign_until_.reset();
  return {};
}

void ViewSource::note_release(bool another) {
  another_release_ = another;
  if (!another) foreign_until_.reset();
}

bool ViewSource::look_is_due() const {
  return os::monotonic_coarse().count() >= look_again_at_.load(std::memory_order_relaxed);
}

bool ViewSource::built_anew(const state::SharedState& shared) const {
  return !trusts(shared) && shared.is_epoch(shared.epoch());
}

bool ViewSource::trusts(const state::SharedState& shared) const {
  return shared.is_epoch(trusted_epoch_.load(std::memory_order_relaxed));
}

// True if there is a shared state to go by now. Precondition: adopt_mutex_ held.
bool ViewSource::look_around() {
  look_again_at_.store((os::monotonic_coarse() + kLookAgainEvery).count(),
                       std::memory_order_relaxed);
  const state::SharedState* const followed = shared_.load(std::memory_order_acquire);
  const bool followable = followed != nullptr && trusts(*followed);
  fitting_epoch_ = 0;
  if (mapped_.empty() || mapped_.back()->replaced()) {
    auto current = manifest::read_current(context_.directory, Access::kReadOnly);
    Status same = current ? check_identity(context_, current->uuid) : current.error();
    if (makes_unusable(same)) {
      note_release(false);
      follow(nullptr);
      return false;
    }
    auto mapped = state::SharedState::map(context_.directory, os::Protection::kRead);
    if (!mapped) {
      // Of what could not be looked at, the last look counts.
      if (!makes_unusable(mapped.error())) return followable;
      note_release(mapped.error().code() == StatusCode::kCorruption);  // by its size
      if (another_release_) follow(nullptr);
      return followable && !another_release_;
    }
    mapped_.push_back(std::move(*mapped));
  }
  const state::SharedState& newest = *mapped_.back();
  note_release(newest.of_another_release());
  const std::uint64_t epoch = newest.epoch();
  if (!newest.is_epoch(epoch)) return followable && followed != &newest;  // not complete yet
  if (!trusts(newest)) {
    if (Status status = validate(newest); !status.ok()) {
      if (newest.validate(context_.uuid, state::MountCheck::kAnyMount).ok()) fitting_epoch_ = epoch;
      follow(nullptr);
      return false;
    }
    trusted_epoch_.store(epoch, std::memory_order_relaxed);
  }
  fitting_epoch_ = epoch;
  if (&newest != followed) follow(&newest);
  return true;
}

Status ViewSource::validate(const state::SharedState& shared) const {
  Result<bool> attached = false;
  if (context_.locks != nullptr) attached = context_.locks->held_in_any_mode(kOpenByte);
  if (!attached) return attached.error();
  return shared.validate(context_.uuid,
                         *attached ? state::MountCheck::kAnyMount : state::MountCheck::kSameMount);
}

// Precondition: adopt_mutex_ held.
void ViewSource::follow(const state::SharedState* shared) {
  {
    const std::lock_guard view_guard(view_mutex_);
    view_ = nullptr;
  }
  shared_.store(shared, std::memory_order_release);
}

}  // namespace tidelock::lsm
