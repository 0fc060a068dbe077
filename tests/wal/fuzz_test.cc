#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "wal/log_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// The fuzz target without a fuzzer: random inputs, and a log with random changes.
namespace tidelock::wal {
namespace {

void run(const std::vector<std::uint8_t>& input) {
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

class FuzzTest : public testing::Test {
 protected:
  FuzzTest() {
    const char* text = std::getenv("TIDELOCK_SEED");
    const std::uint64_t seed =
        text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
    std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
    random_.seed(seed);
  }

  std::mt19937_64 random_;
};

TEST_F(FuzzTest, RandomInputsAreRefusedOrRead) {
  run({});
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::uint8_t> input(random_() % 300);
    for (std::uint8_t& byte : input) byte = static_cast<std::uint8_t>(random_());
    run(input);
  }
}

TEST_F(FuzzTest, ChangedLogFilesAreRefusedOrRead) {
  test::LogImage log(test::first_header());
  for (const std::string value : {"", "1", "a value that is somewhat longer than the others"}) {
    log.add(test::put_payload("key", value), log.end.lsn);
  }
  const auto* begin = reinterpret_cast<const std::uint8_t*>(log.bytes.data());
  const std::vector<std::uint8_t> sample(begin, begin + log.bytes.size());
  for (int i = 0; i < 5'000; ++i) {
    std::vector<std::uint8_t> input = sample;
    for (std::size_t changes = random_() % 4 + 1; changes > 0; --changes) {
      // In the header, or in the records.
      const std::size_t at =
          random_() % 3 == 0 ? random_() % sizeof(EncodedLogHeader) : kHeaderSize + random_() % 640;
      input[at] = static_cast<std::uint8_t>(random_());
    }
    if (random_() % 4 == 0) input.resize(random_() % input.size());
    run(input);
  }
}

}  // namespace
}  // namespace tidelock::wal
