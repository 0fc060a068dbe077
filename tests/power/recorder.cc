#include "power/recorder.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "power/zeroes.h"

namespace tidelock::test {

namespace {

using os::SystemCall;

constexpr std::size_t kOperationsMax = std::size_t{1} << 18;
constexpr std::size_t kBytesMax = std::size_t{1} << 30;

thread_local Operation* current = nullptr;

void* reserve(std::size_t size) {
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return memory;
}

template <std::size_t kSize>
void copy_name(char (&out)[kSize], std::string_view name) {
  if (name.size() >= kSize) std::abort();
  std::memcpy(out, name.data(), name.size());
  out[name.size()] = 0;
}

bool is_sync(SystemCall call) {
  return call == SystemCall::kDataSync || call == SystemCall::kSync;
}

}  // namespace

bool is_volatile(std::string_view name) {
  return name == "STATE" || name == "QUEUE" || name == "LOG" || name.ends_with(".mem");
}

std::string to_text(const Operation& operation) {
  static constexpr const char* kCalls[] = {
      "open",  "read",      "write",    "fdatasync", "fsync",  "allocate", "punch",  "stat",
      "owner", "duplicate", "map",      "advise",    "store",  "rename",   "unlink", "mkdir",
      "rmdir", "listing",   "fsync of", "lock",      "unlock", "probe",    "wait",   "wake"};
  static_assert(std::size(kCalls) == static_cast<std::size_t>(SystemCall::kWake) + 1);
  const std::uint64_t end = operation.end.load();
  return std::to_string(operation.begin) + "-" +
         (end == Operation::kNever ? "?" : std::to_string(end)) + " " +
         kCalls[static_cast<std::size_t>(operation.call)] + " '" + operation.name + "'" +
         (operation.target[0] == 0 ? "" : " to " + std::string(operation.target)) + " at " +
         std::to_string(operation.offset) + " for " + std::to_string(operation.length) +
         (operation.created ? ", created" : "") + (operation.failed ? ", failed" : "");
}

class Recording::FailuresGuard {
 public:
  explicit FailuresGuard(Recording& recording) : lock_(recording.shared_->failures_lock) {
    while (lock_.test_and_set(std::memory_order_acquire)) ::sched_yield();
  }
  ~FailuresGuard() { lock_.clear(std::memory_order_release); }
  FailuresGuard(const FailuresGuard&) = delete;
  FailuresGuard& operator=(const FailuresGuard&) = delete;

 private:
  std::atomic_flag& lock_;
};

Recording::Recording()
    : shared_(new (reserve(sizeof(Shared))) Shared()),
      operations_(static_cast<Operation*>(reserve(kOperationsMax * sizeof(Operation)))),
      bytes_(static_cast<std::byte*>(reserve(kBytesMax))) {}

Recording::~Recording() {
  ::munmap(shared_, sizeof(Shared));
  ::munmap(operations_, kOperationsMax * sizeof(Operation));
  ::munmap(bytes_, kBytesMax);
}

std::span<const Operation> Recording::operations() const {
  return {operations_, shared_->operations.load()};
}

void Recording::clear() {
  new (shared_) Shared();
}

Operation* Recording::begin_operation() {
  const std::uint64_t index = shared_->operations.fetch_add(1);
  if (index >= kOperationsMax) std::abort();
  return new (operations_ + index) Operation();
}

const std::byte* Recording::keep(std::span<const std::byte> data) {
  const std::uint64_t at = shared_->bytes.fetch_add(data.size());
  if (at + data.size() > kBytesMax) std::abort();
  std::memcpy(bytes_ + at, data.data(), data.size());
  return bytes_ + at;
}

Recorder::Recorder(Recording& recording, std::string directory, Decide decide)
    : recording_(recording),
      directory_(std::move(directory)),
      parent_(directory_.substr(0, directory_.rfind('/'))),
      decide_(std::move(decide)) {
  os::set_system_call_hook(this);
}

Recorder::~Recorder() {
  os::set_system_call_hook(nullptr);
}

std::string_view Recorder::name_of(std::string_view path) const {
  if (path == directory_) return "";
  if (path == parent_) return "/";
  path.remove_prefix(std::min(path.size(), directory_.size() + 1));
  return path;
}

bool Recorder::is_recorded(const os::SystemCallEvent& event) const {
  if (!event.path.starts_with(directory_) && event.path != parent_) return false;
  switch (event.call) {
    case SystemCall::kWrite:
    case SystemCall::kStore:
    case SystemCall::kAllocate:
    case SystemCall::kPunchHole:
    case SystemCall::kDataSync:
    case SystemCall::kSync:
      return !is_volatile(name_of(event.path));
    case SystemCall::kOpen:
    case SystemCall::kRename:
    case SystemCall::kUnlink:
    case SystemCall::kMakeDirectory:
    case SystemCall::kSyncDirectory:
      return true;
    default:
      return false;
  }
}

os::SystemCallVerdict Recorder::before(const os::SystemCallEvent& event) {
  const int decision = decide_ ? decide_(event) : 0;
  const int error = begin(event, std::abs(decision));
  if (decision < 0) ::raise(SIGKILL);
  return {.error = error};
}

int Recorder::begin(const os::SystemCallEvent& event, int error) {
  if (!is_recorded(event)) return error;
  const std::string_view name = name_of(event.path);
  if (error != 0 && !is_sync(event.call)) return error;
  const bool existed =
      event.call != SystemCall::kOpen || ::access(std::string(event.path).c_str(), F_OK) == 0;
  const std::byte* const data = all_zero(event.data) ? nullptr : recording_.keep(event.data);
  Operation& operation = *recording_.begin_operation();
  operation.call = event.call;
  operation.created = !existed;
  operation.offset = event.offset;
  operation.length = event.length;
  operation.data = data;
  copy_name(operation.name, name);
  copy_name(operation.target, event.target.empty() ? "" : name_of(event.target));
  current = &operation;
  if (is_sync(event.call)) {
    begin_sync(operation, error);
  } else {
    operation.begin = recording_.tick();
  }
  return error;
}

// In one piece: no sync begins between a failure and its being known.
void Recorder::begin_sync(Operation& operation, int& error) {
  const std::lock_guard mine(mutex_);
  const Recording::FailuresGuard guard(recording_);
  if (owed_a_failure(operation.name)) error = EIO;
  operation.begin = recording_.tick();
  if (error == 0) return;
  const std::uint64_t at = recording_.tick();
  operation.failed = true;
  operation.end.store(at);
  told_[operation.name] = at;
  Recording::Shared& shared = *recording_.shared_;
  if (shared.failures == Recording::kFailuresMax) std::abort();
  Recording::Failure& failure = shared.failure[shared.failures++];
  copy_name(failure.name, operation.name);
  failure.at = at;
}

void Recorder::after(const os::SystemCallEvent& event) {
  if (!is_recorded(event)) return;
  if (event.call == SystemCall::kWrite) current->length = event.length;
  current->end.store(recording_.tick());
  if (event.call == SystemCall::kOpen) {
    const std::lock_guard guard(mutex_);
    told_.try_emplace(std::string(name_of(event.path)), current->begin);
  }
}

bool Recorder::owed_a_failure(std::string_view name) {
  const auto told = told_.find(name);
  if (told == told_.end()) return false;
  bool owed = false;
  for (const Recording::Failure& failure :
       std::span(recording_.shared_->failure).first(recording_.shared_->failures)) {
    if (failure.at <= told->second || name != failure.name) continue;
    owed = true;
    told->second = failure.at;
  }
  return owed;
}

}  // namespace tidelock::test
