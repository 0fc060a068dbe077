#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "os/directory.h"
#include "os/file.h"
#include "os/mapping.h"
#include "table/builder.h"
#include "table/iterator.h"
#include "table/reader.h"

// Times one set of tables: table_bench [ENTRIES [TABLES [none|lz4|zstd [BLOCK_SIZE [BLOOM_BITS]]]]]
// Keys have 16 random bytes' worth of digits, values 100 bytes. Medians of five rounds, in
// nanoseconds. A get knows its table, as it does below level 0.
namespace tidelock::table {
namespace {

constexpr int kRounds = 5;
constexpr std::size_t kValueBytes = 100;

struct Setup {
  std::size_t entries = 1'000'000;
  std::size_t tables = 16;
  BuilderOptions options;
};

[[noreturn]] void stop(const Status& status) {
  std::fprintf(stderr, "table_bench: %s\n", status.to_string().c_str());
  std::exit(1);
}

template <typename T>
T checked(Result<T> result) {
  if (!result) stop(result.error());
  return std::move(*result);
}

std::uint64_t mixed(std::uint64_t n) {
  n = (n ^ n >> 31) * 0x9E3779B97F4A7C15;
  n = (n ^ n >> 29) * 0xBF58476D1CE4E5B9;
  return n ^ n >> 32;
}

std::string key_of(std::size_t n) {
  char text[24];
  std::snprintf(text, sizeof text, "%016llu",
                static_cast<unsigned long long>(mixed(n) % 10'000'000'000'000'000));
  return text;
}

// Half of it packs well.
std::string value_of(std::size_t n) {
  std::string value(kValueBytes, 'v');
  for (std::size_t i = 0; i < kValueBytes / 2; i += 8) {
    const std::uint64_t bits = mixed(n + i * 77);
    value.replace(i, std::min<std::size_t>(8, kValueBytes - i),
                  reinterpret_cast<const char*>(&bits), std::min<std::size_t>(8, kValueBytes - i));
  }
  return value;
}

// Of this thread's processor time: others on the machine count as little as possible.
double now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Round>
void report(const char* what, std::size_t operations, Round round) {
  std::vector<double> each;
  for (int i = 0; i < kRounds; ++i) {
    const double begin = now_ns();
    round();
    each.push_back((now_ns() - begin) / static_cast<double>(operations));
  }
  std::sort(each.begin(), each.end());
  std::printf("%-28s %8.1f ns  (%.1f to %.1f)\n", what, each[kRounds / 2], each[0], each.back());
}

std::shared_ptr<const Reader> make_table(const Setup& setup, std::uint64_t number,
                                         const std::vector<std::string>& keys, std::size_t begin,
                                         std::size_t end) {
  BuilderOptions options = setup.options;
  options.identity.number = number;
  const std::string path = "table_bench." + std::to_string(number);
  Builder builder = checked(Builder::create(checked(os::File::create(path, {})), options));
  for (std::size_t i = begin; i < end; ++i) {
    if (Status status = builder.add(keys[i], Kind::kPut, value_of(i)); !status.ok()) stop(status);
  }
  const Properties properties = checked(builder.finish(end));
  const auto mapping = std::make_shared<const os::Mapping>(
      checked(os::Mapping::map(builder.file(), properties.file_bytes, os::Protection::kRead)));
  if (Status status = os::unlink_file(path); !status.ok()) stop(status);
  return checked(Reader::open(mapping->bytes(), mapping, path, options.identity));
}

void run(const Setup& setup) {
  std::vector<std::string> keys;
  for (std::size_t n = 0; n < setup.entries; ++n) keys.push_back(key_of(n));
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());

  std::vector<std::shared_ptr<const Reader>> tables;
  const std::size_t each = (keys.size() + setup.tables - 1) / setup.tables;
  std::uint64_t bytes = 0;
  std::uint64_t data = 0;
  const double begin = now_ns();
  for (std::size_t i = 0; i < keys.size(); i += each) {
    tables.push_back(make_table(setup, tables.size(), keys, i, std::min(i + each, keys.size())));
    bytes += tables.back()->properties().file_bytes;
    data += tables.back()->properties().key_bytes + tables.back()->properties().value_bytes;
  }
  const auto count = static_cast<double>(keys.size());
  std::printf("%zu entries, %zu tables, %.4f of the data\n", keys.size(), tables.size(),
              static_cast<double>(bytes) / static_cast<double>(data));
  std::printf("%-28s %8.1f ns\n", "build, per entry", (now_ns() - begin) / count);

  std::vector<std::uint32_t> order(keys.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(7));
  std::vector<std::string> shuffled;
  for (const std::uint32_t i : order) shuffled.push_back(keys[i]);
  std::uint64_t seen = 0;
  const auto get_all = [&](char last) {
    for (std::size_t i = 0; i < order.size(); ++i) {
      shuffled[i].back() = last == 0 ? shuffled[i].back() : last;
      const Result<Lookup> found = tables[order[i] / each]->get(shuffled[i]);
      if (!found) stop(found.error());
      seen += found->value.size();
    }
  };
  report("random get", keys.size(), [&] { get_all(0); });
  const auto scan = [&](bool forward) {
    for (const auto& table : tables) {
      Iterator at(table);
      for (forward ? at.seek_first() : at.seek_last(); at.valid();
           forward ? at.next() : at.prev()) {
        seen += at.key().size() + at.value().size();
      }
      if (!at.status().ok()) stop(at.status());
    }
  };
  report("forward scan, per entry", keys.size(), [&] { scan(true); });
  report("backward scan, per entry", keys.size(), [&] { scan(false); });
  report("random seek", keys.size(), [&] {
    std::vector<std::unique_ptr<Iterator>> at;
    for (const auto& table : tables) at.push_back(std::make_unique<Iterator>(table));
    for (std::size_t i = 0; i < order.size(); ++i) {
      Iterator& here = *at[order[i] / each];
      here.seek(shuffled[i]);
      seen += here.value().size();
    }
  });
  report("verify, per entry", keys.size(), [&] {
    for (const auto& table : tables) seen += checked(table->verify()).entries;
  });
  report("random get of missing keys", keys.size(), [&] { get_all('x'); });
  std::printf("(%llu)\n", static_cast<unsigned long long>(seen));
}

}  // namespace
}  // namespace tidelock::table

int main(int argc, char** argv) {
  using tidelock::Compression;
  tidelock::table::Setup setup;
  if (argc > 1) setup.entries = std::strtoul(argv[1], nullptr, 10);
  if (argc > 2) setup.tables = std::max(1UL, std::strtoul(argv[2], nullptr, 10));
  if (argc > 3) {
    const std::string name = argv[3];
    setup.options.compression = name == "lz4"    ? Compression::kLz4
                                : name == "zstd" ? Compression::kZstd
                                                 : Compression::kNone;
  }
  if (argc > 4) setup.options.block_size = std::strtoul(argv[4], nullptr, 10);
  if (argc > 5) {
    setup.options.bloom_bits_per_key =
        static_cast<std::uint32_t>(std::strtoul(argv[5], nullptr, 10));
  }
  tidelock::table::run(setup);
  return 0;
}
