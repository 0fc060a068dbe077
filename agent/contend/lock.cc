#include "agent/contend/lock.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "agent/random.h"
#include "agent/retry_delays.h"
#include "tidelock/lock_queue.h"

namespace tidelock::agent::contend {
namespace {

using std::chrono::milliseconds;
using MadeLock = Result<std::unique_ptr<Lock>>;

Status given_up() {
  return Status(StatusCode::kTimedOut, "the phase is over");
}

Status system_error(const char* operation, int error) {
  return Status(StatusCode::kIo, std::string(operation) + ": " + std::strerror(error));
}

class QueueLock final : public Lock {
 public:
  explicit QueueLock(LockQueue queue) : queue_(std::move(queue)) {}
  Status acquire(std::uint64_t& tries) override {
    ++tries;
    Result<LockQueue::Guard> guard = queue_.acquire({.deadline = Wait::kForEver});
    if (!guard) return guard.error();
    if (guard->inconsistent()) guard->mark_consistent();
    guard_.emplace(*std::move(guard));
    return Status();
  }
  void release() override { guard_.reset(); }

 private:
  LockQueue queue_;
  std::optional<LockQueue::Guard> guard_;
};

// What an application does that is told "busy" and has no queue to wait in.
class FailFastLock final : public Lock {
 public:
  FailFastLock(LockQueue queue, const LockSite& site, bool delays)
      : queue_(std::move(queue)), site_(site), random_(site.seed), delays_(delays) {}
  Status acquire(std::uint64_t& tries) override {
    std::optional<RetryDelays> delays;
    for (;;) {
      ++tries;
      Result<LockQueue::Guard> guard = queue_.acquire({.policy = Wait::Policy::kFailFast});
      if (guard) {
        if (guard->inconsistent()) guard->mark_consistent();
        guard_.emplace(*std::move(guard));
        return Status();
      }
      if (guard.error().code() != StatusCode::kBusy) return guard.error();
      if (site_.stopped()) return given_up();
      if (delays_) {
        if (!delays) delays.emplace(site_.backoff);
        std::this_thread::sleep_for(delays->next(random_));
      } else {
        ::sched_yield();
      }
    }
  }
  void release() override { guard_.reset(); }

 private:
  LockQueue queue_;
  const LockSite site_;
  Random random_;
  const bool delays_;
  std::optional<LockQueue::Guard> guard_;
};

// A descriptor of this process's own on the file that all lock.
class LockedFile {
 public:
  explicit LockedFile(int descriptor) noexcept : descriptor_(descriptor) {}
  LockedFile(LockedFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  LockedFile& operator=(LockedFile&&) = delete;
  ~LockedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  static Result<LockedFile> open(const LockSite& site) {
    const std::string path = site.directory + "/file";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return system_error(("open " + path).c_str(), errno);
    return LockedFile(descriptor);
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // `command` is F_OFD_SETLK or F_OFD_SETLKW; the result is 0 or errno.
  [[nodiscard]] int lock_byte(int command, int type) const noexcept {
    struct flock range {};
    range.l_type = static_cast<short>(type);
    range.l_whence = SEEK_SET;
    range.l_len = 1;
    return ::fcntl(descriptor_, command, &range) == 0 ? 0 : errno;
  }

 private:
  int descriptor_;
};

class FcntlLock final : public Lock {
 public:
  explicit FcntlLock(LockedFile file) : file_(std::move(file)) {}
  Status acquire(std::uint64_t& tries) override {
    ++tries;
    int error = EINTR;
    while (error == EINTR) error = file_.lock_byte(F_OFD_SETLKW, F_WRLCK);
    return error == 0 ? Status() : system_error("fcntl F_OFD_SETLKW", error);
  }
  void release() override { (void)file_.lock_byte(F_OFD_SETLK, F_UNLCK); }

 private:
  LockedFile file_;
};

class FlockLock final : public Lock {
 public:
  explicit FlockLock(LockedFile file) : file_(std::move(file)) {}
  Status acquire(std::uint64_t& tries) override {
    ++tries;
    while (::flock(file_.descriptor(), LOCK_EX) != 0) {
      if (errno != EINTR) return system_error("flock", errno);
    }
    return Status();
  }
  void release() override { (void)::flock(file_.descriptor(), LOCK_UN); }

 private:
  LockedFile file_;
};

class RobustMutex final : public Lock {
 public:
  explicit RobustMutex(pthread_mutex_t& mutex) : mutex_(mutex) {}
  Status acquire(std::uint64_t& tries) override {
    ++tries;
    int error = ::pthread_mutex_lock(&mutex_);
    if (error == EOWNERDEAD) error = ::pthread_mutex_consistent(&mutex_);
    return error == 0 ? Status() : system_error("pthread_mutex_lock", error);
  }
  void release() override { ::pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t& mutex_;
};

// Sleeps between attempts as long as SQLite's default busy handler does.
class SqliteBusyLock final : public Lock {
 public:
  SqliteBusyLock(LockedFile file, const LockSite& site) : file_(std::move(file)), site_(site) {}
  Status acquire(std::uint64_t& tries) override {
    static constexpr int kDelaysMs[] = {1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100};
    for (std::size_t attempt = 0;; ++attempt) {
      ++tries;
      const int error = file_.lock_byte(F_OFD_SETLK, F_WRLCK);
      if (error == 0) return Status();
      if (error != EAGAIN && error != EACCES) return system_error("fcntl F_OFD_SETLK", error);
      if (site_.stopped()) return given_up();
      const std::size_t last = std::size(kDelaysMs) - 1;
      std::this_thread::sleep_for(milliseconds(kDelaysMs[std::min(attempt, last)]));
    }
  }
  void release() override { (void)file_.lock_byte(F_OFD_SETLK, F_UNLCK); }

 private:
  LockedFile file_;
  const LockSite site_;
};

Result<LockQueue> open_queue(const LockSite& site, Handover handover) {
  return LockQueue::open(site.directory + "/queue", {.handover = handover});
}

LockFactory queue_lock(Handover handover) {
  return [=](const LockSite& site) -> MadeLock {
    Result<LockQueue> queue = open_queue(site, handover);
    if (!queue) return queue.error();
    return std::unique_ptr<Lock>(std::make_unique<QueueLock>(*std::move(queue)));
  };
}

LockFactory fail_fast_lock(std::optional<Backoff::Jitter> jitter) {
  return [=](LockSite site) -> MadeLock {
    Result<LockQueue> queue = open_queue(site, Handover::kBounded);
    if (!queue) return queue.error();
    site.backoff.jitter = jitter.value_or(Backoff::Jitter::kNone);
    return std::unique_ptr<Lock>(
        std::make_unique<FailFastLock>(*std::move(queue), site, jitter.has_value()));
  };
}

template <typename FileLock, typename... Site>
MadeLock file_lock(const LockSite& site, const Site&... further) {
  Result<LockedFile> file = LockedFile::open(site);
  if (!file) return file.error();
  return std::unique_ptr<Lock>(std::make_unique<FileLock>(*std::move(file), further...));
}

}  // namespace

LockFactory factory_of(Policy policy) {
  switch (policy) {
    case Policy::kQueue:
      return queue_lock(Handover::kBounded);
    case Policy::kStrict:
      return queue_lock(Handover::kStrict);
    case Policy::kRetryAtOnce:
      return fail_fast_lock(std::nullopt);
    case Policy::kExponential:
      return fail_fast_lock(Backoff::Jitter::kNone);
    case Policy::kFullJitter:
      return fail_fast_lock(Backoff::Jitter::kFull);
    case Policy::kEqualJitter:
      return fail_fast_lock(Backoff::Jitter::kEqual);
    case Policy::kDecorrelated:
      return fail_fast_lock(Backoff::Jitter::kDecorrelated);
    case Policy::kFcntl:
      return [](const LockSite& site) { return file_lock<FcntlLock>(site); };
    case Policy::kFlock:
      return [](const LockSite& site) { return file_lock<FlockLock>(site); };
    case Policy::kRobustMutex:
      return [](const LockSite& site) -> MadeLock {
        return std::unique_ptr<Lock>(std::make_unique<RobustMutex>(*site.mutex));
      };
    case Policy::kSqliteBusyHandler:
      break;
  }
  return [](const LockSite& site) { return file_lock<SqliteBusyLock>(site, site); };
}

}  // namespace tidelock::agent::contend
