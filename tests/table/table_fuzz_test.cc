#include <gtest/gtest.h>

#include <vector>

#include "table_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace tidelock::table {
namespace {

// The fuzz target's own entry, over mutations of good tables.
void run(const std::string& file) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
}

std::vector<std::string> good_tables() {
  std::mt19937_64 random(7);
  std::vector<std::string> tables;
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    for (const std::uint32_t bloom_bits : {0, 10}) {
      tables.push_back(build_table(
          random_model(random, 60, 12, 30),
          {.block_size = 256, .compression = compression, .bloom_bits_per_key = bloom_bits}));
    }
  }
  return tables;
}

// A number that is more likely than others to lie on some edge.
std::uint64_t edge(std::mt19937_64& random) {
  constexpr std::uint64_t kEdges[] = {0,
                                      1,
                                      2,
                                      7,
                                      8,
                                      16,
                                      127,
                                      128,
                                      255,
                                      256,
                                      0x7fff,
                                      0xffff,
                                      0x10000,
                                      0x7fffffff,
                                      0xffffffff,
                                      0x100000000,
                                      0x7fffffffffffffff,
                                      0xffffffffffffffff};
  return kEdges[below(random, std::size(kEdges))] + below(random, 3) - 1;
}

void mutate(std::string& file, std::mt19937_64& random) {
  const std::size_t at = below(random, file.size());
  switch (below(random, 6)) {
    case 0:
      file[at] = static_cast<char>(file[at] ^ 1 << below(random, 8));
      break;
    case 1:
      file[at] = static_cast<char>(random());
      break;
    case 2: {
      const std::uint64_t value = edge(random);
      const std::size_t length =
          std::min<std::size_t>(std::size_t{1} << below(random, 4), file.size() - at);
      file.replace(at, length, reinterpret_cast<const char*>(&value), length);
      break;
    }
    case 3:
      file.erase(at, below(random, 64));
      break;
    case 4:
      file.insert(at, file.substr(below(random, file.size()), below(random, 64)));
      break;
    case 5: {
      const std::string piece = file.substr(below(random, file.size()), below(random, 300));
      file.replace(at, piece.size(), piece);
      break;
    }
  }
  if (file.empty()) file.push_back('x');
}

TEST(TableFuzz, SurvivesMutatedTables) {
  std::mt19937_64 random(random_seed());
  const std::vector<std::string> tables = good_tables();
  for (int round = 0; round < 6'000; ++round) {
    std::string file = tables[below(random, tables.size())];
    const std::size_t mutations = 1 + below(random, 4);
    for (std::size_t i = 0; i < mutations; ++i) mutate(file, random);
    run(file);
  }
}

// The sections that steer everything else, one field after the other.
TEST(TableFuzz, SurvivesMutatedFootersAndProperties) {
  std::mt19937_64 random(random_seed());
  for (const std::string& table : good_tables()) {
    const std::size_t begin = decode_footer(table, "")->properties_offset();
    for (std::size_t at = begin; at + 8 <= table.size(); at += 4) {
      for (int i = 0; i < 12; ++i) {
        std::string file = table;
        const std::uint64_t value = edge(random);
        file.replace(at, 8, reinterpret_cast<const char*>(&value), i % 2 == 0 ? 8 : 4);
        run(file);
      }
    }
  }
}

TEST(TableFuzz, SurvivesNoise) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 2'000; ++round) run(random_bytes(random, below(random, 600)));
}

}  // namespace
}  // namespace tidelock::table
