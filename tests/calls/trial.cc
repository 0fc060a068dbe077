#include "calls/trial.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace tidelock::test {

namespace {

// Of a file that is there.
std::uint64_t digest_of(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (descriptor < 0 || ::fstat(descriptor, &facts) != 0) std::abort();
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* const bytes =
      size == 0 ? nullptr
                : ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  if (bytes == MAP_FAILED) std::abort();
  const std::uint64_t digest = XXH3_64bits(bytes, size);
  if (bytes != nullptr) ::munmap(bytes, size);
  ::close(descriptor);
  return digest;
}

// Of the files that change without a system call. Logs do, too, but their stores announce
// themselves.
std::uint64_t digest_of_shared_files(const std::string& directory) {
  std::uint64_t digest = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (name != "STATE" && name != "QUEUE" && !name.ends_with(".mem")) continue;
    digest += digest_of(entry.path()) ^ std::hash<std::string>()(name);
  }
  return digest;
}

// Whether it leaves something where its process dies next. Locks go with their process.
bool outlives_its_process(os::SystemCall call) {
  switch (call) {
    case os::SystemCall::kOpen:  // if there was no such file
    case os::SystemCall::kWrite:
    case os::SystemCall::kAllocate:
    case os::SystemCall::kPunchHole:
    case os::SystemCall::kSetOwner:
    case os::SystemCall::kStore:
    case os::SystemCall::kRename:
    case os::SystemCall::kUnlink:
    case os::SystemCall::kMakeDirectory:
    case os::SystemCall::kRemoveDirectory:
      return true;
    default:
      return false;
  }
}

}  // namespace

Tracer::Tracer(Trace& trace, std::string directory)
    : trace_(trace), directory_(std::move(directory)) {
  os::set_system_call_hook(this);
}

Tracer::~Tracer() {
  os::set_system_call_hook(nullptr);
}

os::SystemCallVerdict Tracer::before(const os::SystemCallEvent& event) {
  const std::uint64_t digest = digest_of_shared_files(directory_);
  const std::uint64_t number = trace_.count.fetch_add(1);
  if (number >= Trace::kCallsMax) std::abort();
  Trace::Call& call = trace_.calls[number];
  call = {event.call, event.length, std::exchange(digest_, digest) != digest, false, {}};
  const std::string_view name = event.path.substr(event.path.rfind('/') + 1);
  name.copy(call.file, sizeof call.file - 1);
  existed_ = event.call == os::SystemCall::kOpen && std::filesystem::exists(event.path);
  return {};
}

void Tracer::after(const os::SystemCallEvent& event) {
  trace_.calls[trace_.count.load() - 1].changes = outlives_its_process(event.call) && !existed_;
}

std::string to_text(const Trace& trace, std::uint64_t number) {
  if (number == 0 || number > trace.count.load()) return "call " + std::to_string(number);
  const Trace::Call& call = trace.at(number);
  return "call " + std::to_string(number) + " (" + name_of(call.call) + " " + call.file + ")";
}

const char* name_of(os::SystemCall call) {
  switch (call) {
    case os::SystemCall::kOpen:
      return "open";
    case os::SystemCall::kRead:
      return "read";
    case os::SystemCall::kWrite:
      return "write";
    case os::SystemCall::kDataSync:
      return "fdatasync";
    case os::SystemCall::kSync:
      return "fsync";
    case os::SystemCall::kAllocate:
      return "fallocate";
    case os::SystemCall::kPunchHole:
      return "punch hole";
    case os::SystemCall::kStat:
      return "stat";
    case os::SystemCall::kSetOwner:
      return "set owner";
    case os::SystemCall::kDuplicate:
      return "duplicate";
    case os::SystemCall::kMap:
      return "map";
    case os::SystemCall::kAdvise:
      return "advise";
    case os::SystemCall::kStore:
      return "store";
    case os::SystemCall::kRename:
      return "rename";
    case os::SystemCall::kUnlink:
      return "unlink";
    case os::SystemCall::kMakeDirectory:
      return "make directory";
    case os::SystemCall::kRemoveDirectory:
      return "remove directory";
    case os::SystemCall::kListDirectory:
      return "list directory";
    case os::SystemCall::kSyncDirectory:
      return "sync directory";
    case os::SystemCall::kLock:
      return "lock";
    case os::SystemCall::kUnlock:
      return "unlock";
    case os::SystemCall::kProbeLock:
      return "probe lock";
    case os::SystemCall::kWait:
      return "wait";
    case os::SystemCall::kWake:
      return "wake";
  }
  return "unknown";
}

}  // namespace tidelock::test
