#pragma once

#include <cstddef>

#include "tidelock/status.h"

namespace tidelock::agent {

// Memory that the agent shares with the clients it forks: what a client wrote stays when it is
// killed. Move-only; unmapped at the end.
class SharedMapping {
 public:
  // `size` zero bytes; pages cost memory once they are touched.
  [[nodiscard]] static Result<SharedMapping> anonymous(std::size_t size);
  // The first `reserved` bytes of an open file, which may be shorter: only what lies within the
  // file may be touched, and growing the file is enough to make more of it usable.
  [[nodiscard]] static Result<SharedMapping> of_file(int descriptor, std::size_t reserved);

  SharedMapping(SharedMapping&& other) noexcept;
  SharedMapping& operator=(SharedMapping&&) = delete;
  ~SharedMapping();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  SharedMapping(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
  [[nodiscard]] static Result<SharedMapping> map(int flags, int descriptor, std::size_t size);

  std::byte* data_;
  std::size_t size_;
};

}  // namespace tidelock::agent
