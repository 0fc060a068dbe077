// The fuzz target that this program is linked with, over mutated samples of what it decodes.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "manifest/codec.h"
#include "manifest/current.h"
#include "manifest_samples.h"
#include "support/seed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace tidelock::manifest {
namespace {

using Bytes = std::vector<std::byte>;

void run(const Bytes& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

// Records as the target of the manifest takes them: published length, count, sizes and payloads.
Bytes record_sample() {
  Encoder out;
  out.put(std::uint16_t{64});
  out.put(std::uint8_t{3});
  VersionEdit first = creation();
  first.added = {{1, table(1, "a", "b")}, {1, table(2, "c", "d")}};
  VersionEdit last = flush(9, 3);
  last.removed = {{1, 2}};
  last.seal = Seal{.log = 5, .end = 6, .chain = 7};
  for (const VersionEdit& edit : {first, flush(7, 2), last}) {
    Bytes payload = encode_edit(edit);
    // Filled up to a multiple of 4 by a field that is passed over.
    const std::size_t filler = 4 - (payload.size() + 6) % 4;
    out.put(static_cast<std::uint8_t>((payload.size() + 6 + filler) / 4));
    out.put_raw(payload);
    out.put(std::uint16_t{0x8001});
    out.put(static_cast<std::uint32_t>(filler));
    out.put_raw(Bytes(filler));
  }
  out.put_string("a torn tail");
  return std::move(out).take();
}

std::vector<Bytes> samples() {
  const auto current = encode_current({.uuid = {1, 2}, .manifest_number = 3});
  Bytes edit(3);
  const Bytes payload = encode_edit(flush(1, 1));
  edit.insert(edit.end(), payload.begin(), payload.end());
  return {Bytes(current.begin(), current.end()), record_sample(), edit, Bytes()};
}

std::uint8_t interesting(std::mt19937_64& random) {
  constexpr std::uint8_t kValues[] = {0, 1, 2, 4, 7, 8, 64, 127, 128, 254, 255};
  return random() % 2 == 0 ? kValues[random() % std::size(kValues)]
                           : static_cast<std::uint8_t>(random());
}

void mutate(std::mt19937_64& random, Bytes& bytes) {
  const std::size_t at = random() % (bytes.size() + 1);
  const std::size_t length = std::min<std::size_t>(random() % 16, bytes.size() - at);
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  const auto to = from + static_cast<std::ptrdiff_t>(length);
  switch (random() % 4) {
    case 0:
      if (at < bytes.size()) bytes[at] = std::byte{interesting(random)};
      break;
    case 1:
      bytes.erase(from, to);
      break;
    case 2: {
      const Bytes copy(from, to);
      const std::size_t target = random() % (bytes.size() + 1);
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(target), copy.begin(), copy.end());
      break;
    }
    default:
      bytes.insert(from, std::byte{interesting(random)});
  }
}

TEST(Decoder, KeepsItsPromisesOnMutatedSamples) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<Bytes> originals = samples();
  for (const Bytes& original : originals) run(original);
  for (int i = 0; i < 4'000; ++i) {
    Bytes bytes = originals[random() % originals.size()];
    for (std::uint64_t changes = 1 + random() % 4; changes > 0; --changes) mutate(random, bytes);
    run(bytes);
  }
}

}  // namespace
}  // namespace tidelock::manifest
