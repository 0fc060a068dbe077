#include "os/mapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "os/error.h"
#include "os/process.h"
#include "os/system_call.h"

namespace tidelock::os {

namespace {

// Boost's own file_mapping would open the path again, without close-on-exec.
class MappableDescriptor {
 public:
  explicit MappableDescriptor(int descriptor) : handle_{descriptor, false} {}
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const { return handle_; }

 private:
  boost::interprocess::mapping_handle_t handle_;
};

}  // namespace

Mapping::OwnRegion::OwnRegion(boost::interprocess::mapped_region region) noexcept
    : region_(std::move(region)), process_token_(process_token()) {}

Mapping::OwnRegion::OwnRegion(OwnRegion&& other) noexcept
    : region_(std::move(other.region_)), process_token_(other.process_token_) {}

Mapping::OwnRegion& Mapping::OwnRegion::operator=(OwnRegion&& other) noexcept {
  region_.swap(other.region_);
  std::swap(process_token_, other.process_token_);
  return *this;
}

Mapping::OwnRegion::~OwnRegion() {
  if (process_token() == process_token_) region_.~mapped_region();
}

Mapping::Mapping(boost::interprocess::mapped_region region, std::string path)
    : region_(std::move(region)), path_(std::move(path)) {}

Result<Mapping> Mapping::map(const File& file, std::uint64_t length, Protection protection) {
  const SystemCallEvent event{.call = SystemCall::kMap, .path = file.path(), .length = length};
  if (const int error = announce(event).error) return error_status(error, "map", file.path());
  Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  if (length == 0 || *size < length) {
    return Status(StatusCode::kCorruption, "map " + file.path() + ": expected " +
                                               std::to_string(length) + " bytes, the file has " +
                                               std::to_string(*size));
  }
  const auto mode = protection == Protection::kRead ? boost::interprocess::read_only
                                                    : boost::interprocess::read_write;
  try {
    boost::interprocess::mapped_region region(MappableDescriptor(file.descriptor()), mode, 0,
                                              static_cast<std::size_t>(length));
    for (const int advice : {MADV_DONTFORK, MADV_DONTDUMP}) {
      if (perform({.call = SystemCall::kAdvise, .path = file.path(), .length = length}, [&] {
            return ::madvise(region.get_address(), region.get_size(), advice);
          }) != 0) {
        return error_status(errno, "advise on mapping of", file.path());
      }
    }
    confirm(event);
    return Mapping(std::move(region), file.path());
  } catch (const boost::interprocess::interprocess_exception& failure) {
    const int error = failure.get_native_error();
    return error_status(error == 0 ? ENOMEM : error, "map", file.path());
  }
}

void Mapping::store(std::uint64_t offset, std::span<const std::byte> data) {
  std::memcpy(bytes().data() + offset, data.data(), data.size());
  announce_store(offset, data.size());
}

void Mapping::announce_store(std::uint64_t offset, std::uint64_t length) const {
  const SystemCallEvent event{.call = SystemCall::kStore,
                              .path = path_,
                              .offset = offset,
                              .length = length,
                              .data = bytes().subspan(offset, static_cast<std::size_t>(length))};
  announce(event);
  confirm(event);
}

}  // namespace tidelock::os
