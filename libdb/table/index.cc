#include "table/index.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "table/format.h"

namespace tidelock::table {

namespace {

std::uint64_t head_of(std::string_view rest) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, rest.data(), std::min(rest.size(), sizeof value));
  return __builtin_bswap64(value);
}

// A short s with last <= s < next.
std::string_view shortest_between(std::string_view last, std::string_view next) noexcept {
  const std::size_t shared = common_prefix(last, next);
  if (shared == last.size() || shared + 1 >= next.size()) return last;
  return next.substr(0, shared + 1);
}

}  // namespace

std::optional<Index> Index::parse(std::string_view bytes, std::uint64_t blocks,
                                  std::uint32_t prefix_length) noexcept {
  if (blocks == 0 || blocks > bytes.size() / 20 || bytes.size() < bytes_min(blocks)) {
    return std::nullopt;
  }
  const auto n = static_cast<std::size_t>(blocks);
  Index index;
  index.blocks_ = blocks;
  index.heads_ = bytes.data();
  index.offsets_ = index.heads_ + 8 * n;
  index.ends_ = index.offsets_ + 8 * (n + 1);
  const std::string_view keys = bytes.substr(static_cast<std::size_t>(bytes_min(blocks)));
  if (prefix_length > keys.size()) return std::nullopt;
  index.prefix_ = keys.substr(0, prefix_length);
  index.rests_ = keys.substr(prefix_length);
  return index;
}

std::uint64_t Index::head(std::uint64_t n) const noexcept {
  return load<std::uint64_t>(heads_ + 8 * n);
}

std::uint64_t Index::offset(std::uint64_t n) const noexcept {
  return load<std::uint64_t>(offsets_ + 8 * n);
}

bool Index::rest(std::uint64_t n, std::string_view& out) const noexcept {
  const std::uint32_t begin = n == 0 ? 0 : load<std::uint32_t>(ends_ + 4 * (n - 1));
  const auto end = load<std::uint32_t>(ends_ + 4 * n);
  if (begin > end || end > rests_.size()) return false;
  out = rests_.substr(begin, end - begin);
  return true;
}

std::uint64_t Index::lower_bound(std::string_view key) const noexcept {
  const int order = key.substr(0, prefix_.size()).compare(prefix_);
  if (order != 0) return order < 0 ? 0 : blocks_;
  const std::string_view wanted_rest = key.substr(prefix_.size());
  const std::uint64_t wanted = head_of(wanted_rest);
  // The first n in [low, blocks) for which `reached(n)` holds; reached ascends from false to true.
  const auto first = [this](std::uint64_t low, auto reached) {
    for (std::uint64_t length = blocks_ - low; length > 0;) {
      const std::uint64_t half = length / 2;
      const bool here = reached(low + half);
      low = here ? low : low + half + 1;
      length = here ? half : length - half - 1;
    }
    return low;
  };
  const std::uint64_t low = first(0, [&](std::uint64_t n) { return head(n) >= wanted; });
  if (low == blocks_ || head(low) != wanted) return low;
  return first(low, [&](std::uint64_t n) {
    std::string_view found;
    return head(n) > wanted || !rest(n, found) || found >= wanted_rest;
  });
}

bool Index::is_tight() const noexcept {
  std::string_view previous;
  for (std::uint64_t n = 0; n < blocks_; ++n) {
    std::string_view current;
    if (!rest(n, current) || head(n) != head_of(current)) return false;
    if (n > 0 && current <= previous) return false;
    previous = current;
  }
  return previous.data() + previous.size() == rests_.data() + rests_.size();
}

void IndexBuilder::add(std::uint64_t offset, std::string_view last, const std::string_view* next) {
  offsets_.push_back(offset);
  separators_.append(next == nullptr ? last : shortest_between(last, *next));
  ends_.push_back(separators_.size());
}

std::string_view IndexBuilder::separator(std::size_t n) const noexcept {
  const std::uint64_t begin = n == 0 ? 0 : ends_[n - 1];
  return std::string_view(separators_).substr(begin, ends_[n] - begin);
}

std::uint32_t IndexBuilder::prefix_length() const noexcept {
  // They ascend: what the first and the last share, all share.
  const std::size_t length = common_prefix(separator(0), separator(offsets_.size() - 1));
  return static_cast<std::uint32_t>(length);
}

std::uint64_t IndexBuilder::bytes() const noexcept {
  return Index::bytes_min(blocks()) + separators_.size();
}

std::optional<std::string> IndexBuilder::finish(std::uint64_t end) const {
  const std::size_t prefix = prefix_length();
  const std::size_t rests = separators_.size() - prefix * offsets_.size();
  if (rests > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  std::string bytes;
  bytes.reserve(Index::bytes_min(blocks()) + prefix + rests);
  for (std::size_t n = 0; n < offsets_.size(); ++n) {
    append(bytes, head_of(separator(n).substr(prefix)));
  }
  for (const std::uint64_t offset : offsets_) append(bytes, offset);
  append(bytes, end);
  for (std::size_t n = 0; n < ends_.size(); ++n) {
    append(bytes, static_cast<std::uint32_t>(ends_[n] - prefix * (n + 1)));
  }
  bytes.append(separator(0).substr(0, prefix));
  for (std::size_t n = 0; n < offsets_.size(); ++n) bytes.append(separator(n).substr(prefix));
  return bytes;
}

}  // namespace tidelock::table
