// Any bytes as the file CURRENT: decoded and encoded again they are the same, or they are refused.

#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "fuzz/targets.h"
#include "manifest/current.h"

namespace tidelock::fuzz {

namespace {

void check(std::span<const std::byte> bytes) {
  Result<manifest::Current> current = manifest::decode_current(bytes, "CURRENT");
  if (current) {
    ++believed;
    require(std::ranges::equal(manifest::encode_current(*current), bytes));
  } else {
    require(current.error().code() == StatusCode::kCorruption ||
            current.error().code() == StatusCode::kUnsupported);
  }
}

}  // namespace

void current_target(Bytes bytes) {
  check(bytes);
  // And with the checksum put right, which no mutation finds.
  std::vector<std::byte> framed(bytes.begin(), bytes.end());
  const std::uint64_t checksum = XXH3_64bits(framed.data(), framed.size());
  for (int shift = 0; shift < 64; shift += 8) {
    framed.push_back(static_cast<std::byte>(checksum >> shift));
  }
  check(framed);
}

}  // namespace tidelock::fuzz
