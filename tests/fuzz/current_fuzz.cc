// Any bytes as the file CURRENT: decoded and encoded again they are the same, or they are refused.

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "manifest/current.h"

namespace {

using namespace tidelock;

void check(std::span<const std::byte> bytes) {
  Result<manifest::Current> current = manifest::decode_current(bytes, "CURRENT");
  if (current) {
    if (!std::ranges::equal(manifest::encode_current(*current), bytes)) std::abort();
  } else if (current.error().code() != StatusCode::kCorruption &&
             current.error().code() != StatusCode::kUnsupported) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  check(bytes);
  // And with the checksum put right, which no mutation finds.
  std::vector<std::byte> framed(bytes.begin(), bytes.end());
  const std::uint64_t checksum = XXH3_64bits(framed.data(), framed.size());
  for (int shift = 0; shift < 64; shift += 8) {
    framed.push_back(static_cast<std::byte>(checksum >> shift));
  }
  check(framed);
  return 0;
}
