#include "agent/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr std::size_t kReserved = std::size_t{1} << 36;  // of address space; 2.8 billion entries
constexpr std::size_t kGrowth = std::size_t{1} << 20;    // bytes

constexpr std::uint64_t kOutcomeBits = 2;

Status failure(const std::string& operation, const std::string& path) {
  return Status(StatusCode::kIo, operation + " " + path + ": " + std::strerror(errno));
}

}  // namespace

struct Journal::Header {
  std::atomic<std::uint64_t> count;
  std::uint64_t unused[7];
};

struct Journal::Entry {
  std::atomic<std::uint64_t> begin_ns;
  std::atomic<std::uint64_t> end_and_outcome;  // nanoseconds << 2 | Outcome
  std::uint32_t key;
  OperationKind kind;
  std::uint8_t unused[3];
};

Journal::Journal(int descriptor, SharedMapping mapping) noexcept
    : descriptor_(descriptor), mapping_(std::move(mapping)) {
  static_assert(std::is_standard_layout_v<Header> && sizeof(Header) == 64);
  static_assert(std::is_standard_layout_v<Entry> && sizeof(Entry) == 24);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
}

Journal::Journal(Journal&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      mapping_(std::move(other.mapping_)),
      room_(other.room_) {}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Journal> Journal::create(const std::string& directory) {
  std::string path = directory + "/tidelock-agent-XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) return failure("create a journal in", directory);
  ::unlink(path.c_str());
  Result<SharedMapping> mapping = SharedMapping::of_file(descriptor, kReserved);
  if (!mapping) {
    ::close(descriptor);
    return std::move(mapping).error();
  }
  Journal journal(descriptor, *std::move(mapping));
  if (Status status = journal.make_room(1); !status.ok()) return status;
  return journal;
}

Journal::Header& Journal::header() const noexcept {
  return *reinterpret_cast<Header*>(mapping_.data());
}

Journal::Entry& Journal::entry(std::uint64_t counter) const noexcept {
  return reinterpret_cast<Entry*>(mapping_.data() + sizeof(Header))[counter];
}

// A sparse file would kill its writer on a full disk; an allocated one fails here.
Status Journal::make_room(std::uint64_t entries) {
  const std::size_t needed = sizeof(Header) + entries * sizeof(Entry);
  const std::size_t bytes = (needed + kGrowth - 1) / kGrowth * kGrowth;
  const int error = bytes > mapping_.size()
                        ? EFBIG
                        : ::posix_fallocate(descriptor_, 0, static_cast<::off_t>(bytes));
  if (error != 0) {
    return Status(StatusCode::kNoSpace, std::string("grow journal: ") + std::strerror(error));
  }
  room_ = (bytes - sizeof(Header)) / sizeof(Entry);
  return Status();
}

Result<std::uint64_t> Journal::begin(std::uint32_t key, OperationKind kind, std::uint64_t now_ns) {
  // Own value: this writer, or one that is dead and whose stores the kernel has ordered before us.
  const std::uint64_t counter = header().count.load(std::memory_order_relaxed);
  if (counter >= room_) {
    if (Status status = make_room(counter + 1); !status.ok()) return status;
  }
  Entry& entry = this->entry(counter);
  entry.begin_ns.store(now_ns, std::memory_order_relaxed);
  entry.end_and_outcome.store(0, std::memory_order_relaxed);
  entry.key = key;
  entry.kind = kind;
  // J1; pairs with the acquire in size().
  header().count.store(counter + 1, std::memory_order_release);
  return counter;
}

void Journal::begin_again(std::uint64_t counter, std::uint64_t now_ns) noexcept {
  // Readers use the begin of answered operations only; end() publishes it.
  entry(counter).begin_ns.store(now_ns, std::memory_order_relaxed);
}

void Journal::end(std::uint64_t counter, Outcome outcome, std::uint64_t now_ns) noexcept {
  const std::uint64_t word = now_ns << kOutcomeBits | static_cast<std::uint64_t>(outcome);
  // J2; pairs with the acquire in find().
  entry(counter).end_and_outcome.store(word, std::memory_order_release);
}

Status Journal::save(const std::string& path) const {
  const int copy = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (copy < 0) return failure("create", path);
  const std::byte* from = mapping_.data();
  for (const std::byte* end = from + sizeof(Header) + size() * sizeof(Entry); from < end;) {
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

std::uint64_t Journal::size() const noexcept {
  constexpr std::uint64_t kMost = (kReserved - sizeof(Header)) / sizeof(Entry);
  // Pairs with the release in begin().
  return std::min(header().count.load(std::memory_order_acquire), kMost);
}

std::optional<Operation> Journal::find(std::uint64_t counter) const noexcept {
  if (counter >= size()) return std::nullopt;
  const Entry& entry = this->entry(counter);
  // Pairs with the release in end().
  const std::uint64_t word = entry.end_and_outcome.load(std::memory_order_acquire);
  return Operation{.key = entry.key,
                   .kind = entry.kind,
                   .outcome = static_cast<Outcome>(word & ((1u << kOutcomeBits) - 1)),
                   .begin_ns = entry.begin_ns.load(std::memory_order_relaxed),
                   .end_ns = word >> kOutcomeBits};
}

}  // namespace tidelock::agent
