#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "os/file.h"
#include "tidelock/status.h"

namespace tidelock::os {

enum class Protection : std::uint8_t { kRead, kReadWrite };

// A shared mapping of the beginning of a file. A forked child does not inherit it (touching it
// there is a fault, so every call checks for fork first, and destroying it there does nothing), and
// a core dump leaves it out: dumping gigabytes would keep the dead process's locks for seconds.
// Outlives the File it was made from; keeps the bytes of an unlinked file alive.
class Mapping {
 public:
  // `length` in bytes, more than 0 and no more than the file has: kCorruption otherwise.
  [[nodiscard]] static Result<Mapping> map(const File& file, std::uint64_t length,
                                           Protection protection);

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return {static_cast<std::byte*>(region_.address()), region_.size()};
  }
  // Copies `data` to `offset`; the power-cut recorder of the tests sees it, as it sees write().
  // Precondition: within bounds, mapped read-write.
  void store(std::uint64_t offset, std::span<const std::byte> data);
  // Tells the recorder of bytes that were stored in place.
  void announce_store(std::uint64_t offset, std::uint64_t length) const;

 private:
  // A region that is given back by the process that mapped it. In a forked child the addresses are
  // a hole, or belong by now to whatever the child has mapped there.
  class OwnRegion {
   public:
    explicit OwnRegion(boost::interprocess::mapped_region region) noexcept;
    OwnRegion(OwnRegion&& other) noexcept;
    OwnRegion& operator=(OwnRegion&& other) noexcept;
    ~OwnRegion();
    [[nodiscard]] void* address() const noexcept { return region_.get_address(); }
    [[nodiscard]] std::size_t size() const noexcept { return region_.get_size(); }

   private:
    union {  // so that it may be left undestroyed
      boost::interprocess::mapped_region region_;
    };
    std::uint64_t process_token_;
  };

  Mapping(boost::interprocess::mapped_region region, std::string path);

  OwnRegion region_;
  std::string path_;
};

}  // namespace tidelock::os
