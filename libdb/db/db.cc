#include "tidelock/db.h"

#include <new>
#include <utility>

#include "db/batch_access.h"
#include "db/check.h"
#include "db/handle.h"
#include "db/iterator_state.h"
#include "db/limits.h"
#include "db/read.h"
#include "db/repair.h"
#include "db/snapshot_state.h"
#include "db/stats.h"
#include "lsm/destroy.h"
#include "lsm/engine.h"
#include "lsm/queue_file.h"
#include "wal/operation.h"

namespace tidelock {

namespace {

// Reused by each thread, and given back when a huge value has made it huge.
class PayloadBuffer {
 public:
  PayloadBuffer() { buffer().clear(); }
  ~PayloadBuffer() {
    if (buffer().capacity() > kKeepMax) std::string().swap(buffer());
  }
  [[nodiscard]] std::string& operator*() { return buffer(); }

 private:
  static constexpr std::size_t kKeepMax = std::size_t{1} << 20;
  static std::string& buffer() {
    static thread_local std::string bytes;
    return bytes;
  }
};

}  // namespace

struct Db::Impl {
  Impl(std::unique_ptr<lsm::Engine> opened, bool may_write)
      : engine(std::move(opened)), writable(may_write) {}
  ~Impl() {
    // In a forked child the mappings are gone, and the locks are the parent's.
    if (handle->forked()) (void)engine.release();
  }

  // What is left where a `Db` was moved from.
  static const std::shared_ptr<Impl>& closed() {
    // Never destroyed: handles in static storage may be moved later.
    static const auto& impl = *new std::shared_ptr<Impl>([] {
      auto made = std::make_shared<Impl>(nullptr, false);
      (void)made->handle->close();
      return made;
    }());
    return impl;
  }

  [[nodiscard]] Status check_writable() const {
    if (writable) return {};
    return Status(StatusCode::kReadOnly, "write to " + engine->context().directory +
                                             ": the handle was opened for reading only");
  }

  Result<lsm::ReadPoint> point(const ReadOptions& options) {
    if (options.snapshot == nullptr) {
      return engine->read_point(options.durable_only ? lsm::Horizon::kDurable
                                                     : lsm::Horizon::kVisible);
    }
    if (options.durable_only) {
      return Status(StatusCode::kInvalid, "read: a snapshot and durable_only exclude each other");
    }
    const SnapshotAccess::State& state = SnapshotAccess::state(*options.snapshot);
    if (Status status = state.handle->check(); !status.ok()) return status;
    if (state.uuid != engine->context().uuid) {
      return Status(StatusCode::kInvalid, "read: the snapshot is one of another database");
    }
    return state.point;
  }

  Result<std::optional<PinnedValue>> read(std::string_view key, const ReadOptions& options) {
    Handle::Call call(*handle);
    if (!call.status().ok()) return call.status();
    Result<lsm::ReadPoint> at = point(options);
    if (!at) return at.error();
    return read_key(*at, key);
  }

  Result<bool> write_one(const wal::Operation& operation, const WriteOptions& options,
                         const lsm::Engine::Condition* condition = nullptr) {
    Handle::Call call(*handle);
    if (!call.status().ok()) return call.status();
    if (Status status = check_writable(); !status.ok()) return status;
    if (Status status = check_sizes(operation.key.size(), operation.value.size()); !status.ok()) {
      return status;
    }
    PayloadBuffer payload;
    wal::append_operation(*payload, operation);
    lsm::WriteSet set{.payload = *payload, .count = 1, .demand = {}};
    set.demand.add(operation.key.size(), operation.value.size());
    return engine->write(set, options, condition);
  }

  // The first entry that `seek` finds.
  template <typename Seek>
  Result<std::optional<Entry>> one_step(const ReadOptions& options, const Seek& seek) {
    Handle::Call call(*handle);
    if (!call.status().ok()) return call.status();
    Result<lsm::ReadPoint> at = point(options);
    if (!at) return at.error();
    Iterator iterator = IteratorAccess::make(handle, std::move(*at), Bounds());
    seek(iterator);
    if (Status status = iterator.status(); !status.ok()) return status;
    if (!iterator.valid()) return std::optional<Entry>();
    return std::optional<Entry>(Entry{std::string(iterator.key()), std::string(iterator.value())});
  }

  std::shared_ptr<Handle> handle = std::make_shared<Handle>();
  std::unique_ptr<lsm::Engine> engine;
  const bool writable;
};

Db::Db(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Db::Db(Db&& other) noexcept : impl_(std::exchange(other.impl_, Impl::closed())) {}

Db& Db::operator=(Db&& other) noexcept {
  if (this != &other) {
    const Db closed_here = std::move(*this);
    impl_ = std::exchange(other.impl_, Impl::closed());
  }
  return *this;
}

Db::~Db() {
  try {
    (void)close();
  } catch (const std::bad_alloc&) {  // it is closed, and as far as that got, tidied up
  }
}

Result<Db> Db::open(const std::filesystem::path& directory, const Options& options) {
  Result<std::unique_ptr<lsm::Engine>> engine = lsm::Engine::open(directory.string(), options);
  if (!engine) return engine.error();
  (void)Impl::closed();  // moving a handle may not want memory any more
  return Db(std::make_shared<Impl>(std::move(*engine), options.access == Access::kReadWrite));
}

Status Db::destroy(const std::filesystem::path& directory) {
  return lsm::destroy_database(directory.string());
}

Result<RepairReport> Db::repair(const std::filesystem::path& damaged,
                                const std::filesystem::path& into, const Options& options) {
  return repair_database(damaged.string(), into.string(), options);
}

Status Db::put(std::string_view key, std::string_view value, const WriteOptions& options) {
  return impl_
      ->write_one({.kind = wal::OperationKind::kPut, .keyspace = 0, .key = key, .value = value},
                  options)
      .status();
}

Status Db::erase(std::string_view key, const WriteOptions& options) {
  return impl_
      ->write_one({.kind = wal::OperationKind::kErase, .keyspace = 0, .key = key, .value = {}},
                  options)
      .status();
}

Status Db::write(const Batch& batch, const WriteOptions& options) {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  if (batch.empty()) return {};
  if (Status status =
          check_sizes(BatchAccess::largest_key(batch), BatchAccess::largest_value(batch));
      !status.ok()) {
    return status;
  }
  if (batch.size() > kBatchSizeMax) return too_large("a batch", batch.size(), kBatchSizeMax);
  lsm::WriteSet set{.payload = BatchAccess::encoded(batch), .count = batch.count(), .demand = {}};
  if (Status status = check_fits(set); !status.ok()) return status;  // before it is walked
  wal::OperationReader operations(std::as_bytes(std::span(set.payload)), set.count);
  while (operations.next()) {
    set.demand.add(operations.operation().key.size(), operations.operation().value.size());
  }
  if (!operations.status().ok()) return operations.status();
  if (Status status = check_fits(set); !status.ok()) return status;
  return impl_->engine->write(set, options).status();
}

Result<bool> Db::put_if(std::string_view key, std::optional<std::string_view> expected,
                        std::optional<std::string_view> desired, const WriteOptions& options) {
  const lsm::Engine::Condition as_expected = [&]() -> Result<bool> {
    Result<lsm::ReadPoint> now = impl_->engine->point_for_condition();
    if (!now) return now.error();
    Result<std::optional<PinnedValue>> found = read_key(*now, key);
    if (!found) return found.error();
    if (!*found || !expected) return !*found && !expected;
    return (*found)->view() == *expected;
  };
  wal::Operation operation{
      .kind = wal::OperationKind::kErase, .keyspace = 0, .key = key, .value = {}};
  if (desired) {
    operation.kind = wal::OperationKind::kPut;
    operation.value = *desired;
  }
  return impl_->write_one(operation, options, &as_expected);
}

Result<std::optional<std::string>> Db::get(std::string_view key, const ReadOptions& options) {
  Result<std::optional<PinnedValue>> found = impl_->read(key, options);
  if (!found) return found.error();
  if (!*found) return std::optional<std::string>();
  return std::optional<std::string>((*found)->view());
}

Result<std::optional<PinnedValue>> Db::get_pinned(std::string_view key,
                                                  const ReadOptions& options) {
  return impl_->read(key, options);
}

Result<bool> Db::exists(std::string_view key, const ReadOptions& options) {
  Result<std::optional<PinnedValue>> found = impl_->read(key, options);
  if (!found) return found.error();
  return found->has_value();
}

Result<Snapshot> Db::snapshot() {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  Result<lsm::ReadPoint> now = impl_->engine->read_point(lsm::Horizon::kVisible);
  if (!now) return now.error();
  return SnapshotAccess::make(impl_->handle, std::move(*now), impl_->engine->context().uuid);
}

Result<Iterator> Db::iterate(const IterateOptions& options) {
  if (options.range.lower && options.range.upper && *options.range.lower > *options.range.upper) {
    return Status(StatusCode::kInvalid, "iterate: the lower bound is above the upper one");
  }
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  Result<lsm::ReadPoint> at = impl_->point(options.read);
  if (!at) return at.error();
  return IteratorAccess::make(impl_->handle, std::move(*at),
                              Bounds::of(options.range, options.prefix));
}

Result<std::optional<Entry>> Db::min(const ReadOptions& options) {
  return impl_->one_step(options, [](Iterator& iterator) { iterator.seek_first(); });
}

Result<std::optional<Entry>> Db::max(const ReadOptions& options) {
  return impl_->one_step(options, [](Iterator& iterator) { iterator.seek_last(); });
}

Result<std::optional<Entry>> Db::above(std::string_view key, const ReadOptions& options) {
  return impl_->one_step(options, [key](Iterator& iterator) {
    iterator.seek(key);
    if (iterator.valid() && iterator.key() == key) iterator.next();
  });
}

Result<std::optional<Entry>> Db::below(std::string_view key, const ReadOptions& options) {
  return impl_->one_step(options, [key](Iterator& iterator) { iterator.seek_before(key); });
}

Status Db::sync(const std::optional<Wait>& wait) {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  return impl_->engine->sync(wait);
}

Status Db::refresh() {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  return impl_->engine->refresh();
}

Status Db::flush(const std::optional<Wait>& wait) {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  return impl_->engine->flush(wait);
}

Status Db::compact(const KeyRange& range, const std::optional<Wait>& wait) {
  if (range.lower && range.upper && *range.lower > *range.upper) {
    return Status(StatusCode::kInvalid, "compact: the lower bound is above the upper one");
  }
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  return impl_->engine->compact(range, wait);
}

Result<CheckReport> Db::check() {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  return check_database(*impl_->engine);
}

Result<Stats> Db::stats() {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  return collect_stats(*impl_->engine);
}

Result<LockInfo> Db::lock_info() const {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  return impl_->engine->lock_info();
}

Result<LockInfo> Db::lock_info(const std::filesystem::path& directory) {
  return lsm::look_at_queue(directory.string());
}

Result<bool> Db::relieve() {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  return impl_->engine->relieve();
}

Result<Upkeep> Db::upkeep(const UpkeepOptions& options) {
  Handle::Call call(*impl_->handle);
  if (!call.status().ok()) return call.status();
  if (Status status = impl_->check_writable(); !status.ok()) return status;
  return impl_->engine->upkeep(options);
}

Status Db::close(const std::optional<Wait>& wait) {
  if (impl_->handle->forked()) {
    return Status(StatusCode::kForked, "close: the handle belongs to the parent of this process");
  }
  if (!impl_->handle->close()) {
    return Status(StatusCode::kClosed, "close: the database handle was closed before");
  }
  // Detached at the end, however that comes about.
  const std::unique_ptr<lsm::Engine> engine = std::move(impl_->engine);
  return engine->close(wait);
}

}  // namespace tidelock
