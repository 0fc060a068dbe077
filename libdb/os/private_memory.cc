#include "os/private_memory.h"

#include <sys/mman.h>

#include <cerrno>

#include "os/error.h"
#include "os/system_call.h"

namespace tidelock::os {

Result<PrivateMemory> PrivateMemory::make(std::size_t size) {
  const SystemCallEvent event{.call = SystemCall::kMap, .path = "private memory", .length = size};
  if (const int error = announce(event).error) return error_status(error, "map", event.path);
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return error_status(errno, "map", event.path);
  confirm(event);
  return PrivateMemory(std::span(static_cast<std::byte*>(address), size));
}

PrivateMemory::~PrivateMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace tidelock::os
