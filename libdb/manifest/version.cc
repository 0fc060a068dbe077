#include "manifest/version.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace tidelock::manifest {

namespace {

// Beyond these no release ever wrote anything.
constexpr std::uint64_t kFileSizeMax = std::uint64_t{1} << 48;
constexpr std::uint64_t kMemtableSizeMax = std::uint64_t{4} << 30;
constexpr std::uint32_t kBlockSizeMax = std::uint32_t{1} << 20;
constexpr std::uint32_t kBloomBitsMax = 32;

Status invalid(const std::string& what) {
  return Status(StatusCode::kInvalid, what);
}

std::string name(const FileMeta& file) {
  return "table " + std::to_string(file.number);
}

Status check_created(const CreationOptions& created) {
  if (created.memtable_size == 0 || created.memtable_size > kMemtableSizeMax ||
      created.block_size == 0 || created.block_size > kBlockSizeMax ||
      created.bloom_bits_per_key > kBloomBitsMax) {
    return invalid("creation options out of range");
  }
  return {};
}

Status check_file(std::uint32_t level, const FileMeta& file) {
  if (level >= kLevels) return invalid(name(file) + " on unknown level " + std::to_string(level));
  if (file.number == 0 || file.number == std::numeric_limits<std::uint64_t>::max()) {
    return invalid(name(file) + ": no file has this number");
  }
  if ((level == 0) != (file.memtable_number != 0)) {
    return invalid(name(file) + ": on level 0, and only there, a table names its memtable");
  }
  if (file.smallest > file.largest || file.largest.size() > kKeySizeMax ||
      file.smallest.size() > kKeySizeMax) {
    return invalid(name(file) + ": impossible key range");
  }
  if (file.size == 0 || file.size > kFileSizeMax || file.entries == 0 ||
      file.tombstones > file.entries) {
    return invalid(name(file) + ": impossible counts");
  }
  return {};
}

// A union of key ranges.
class KeyCover {
 public:
  [[nodiscard]] bool overlaps(std::string_view smallest, std::string_view largest) const {
    auto after = ranges_.upper_bound(largest);
    return after != ranges_.begin() && std::prev(after)->second >= smallest;
  }

  void add(std::string_view smallest, std::string_view largest) {
    auto after = ranges_.upper_bound(largest);
    while (after != ranges_.begin() && std::prev(after)->second >= smallest) {
      smallest = std::min(smallest, std::prev(after)->first);
      largest = std::max(largest, std::prev(after)->second);
      after = ranges_.erase(std::prev(after));
    }
    ranges_.emplace(smallest, largest);
  }

 private:
  std::map<std::string_view, std::string_view> ranges_;  // smallest -> largest, disjoint
};

bool contains(const std::vector<std::uint64_t>& ascending, std::uint64_t number) {
  return std::binary_search(ascending.begin(), ascending.end(), number);
}

// `files` is level 0, newest first.
Status check_leaving_level_0(std::span<const FilePtr> files,
                             const std::vector<std::uint64_t>& leaving) {
  KeyCover older_that_stay;
  for (auto at = files.rbegin(); at != files.rend(); ++at) {
    const FileMeta& file = **at;
    if (!contains(leaving, file.number)) {
      older_that_stay.add(file.smallest, file.largest);
    } else if (older_that_stay.overlaps(file.smallest, file.largest)) {
      return invalid(name(file) + " leaves level 0 above an older table of the same keys");
    }
  }
  return {};
}

}  // namespace

Result<Version> Version::apply(const VersionEdit& edit) const& {
  return Version(*this).apply(edit);
}

Result<Version> Version::apply(const VersionEdit& edit) && {
  if (Status status = change(edit); !status.ok()) return status;
  return std::move(*this);
}

Status Version::change(const VersionEdit& edit) {
  if (edit.created.has_value() == created_.has_value()) {
    return invalid("the first edit, and no other, has the creation options");
  }
  if (edit.created) {
    if (Status status = check_created(*edit.created); !status.ok()) return status;
    created_ = edit.created;
  }
  const std::uint64_t oldest_log_before = oldest_log_;
  if (Status status = change_numbers(edit); !status.ok()) return status;
  if (Status status = change_seal(edit); !status.ok()) return status;
  if (Status status = remove_files(edit.removed); !status.ok()) return status;
  return add_files(edit.added, oldest_log_before);
}

Status Version::change_numbers(const VersionEdit& edit) {
  const auto raise = [](std::uint64_t& number, const std::optional<std::uint64_t>& to) {
    if (to && *to < number) return false;
    number = to.value_or(number);
    return true;
  };
  if (!raise(oldest_log_, edit.oldest_log)) return invalid("the oldest log needed goes back");
  if (!raise(oldest_lsn_, edit.oldest_lsn) || !raise(oldest_sequence_, edit.oldest_sequence)) {
    return invalid("the beginning of the oldest log goes back");
  }
  if (!raise(next_file_number_, edit.next_file_number)) {
    return invalid("the next file number goes back");
  }
  if (!raise(last_sequence_, edit.last_sequence)) return invalid("the last sequence goes back");
  return {};
}

Status Version::change_seal(const VersionEdit& edit) {
  if (edit.seal && edit.clear_seal) return invalid("the seal is both set and cleared");
  if (edit.seal && edit.seal->log < oldest_log_) return invalid("the seal is on a log not needed");
  if (edit.seal) seal_ = edit.seal;
  if (edit.clear_seal || (seal_ && seal_->log < oldest_log_)) seal_.reset();
  return {};
}

Status Version::remove_files(const std::vector<RemovedFile>& removed) {
  std::array<std::vector<std::uint64_t>, kLevels> numbers;
  for (const RemovedFile& file : removed) {
    if (file.level >= kLevels) return invalid("removal from an unknown level");
    numbers[file.level].push_back(file.number);
  }
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    if (numbers[level].empty()) continue;
    std::sort(numbers[level].begin(), numbers[level].end());
    if (Status status = remove_from_level(level, numbers[level]); !status.ok()) return status;
    std::erase_if(live_, [&](std::uint64_t number) { return contains(numbers[level], number); });
  }
  return {};
}

Status Version::remove_from_level(std::uint32_t level, const std::vector<std::uint64_t>& numbers) {
  if (level == 0) {
    if (Status status = check_leaving_level_0(files(0), numbers); !status.ok()) return status;
  }
  const std::size_t count = std::erase_if(
      levels_[level], [&](const FilePtr& file) { return contains(numbers, file->number); });
  if (count == numbers.size()) return {};
  return invalid("of " + std::to_string(numbers.size()) + " tables to remove, the first of them " +
                 std::to_string(numbers.front()) + ", only " + std::to_string(count) +
                 " are on level " + std::to_string(level));
}

Status Version::add_files(const std::vector<AddedFile>& added, std::uint64_t oldest_log_before) {
  std::array<Level, kLevels> files;
  std::vector<std::uint64_t> numbers;
  for (const AddedFile& addition : added) {
    if (Status status = check_file(addition.level, *addition.file); !status.ok()) return status;
    files[addition.level].push_back(addition.file);
    numbers.push_back(addition.file->number);
    next_file_number_ = std::max(next_file_number_, addition.file->number + 1);
    last_sequence_ = std::max(last_sequence_, addition.file->highest_sequence);
  }
  if (Status status = add_live(numbers); !status.ok()) return status;
  if (Status status = add_to_level_0(std::move(files[0]), oldest_log_before); !status.ok()) {
    return status;
  }
  for (std::uint32_t level = 1; level < kLevels; ++level) {
    if (Status status = add_to_deeper_level(level, std::move(files[level])); !status.ok()) {
      return status;
    }
  }
  return {};
}

Status Version::add_to_level_0(Level added, std::uint64_t oldest_log_before) {
  if (added.empty()) return {};
  const auto newer = [](const FilePtr& a, const FilePtr& b) {
    return a->memtable_number > b->memtable_number;
  };
  std::sort(added.begin(), added.end(), newer);
  added.insert(added.end(), levels_[0].begin(), levels_[0].end());
  const std::size_t count = added.size() - levels_[0].size();
  for (std::size_t i = 0; i < count; ++i) {
    const FileMeta& file = *added[i];
    if (file.memtable_number < oldest_log_before || file.memtable_number >= oldest_log_) {
      return invalid(name(file) + ": its log was not needed before, or still is (F1)");
    }
    if (i + 1 < added.size() && !newer(added[i], added[i + 1])) {
      return invalid(name(file) + " is of an older memtable than " + name(*added[i + 1]) + " (F1)");
    }
  }
  levels_[0] = std::move(added);
  return {};
}

Status Version::add_to_deeper_level(std::uint32_t level, Level added) {
  if (added.empty()) return {};
  const auto below = [](const FilePtr& a, const FilePtr& b) { return a->smallest < b->smallest; };
  std::sort(added.begin(), added.end(), below);
  Level& old = levels_[level];
  Level merged;
  merged.reserve(old.size() + added.size());
  auto rest = old.begin();
  for (FilePtr& file : added) {
    const auto next = std::upper_bound(rest, old.end(), file, below);
    std::move(rest, next, std::back_inserter(merged));
    rest = next;
    const bool overlaps_left = !merged.empty() && merged.back()->largest >= file->smallest;
    const bool overlaps_right = rest != old.end() && (*rest)->smallest <= file->largest;
    if (overlaps_left || overlaps_right) {
      return invalid(name(*file) + " overlaps " + name(overlaps_left ? *merged.back() : **rest) +
                     " on level " + std::to_string(level));
    }
    merged.push_back(std::move(file));
  }
  std::move(rest, old.end(), std::back_inserter(merged));
  old = std::move(merged);
  return {};
}

Status Version::add_live(const std::vector<std::uint64_t>& numbers) {
  const auto middle = static_cast<std::ptrdiff_t>(live_.size());
  live_.insert(live_.end(), numbers.begin(), numbers.end());
  std::sort(live_.begin() + middle, live_.end());
  std::inplace_merge(live_.begin(), live_.begin() + middle, live_.end());
  const auto twice = std::adjacent_find(live_.begin(), live_.end());
  if (twice == live_.end()) return {};
  return invalid("table " + std::to_string(*twice) + " is there already");
}

std::span<const FilePtr> Version::files(std::uint32_t level) const {
  assert(level < kLevels);
  return levels_[level];
}

std::uint64_t Version::level_bytes(std::uint32_t level) const {
  std::uint64_t bytes = 0;
  for (const FilePtr& file : files(level)) bytes += file->size;
  return bytes;
}

std::vector<FilePtr> Version::overlapping(std::uint32_t level, const KeySpan& keys) const {
  std::vector<FilePtr> result;
  const std::span<const FilePtr> all = files(level);
  const std::size_t start = level > 0 && keys.first ? find(level, *keys.first) : 0;
  for (const FilePtr& file : all.subspan(start)) {
    const bool behind = keys.last && file->smallest > *keys.last;
    if (behind && level > 0) break;
    if (!behind && (!keys.first || file->largest >= *keys.first)) result.push_back(file);
  }
  return result;
}

std::size_t Version::find(std::uint32_t level, std::string_view key) const {
  assert(level > 0);
  const std::span<const FilePtr> all = files(level);
  const auto at = std::lower_bound(
      all.begin(), all.end(), key,
      [](const FilePtr& file, std::string_view wanted) { return file->largest < wanted; });
  return static_cast<std::size_t>(at - all.begin());
}

bool Version::live(std::uint64_t number) const {
  return contains(live_, number);
}

VersionEdit version_snapshot(const Version& version) {
  VersionEdit edit;
  edit.created = version.created();
  edit.oldest_log = version.oldest_log();
  edit.oldest_lsn = version.oldest_lsn();
  edit.oldest_sequence = version.oldest_sequence();
  edit.next_file_number = version.next_file_number();
  edit.last_sequence = version.last_sequence();
  edit.seal = version.seal();
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    for (const FilePtr& file : version.files(level)) edit.added.push_back({level, file});
  }
  return edit;
}

}  // namespace tidelock::manifest
