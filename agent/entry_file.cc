#include "agent/entry_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr std::size_t kGrowth = std::size_t{1} << 20;  // bytes
constexpr std::size_t kHeaderSize = 64;                // the count comes first

Status failure(const std::string& operation, const std::string& path) {
  return Status(StatusCode::kIo, operation + " " + path + ": " + std::strerror(errno));
}

std::atomic<std::uint64_t>& count_of(const SharedMapping& mapping) noexcept {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(mapping.data());
}

}  // namespace

EntryFile::EntryFile(int descriptor, SharedMapping mapping, std::size_t entry_size) noexcept
    : descriptor_(descriptor), mapping_(std::move(mapping)), entry_size_(entry_size) {}

EntryFile::EntryFile(EntryFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      mapping_(std::move(other.mapping_)),
      entry_size_(other.entry_size_),
      room_(other.room_) {}

EntryFile::~EntryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<EntryFile> EntryFile::create(const std::string& directory, std::size_t entry_size,
                                    std::size_t reserved) {
  std::string path = directory + "/tidelock-agent-XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) return failure("create a journal in", directory);
  ::unlink(path.c_str());
  Result<SharedMapping> mapping = SharedMapping::of_file(descriptor, reserved);
  if (!mapping) {
    ::close(descriptor);
    return std::move(mapping).error();
  }
  EntryFile file(descriptor, *std::move(mapping), entry_size);
  if (Status status = file.make_room(1); !status.ok()) return status;
  return file;
}

// A sparse file would kill its writer on a full disk; an allocated one fails here.
Status EntryFile::make_room(std::uint64_t entries) {
  if (entries <= room_) return Status();
  const std::size_t needed = kHeaderSize + entries * entry_size_;
  const std::size_t bytes = (needed + kGrowth - 1) / kGrowth * kGrowth;
  const int error = bytes > mapping_.size()
                        ? EFBIG
                        : ::posix_fallocate(descriptor_, 0, static_cast<::off_t>(bytes));
  if (error != 0) {
    return Status(StatusCode::kNoSpace, std::string("grow journal: ") + std::strerror(error));
  }
  room_ = (bytes - kHeaderSize) / entry_size_;
  return Status();
}

void EntryFile::set_size(std::uint64_t entries) noexcept {
  // E1; pairs with the acquire in size().
  count_of(mapping_).store(entries, std::memory_order_release);
}

std::uint64_t EntryFile::size() const noexcept {
  const std::uint64_t most = (mapping_.size() - kHeaderSize) / entry_size_;
  // Pairs with the release in set_size().
  return std::min(count_of(mapping_).load(std::memory_order_acquire), most);
}

std::byte* EntryFile::at(std::uint64_t index) const noexcept {
  return mapping_.data() + kHeaderSize + index * entry_size_;
}

Status EntryFile::save(const std::string& path) const {
  const int copy = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (copy < 0) return failure("create", path);
  const std::byte* const end = at(size());
  for (const std::byte* from = mapping_.data(); from < end;) {
    const ::ssize_t written = ::write(copy, from, static_cast<std::size_t>(end - from));
    if (written < 0) {
      Status status = failure("write", path);
      ::close(copy);
      return status;
    }
    from += written;
  }
  ::close(copy);
  return Status();
}

}  // namespace tidelock::agent
