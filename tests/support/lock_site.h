#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "lock/layout.h"
#include "lock/queue.h"
#include "os/byte_lock.h"
#include "os/file.h"
#include "os/mapping.h"

namespace tidelock::test {

// One attachment's open file and mapping of a queue file, without an open protocol: a test lays the
// file out once, before anybody else comes. Aborts when the kernel refuses.
class LockSite {
 public:
  // An existing queue file.
  explicit LockSite(const std::string& path)
      : LockSite(must(os::File::open(path, os::FileAccess::kReadWrite))) {}
  // A new one.
  LockSite(const std::string& path, std::uint32_t ring_entries) : LockSite(create(path)) {
    lock::format(mapping_.bytes(), 1, ring_entries);
  }

  [[nodiscard]] lock::Site site() {
    return {
        .bytes = mapping_.bytes(), .locks = locks_, .recovery_byte = 1, .first_member_byte = 1024};
  }
  [[nodiscard]] lock::QueueFile& file() {
    return *reinterpret_cast<lock::QueueFile*>(mapping_.bytes().data());
  }
  [[nodiscard]] os::ByteLocks& locks() { return locks_; }

 private:
  explicit LockSite(os::File file)
      : mapping_(must(os::Mapping::map(file, lock::queue_file_size(), os::Protection::kReadWrite))),
        locks_(std::move(file)) {}

  template <typename T>
  static T must(Result<T> result) {
    if (!result) std::abort();
    return std::move(result).value();
  }
  static os::File create(const std::string& path) {
    os::File file = must(os::File::create(path, {}));
    if (!file.allocate(lock::queue_file_size()).ok()) std::abort();
    return file;
  }

  os::Mapping mapping_;
  os::ByteLocks locks_;
};

}  // namespace tidelock::test
