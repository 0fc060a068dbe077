#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "memtable/memtable.h"

namespace tidelock::memtable {

inline constexpr std::uint64_t kAllSequences = ~std::uint64_t{0};
inline constexpr std::uint64_t kNumber = 7;
inline constexpr std::uint64_t kNonce = 0x5EED;

// An arena in memory that forked children share.
class SharedArena {
 public:
  // Its bytes are not 0 before it is formatted: nothing may rest on that.
  explicit SharedArena(std::uint64_t size) : SharedArena(size, 0xA5) {}
  // An arena of untouched pages, which take memory only when they are stored to.
  static SharedArena sparse(std::uint64_t size) { return SharedArena(size, 0); }
  ~SharedArena() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  SharedArena(SharedArena&& other) noexcept
      : size_(other.size_), address_(std::exchange(other.address_, nullptr)) {}
  SharedArena& operator=(SharedArena&&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(address_), size_};
  }
  [[nodiscard]] ArenaHeader& header() const { return *static_cast<ArenaHeader*>(address_); }
  [[nodiscard]] MemtableWriter writer() const {
    return MemtableWriter::attach(bytes(), kNumber, kNonce).value();
  }
  [[nodiscard]] Memtable reader() const {
    return Memtable::attach(bytes(), kNumber, kNonce).value();
  }
  void reset() const {
    if (Status status = format(bytes(), kNumber, kNonce); !status.ok()) std::abort();
  }
  void copy_from(const SharedArena& other) const { std::memcpy(address_, other.address_, size_); }

 private:
  SharedArena(std::uint64_t size, int fill)
      : size_(size),
        address_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (address_ == MAP_FAILED) std::abort();
    if (fill != 0) std::memset(address_, fill, size_);
    reset();
  }

  std::uint64_t size_;
  void* address_;
};

}  // namespace tidelock::memtable
