#include "agent/shared_mapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tidelock::agent {

Result<SharedMapping> SharedMapping::map(int flags, int descriptor, std::size_t size) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags,
                      descriptor, 0);
  if (data == MAP_FAILED) {
    return Status(StatusCode::kLimit,
                  "map " + std::to_string(size) + " shared bytes: " + std::strerror(errno));
  }
  return SharedMapping(static_cast<std::byte*>(data), size);
}

Result<SharedMapping> SharedMapping::anonymous(std::size_t size) {
  return map(MAP_ANONYMOUS, -1, size);
}

Result<SharedMapping> SharedMapping::of_file(int descriptor, std::size_t reserved) {
  return map(0, descriptor, reserved);
}

SharedMapping::SharedMapping(SharedMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

SharedMapping::~SharedMapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace tidelock::agent
