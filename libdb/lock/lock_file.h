#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lock/queue.h"
#include "os/byte_lock.h"
#include "os/mapping.h"
#include "tidelock/status.h"

namespace tidelock::lock {

// The file of a stand-alone lock, opened: one file is mapped and has its bytes locked. Byte 0 is
// the open byte: held exclusively while the file is looked over and laid out, which nobody does
// while others are attached; held shared for as long as anybody is (O2).
//
// The layout is valid for one boot, mount and inode: a copied file, or one from before a power cut,
// is laid out anew by the first who opens it.
class LockFile {
 public:
  static constexpr std::uint64_t kOpenByte = 0;
  static constexpr std::uint64_t kRecoveryByte = 1;
  static constexpr std::uint64_t kFirstMemberByte = 1024;

  // See LockQueue::open.
  [[nodiscard]] static Result<LockFile> open(const std::string& path);

  // See LockQueue::look.
  [[nodiscard]] static Result<LockInfo> look(const std::string& path);

  // See LockQueue::inheritable_descriptor.
  [[nodiscard]] Result<int> inheritable_descriptor() const {
    return locks_->inheritable_descriptor();
  }

  [[nodiscard]] Site site() noexcept {
    return {.bytes = mapping_.bytes(),
            .locks = *locks_,
            .recovery_byte = kRecoveryByte,
            .first_member_byte = kFirstMemberByte};
  }

 private:
  LockFile(std::unique_ptr<os::ByteLocks> locks, os::Mapping mapping) noexcept
      : locks_(std::move(locks)), mapping_(std::move(mapping)) {}

  std::unique_ptr<os::ByteLocks> locks_;
  os::Mapping mapping_;
};

}  // namespace tidelock::lock
