#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Every decoder, and what must hold whatever bytes it is given. A target aborts where a promise is
// broken; libFuzzer (entry.cc) and the test of every build (replay_test.cc) both call it here.
namespace tidelock::fuzz {

using Bytes = std::span<const std::byte>;

struct Target {
  std::string_view name;
  void (*run)(Bytes);
  std::size_t expansion;  // may ask for blocks of memory that many times as large as its input
  std::size_t rounds;     // mutated samples in a build's test
};

// One function a target, in the file named for what it reads.
void arena_target(Bytes bytes);
void block_target(Bytes bytes);
void current_target(Bytes bytes);
void database_target(Bytes bytes);
void encoding_target(Bytes bytes);
void filter_target(Bytes bytes);
void footer_target(Bytes bytes);
void index_target(Bytes bytes);
void manifest_target(Bytes bytes);
void packed_target(Bytes bytes);
void queue_target(Bytes bytes);
void record_target(Bytes bytes);
void state_target(Bytes bytes);
void table_target(Bytes bytes);
void units_target(Bytes bytes);
void wal_target(Bytes bytes);
void words_target(Bytes bytes);

[[nodiscard]] std::span<const Target> targets();
// Null if there is none of that name.
[[nodiscard]] const Target* find_target(std::string_view name);
// One input: the promises of the target, and that it asks for no more memory than it may.
void run(const Target& target, Bytes bytes);

// What real encoders make, in the form that the target takes.
[[nodiscard]] std::vector<std::string> seeds_of(const Target& target);

// A directory that exists, for targets that need files. Set before the first run.
inline std::string scratch;
// How often a target believed what it was given, and so got behind the first checks.
inline std::uint64_t believed = 0;

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace tidelock::fuzz
