#include "tidelock/lock_queue.h"

#include <utility>

#include "lock/lock_file.h"
#include "lock/queue.h"
#include "os/clock.h"

namespace tidelock {

namespace {

Status moved_from() {
  return Status(StatusCode::kClosed, "lock: the handle was moved from");
}

}  // namespace

struct LockQueue::Impl {
  explicit Impl(lock::LockFile opened) : file(std::move(opened)) {}

  lock::LockFile file;
  std::unique_ptr<lock::Queue> queue;  // goes first
};

LockQueue::LockQueue(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
LockQueue::LockQueue(LockQueue&&) noexcept = default;
LockQueue& LockQueue::operator=(LockQueue&&) noexcept = default;
LockQueue::~LockQueue() = default;

Result<LockQueue> LockQueue::open(const std::filesystem::path& file,
                                  const LockQueueOptions& options) {
  Result<lock::LockFile> opened = lock::LockFile::open(file.string());
  if (!opened) return opened.error();
  auto impl = std::make_unique<Impl>(std::move(*opened));
  Result<std::unique_ptr<lock::Queue>> queue =
      lock::Queue::attach(impl->file.site(), options.handover, options.label);
  if (!queue) return queue.error();
  impl->queue = std::move(*queue);
  return LockQueue(std::move(impl));
}

Result<LockQueue::Guard> LockQueue::acquire(const Wait& wait) {
  if (impl_ == nullptr) return moved_from();
  // A deadline costs a look at the clock, which one who gets the lock at once does not need.
  return impl_->queue->acquire(wait);
}

Result<LockInfo> LockQueue::info() const {
  if (impl_ == nullptr) return moved_from();
  return impl_->queue->info();
}

Result<LockInfo> LockQueue::look(const std::filesystem::path& file) {
  return lock::LockFile::look(file.string());
}

Result<int> LockQueue::inheritable_descriptor() const {
  if (impl_ == nullptr) return moved_from();
  return impl_->file.inheritable_descriptor();
}

}  // namespace tidelock
