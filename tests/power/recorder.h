#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "os/system_call.h"

// What several processes do to the files of one directory, in order, as a power cut would meet it.
namespace tidelock::test {

// Files that the next boot ignores: their bytes are not recorded.
[[nodiscard]] bool is_volatile(std::string_view name);

// One operation. Times are ticks of the recording's clock: it happened between `begin` and `end`,
// so what was to be on disk by a sync is what ended before that sync began.
struct Operation {
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  os::SystemCall call = os::SystemCall::kStat;
  bool created = false;  // kOpen: there was no such file
  bool failed = false;   // by an injected error, at `end`
  char name[40] = {};    // in the directory; "" is the directory itself, "/" the one around it
  char target[40] = {};  // kRename: the new name
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  const std::byte* data = nullptr;  // kWrite and kStore; null: zeroes
  std::uint64_t begin = 0;
  std::atomic<std::uint64_t> end{kNever};  // kNever: it failed, or its process died inside
};

[[nodiscard]] std::string to_text(const Operation& operation);

// The operations of a run, in memory that forked children share with their parent. Reserves much
// address space and uses little of it.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  [[nodiscard]] std::uint64_t tick() noexcept { return shared_->clock.fetch_add(1) + 1; }
  // While nobody records.
  [[nodiscard]] std::span<const Operation> operations() const;
  void clear();

 private:
  friend class Recorder;
  static constexpr std::size_t kFailuresMax = 256;

  // A sync that failed: whoever had the file open then is told by his next sync, once.
  struct Failure {
    char name[40] = {};
    std::uint64_t at = 0;
  };
  struct Shared {
    std::atomic<std::uint64_t> clock;
    std::atomic<std::uint64_t> operations;
    std::atomic<std::uint64_t> bytes;
    std::atomic_flag failures_lock;  // no process is killed inside
    std::uint64_t failures = 0;
    Failure failure[kFailuresMax];
  };
  class FailuresGuard;

  Operation* begin_operation();
  const std::byte* keep(std::span<const std::byte> data);

  Shared* shared_;
  Operation* operations_;
  std::byte* bytes_;
};

// While it lives, the operations of this process on files of `directory` go into `recording`.
class Recorder : public os::SystemCallHook {
 public:
  // Which error the call ends with, 0: none; less than 0: with that one, and its process dies of
  // it.
  using Decide = std::function<int(const os::SystemCallEvent&)>;

  Recorder(Recording& recording, std::string directory, Decide decide = {});
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override;
  void after(const os::SystemCallEvent& event) override;

 private:
  [[nodiscard]] bool is_recorded(const os::SystemCallEvent& event) const;
  [[nodiscard]] std::string_view name_of(std::string_view path) const;
  // Yields the error that it ends with.
  int begin(const os::SystemCallEvent& event, int error);
  void begin_sync(Operation& operation, int& error);
  // Whether a sync of that file failed since this process opened it, and it was not told so yet.
  bool owed_a_failure(std::string_view name);

  Recording& recording_;
  std::string directory_;
  std::string parent_;
  Decide decide_;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> told_;  // file -> failures known up to
};

}  // namespace tidelock::test
