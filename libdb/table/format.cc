#include "table/format.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace tidelock::table {

Checksums::Checksums(const Identity& identity) noexcept {
  const std::uint64_t words[] = {identity.uuid[0], identity.uuid[1], identity.number};
  seed_ = XXH3_64bits(words, sizeof words);
}

std::uint64_t Checksums::of(std::uint64_t offset, std::string_view bytes) const noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed_ ^ offset);
}

std::uint64_t hash_key(std::string_view key) noexcept {
  return XXH3_64bits(key.data(), key.size());
}

std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
  const std::size_t length = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + length, b.begin()).first -
                                  a.begin());
}

Status read_error(StatusCode code, std::string_view name, std::uint64_t offset,
                  std::string_view what) {
  std::string message = "read ";
  message.append(name).append(" at ").append(std::to_string(offset)).append(": ").append(what);
  return Status(code, std::move(message));
}

}  // namespace tidelock::table
