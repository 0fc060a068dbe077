#include "os/byte_lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "os/error.h"
#include "os/process.h"
#include "os/system_call.h"

namespace tidelock::os {

namespace {

// Descriptors that carry locks, closed in every forked child. A fork waits while one is opened or
// closed.
class LockDescriptors {
 public:
  static LockDescriptors& instance() {
    static LockDescriptors* const registry = new LockDescriptors;  // outlives static destructors
    return *registry;
  }

  // Another open file in the place of `file`. Whoever was forked since `file` was opened has a copy
  // of that one, and would keep all locks taken through it; of this one nobody has.
  void replace(File& file) {
    std::optional<File> forgettable;  // closed after the mutex is released
    const std::lock_guard guard(mutex_);
    if (Result<File> again = file.open_again()) {
      forgettable.emplace(std::exchange(file, std::move(*again)));
    }
    descriptors_.insert(file.descriptor());
  }

  // Closed with no fork in between.
  void close(File file) {
    const std::lock_guard guard(mutex_);
    descriptors_.erase(file.descriptor());
    const File closed_here = std::move(file);
  }

 private:
  LockDescriptors() {
    ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                     [] {
                       for (const int descriptor : instance().descriptors_) ::close(descriptor);
                       instance().descriptors_.clear();
                       instance().mutex_.unlock();
                     });
  }

  std::mutex mutex_;
  std::set<int> descriptors_;
};

struct flock byte_range(std::uint64_t byte, int type) {
  struct flock range {};
  range.l_type = static_cast<short>(type);
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(byte);
  range.l_len = 1;  // 0 would mean every byte from here on
  return range;
}

int lock_type(ByteLocks::Mode mode) {
  return mode == ByteLocks::Mode::kShared ? F_RDLCK : F_WRLCK;
}

Status forked_status() {
  return Status(StatusCode::kForked, "lock: the handle belongs to the parent of this process");
}

}  // namespace

ByteLocks::ByteLocks(File file) : file_(std::move(file)), process_token_(process_token()) {
  LockDescriptors::instance().replace(file_);
}

ByteLocks::~ByteLocks() {
  if (process_token() != process_token_) {
    file_.forget();  // the child's copy was closed at the fork; the number may be reused by now
    return;
  }
  // A child made behind libc's back still has the open file. The first byte taken goes last: it is
  // the one that says that somebody is attached.
  while (!held_.empty()) unlock(held_.rbegin()->first);
  LockDescriptors::instance().close(std::move(file_));
}

Status ByteLocks::set(std::uint64_t byte, int type, bool* granted) {
  const SystemCallEvent event{.call = type == F_UNLCK ? SystemCall::kUnlock : SystemCall::kLock,
                              .path = file_.path(),
                              .offset = byte,
                              .length = 1};
  struct flock range = byte_range(byte, type);
  *granted = perform(event, [&] { return ::fcntl(file_.descriptor(), F_OFD_SETLK, &range); }) == 0;
  if (!*granted && errno != EAGAIN && errno != EACCES) {
    return error_status(errno, "lock", file_.path());
  }
  return {};
}

Result<bool> ByteLocks::try_lock(std::uint64_t byte, Mode mode) {
  if (process_token() != process_token_) return forked_status();
  const std::lock_guard guard(mutex_);
  if (held_.contains(byte)) return false;
  bool granted = false;
  if (Status status = set(byte, lock_type(mode), &granted); !status.ok()) return status;
  if (!granted) return false;
  try {
    held_.emplace(byte, mode);
  } catch (const std::bad_alloc&) {  // what nobody knows of would be held as long as we live
    (void)set(byte, F_UNLCK, &granted);
    throw;
  }
  return true;
}

Result<bool> ByteLocks::lock_before(std::uint64_t byte, Mode mode, const Deadline& deadline) {
  constexpr std::chrono::nanoseconds kPauseMin = std::chrono::microseconds(50);
  constexpr std::chrono::nanoseconds kPauseMax = std::chrono::milliseconds(5);
  std::chrono::nanoseconds pause = kPauseMin;
  for (;;) {
    Result<bool> taken = try_lock(byte, mode);
    if (!taken || *taken) return taken;
    if (deadline.expired()) return false;
    const auto jitter = std::chrono::nanoseconds(
        static_cast<std::int64_t>(random_u64() % static_cast<std::uint64_t>(pause.count())));
    sleep_for(std::min(pause / 2 + jitter, deadline.left()));
    pause = std::min(pause * 2, kPauseMax);
  }
}

Status ByteLocks::downgrade(std::uint64_t byte) {
  if (process_token() != process_token_) return forked_status();
  const std::lock_guard guard(mutex_);
  bool granted = false;
  if (Status status = set(byte, F_RDLCK, &granted); !status.ok()) return status;
  held_[byte] = Mode::kShared;
  return {};
}

void ByteLocks::unlock(std::uint64_t byte) noexcept {
  if (process_token() != process_token_) return;
  const std::lock_guard guard(mutex_);
  bool granted = false;
  // Unlocking a held byte needs no memory, so the kernel has no reason to refuse.
  (void)set(byte, F_UNLCK, &granted);
  held_.erase(byte);
}

Result<int> ByteLocks::inheritable_descriptor() const {
  if (process_token() != process_token_) return forked_status();
  const int copy = perform({.call = SystemCall::kDuplicate, .path = file_.path()},
                           [&] { return ::fcntl(file_.descriptor(), F_DUPFD, 3); });
  if (copy < 0) return error_status(errno, "duplicate the descriptor of", file_.path());
  return copy;
}

Result<bool> ByteLocks::held_by_another(std::uint64_t byte) const {
  return conflicts(byte, F_RDLCK);
}

Result<bool> ByteLocks::held_in_any_mode(std::uint64_t byte) const {
  return conflicts(byte, F_WRLCK);
}

Result<bool> ByteLocks::conflicts(std::uint64_t byte, int type) const {
  if (process_token() != process_token_) return forked_status();
  const SystemCallEvent event{
      .call = SystemCall::kProbeLock, .path = file_.path(), .offset = byte, .length = 1};
  struct flock range = byte_range(byte, type);
  if (perform(event, [&] { return ::fcntl(file_.descriptor(), F_OFD_GETLK, &range); }) != 0) {
    return error_status(errno, "probe", file_.path());
  }
  return range.l_type != F_UNLCK;
}

}  // namespace tidelock::os
