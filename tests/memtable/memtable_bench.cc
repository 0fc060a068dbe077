// Times the memtable: memtable_bench [KEYS [ROUNDS]]. Prints nanoseconds per operation, the median
// of all rounds (and the least and the most), of processor time, over an arena that is mapped and
// touched beforehand.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "memtable/memtable.h"

namespace {

using namespace tidelock::memtable;

constexpr std::uint64_t kAll = ~std::uint64_t{0};

class Arena64 {
 public:
  explicit Arena64(std::uint64_t bytes)
      : bytes_(bytes),
        address_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) {}
  ~Arena64() { ::munmap(address_, bytes_); }
  Arena64(const Arena64&) = delete;
  Arena64& operator=(const Arena64&) = delete;
  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(address_), bytes_};
  }

 private:
  std::uint64_t bytes_;
  void* address_;
};

double nanoseconds_each(std::size_t operations, const std::function<void()>& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) * (1e9 / CLOCKS_PER_SEC) /
         static_cast<double>(operations);
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "memtable_bench: %s\n", what);
  std::exit(1);
}

// Keys lie side by side, so that fetching them does not count.
using Key = std::array<char, 16>;
using Figures = std::map<std::string, std::vector<double>>;

std::string_view view(const Key& key) {
  return {key.data(), key.size()};
}

void measure(const std::vector<Key>& keys, Figures& figures, std::mt19937_64& random) {
  const std::string value(100, 'v');
  Demand demand;
  for (const Key& key : keys) demand.add(key.size(), value.size());
  const Arena64 arena(demand.fresh_arena_bytes());
  check(format(arena.bytes(), 1, 1).ok(), "format");
  const MemtableWriter writer = *MemtableWriter::attach(arena.bytes(), 1, 1);
  const Memtable reader = writer.reader();
  std::uint64_t sequence = 0;
  figures["insert"].push_back(nanoseconds_each(keys.size(), [&] {
    for (const Key& key : keys) {
      check(writer.insert({++sequence, OperationKind::kPut, view(key), value}).has_value(),
            "insert");
    }
  }));
  std::vector<Key> wanted = keys;
  std::shuffle(wanted.begin(), wanted.end(), random);
  figures["get"].push_back(nanoseconds_each(keys.size(), [&] {
    for (const Key& key : wanted) {
      check(reader.lookup(view(key), kAll)->kind == Lookup::Kind::kValue, "lookup");
    }
  }));
  for (Key& key : wanted) key.back() ^= 1;
  figures["get, mostly missing"].push_back(nanoseconds_each(keys.size(), [&] {
    for (const Key& key : wanted) check(reader.lookup(view(key), kAll).has_value(), "lookup");
  }));
  std::size_t met = 0;
  figures["next"].push_back(nanoseconds_each(keys.size(), [&] {
    MemtableIterator it = reader.iterate(kAll);
    for (it.seek_first(); it.valid(); it.next()) met += it.value().size() == 100 ? 1 : 0;
  }));
  check(met == keys.size(), "scan");
  figures["previous"].push_back(nanoseconds_each(keys.size(), [&] {
    MemtableIterator it = reader.iterate(kAll);
    for (it.seek_last(); it.valid(); it.previous()) met -= it.value().size() == 100 ? 1 : 0;
  }));
  check(met == 0, "scan");
  figures["seek"].push_back(nanoseconds_each(keys.size(), [&] {
    MemtableIterator it = reader.iterate(kAll);
    for (const Key& key : wanted) it.seek(view(key));
  }));
  figures["bytes per key"].push_back(
      static_cast<double>(demand.fresh_arena_bytes() - writer.free_bytes()) /
      static_cast<double>(keys.size()));
  check(reader.verify().ok(), "verify");
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 400'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::mt19937_64 random(1);
  std::map<std::string, Figures> all;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Key> bytes(count);
    std::vector<Key> digits(count);
    for (std::size_t i = 0; i < count; ++i) {
      for (char& c : bytes[i]) c = static_cast<char>(random());
      const std::string number = std::to_string(i);
      digits[i].fill('0');
      std::copy(number.begin(), number.end(), digits[i].end() - static_cast<int>(number.size()));
    }
    measure(bytes, all["16 random bytes"], random);
    measure(digits, all["16 digits, in order"], random);
    std::shuffle(digits.begin(), digits.end(), random);
    measure(digits, all["16 digits, shuffled"], random);
  }
  for (auto& [name, figures] : all) {
    std::printf("%s, %zu keys, values of 100 bytes\n", name.c_str(), count);
    for (auto& [what, samples] : figures) {
      std::sort(samples.begin(), samples.end());
      std::printf("  %-22s %8.1f   (%.1f to %.1f)\n", what.c_str(), samples[samples.size() / 2],
                  samples.front(), samples.back());
    }
  }
}
