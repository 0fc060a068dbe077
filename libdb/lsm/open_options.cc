#include "lsm/open_options.h"

#include <optional>
#include <utility>

namespace tidelock::lsm {

namespace {

Status invalid(const char* what) {
  return Status(StatusCode::kInvalid, std::string("open: ") + what);
}

bool outside(const std::optional<std::size_t>& value, std::size_t low, std::size_t high) {
  return value && (*value < low || *value > high);
}

template <typename Enum>
bool unknown(Enum value, Enum last) {
  return static_cast<unsigned>(value) > static_cast<unsigned>(last);
}

Status check_fixed_ranges(const FixedOptions& fixed) {
  if (outside(fixed.memtable_size, std::size_t{64} << 10, std::size_t{4} << 30)) {
    return invalid("memtable_size must be 64 KiB to 4 GiB");
  }
  if (outside(fixed.block_size, 256, std::size_t{1} << 20)) {
    return invalid("block_size must be 256 bytes to 1 MiB");
  }
  if (fixed.bloom_bits_per_key && *fixed.bloom_bits_per_key > 32) {
    return invalid("bloom_bits_per_key must be 0 to 32");
  }
  if (fixed.compression && unknown(*fixed.compression, Compression::kZstd)) {
    return invalid("compression is none of those there are");
  }
  if (fixed.compaction_style && unknown(*fixed.compaction_style, CompactionStyle::kManual)) {
    return invalid("compaction_style is none of those there are");
  }
  return {};
}

Status check_wait(const Wait& wait) {
  if (unknown(wait.policy, Wait::Policy::kBackoff)) {
    return invalid("wait.policy is none of those there are");
  }
  if (unknown(wait.backoff.jitter, Backoff::Jitter::kDecorrelated)) {
    return invalid("wait.backoff.jitter is none of those there are");
  }
  if (wait.backoff.base.count() < 0 || wait.backoff.cap < wait.backoff.base) {
    return invalid("wait.backoff.base must be 0 to wait.backoff.cap");
  }
  return {};
}

template <typename T>
bool differs(const std::optional<T>& wanted, const T& recorded) {
  return wanted && *wanted != recorded;
}

}  // namespace

Status check_options(const Options& options) {
  if (Status status = check_fixed_ranges(options.fixed); !status.ok()) return status;
  if (Status status = check_wait(options.wait); !status.ok()) return status;
  if (unknown(options.mode, OpenMode::kCreateIfMissing) ||
      unknown(options.access, Access::kReadOnly) ||
      unknown(options.durability, Durability::kPeriodic) ||
      unknown(options.handover, Handover::kStrict) ||
      unknown(options.background, Background::kUpkeep)) {
    return invalid("an option is none of the values there are");
  }
  if (options.sync_period < std::chrono::milliseconds(1)) {
    return invalid("sync_period must be at least 1 ms");
  }
  if (options.file_mode && (*options.file_mode & ~0777U) != 0) {
    return invalid("file_mode must consist of permission bits");
  }
  return {};
}

Status check_fixed(const std::string& directory, const FixedOptions& wanted,
                   const manifest::CreationOptions& created) {
  const char* name = nullptr;
  if (differs(wanted.memtable_size, static_cast<std::size_t>(created.memtable_size))) {
    name = "memtable_size";
  } else if (differs(wanted.block_size, static_cast<std::size_t>(created.block_size))) {
    name = "block_size";
  } else if (differs(wanted.compression, created.compression)) {
    name = "compression";
  } else if (differs(wanted.bloom_bits_per_key, created.bloom_bits_per_key)) {
    name = "bloom_bits_per_key";
  } else if (differs(wanted.compaction_style, created.compaction_style)) {
    name = "compaction_style";
  }
  if (name == nullptr) return {};
  return Status(StatusCode::kInvalid, "open " + directory + ": option " + name +
                                          " was fixed with another value at creation");
}

}  // namespace tidelock::lsm
