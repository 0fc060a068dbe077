// What processes share while they live: arena, QUEUE and STATE, changed in place. Whatever they
// hold, calls end, with an answer or an error. The input is a list of words and where they go.

#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>

#include "damage/live.h"
#include "fuzz/input.h"
#include "memtable/victim.h"
#include "os/file.h"
#include "state/layout.h"
#include "tidelock/lock_queue.h"

namespace tidelock::fuzz {

namespace {

using std::chrono::milliseconds;

// Small numbers and flags, edges, or any.
std::uint64_t value_from(Input& in) {
  const std::uint8_t kind = in.byte();
  if (kind < 64) return kind;
  if (kind < 128) return std::uint64_t{1} << kind % 64;
  if (kind < 192) return ~std::uint64_t{0} - (kind - 128U);
  return in.number();
}

std::string as_bytes(std::uint64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Of QUEUE and arena, what is in use by few members and entries.
constexpr std::size_t kBeginning = 16'384;

// Aligned words within `size` bytes.
void patch(std::string& bytes, std::size_t size, Input& in) {
  const std::size_t at = in.word() * sizeof(std::uint64_t) % size;
  const std::string value = as_bytes(value_from(in));
  if (at + value.size() <= bytes.size()) bytes.replace(at, value.size(), value);
}

void overwrite(const std::string& path, const std::string& bytes) {
  auto file = os::File::open(path, os::FileAccess::kReadWrite);
  require(file && file->write(0, bytes_of(bytes)).ok());
}

std::string fresh_path(const std::string& name) {
  std::filesystem::remove_all(scratch + "/" + name);
  return scratch + "/" + name;
}

// A small database, closed, all files of it.
struct Victim {
  Victim()
      : sample(test::make_sample(fresh_path("shared"), Compression::kNone,
                                 test::Shape::kTablesAndLog)),
        files(test::read_files(scratch + "/shared")) {
    for (const auto& [name, bytes] : files) {
      if (name.ends_with(".mem")) arena = name;
    }
  }
  test::Sample sample;
  test::Files files;
  std::string arena;
};

}  // namespace

void arena_target(Bytes bytes) {
  using namespace tidelock::memtable;
  static const memtable::Victim victim;
  const SharedArena& arena = victim.restored();
  for (Input in(bytes); !in.at_end();) {
    const std::uint16_t where = in.word();
    // Every third word goes to the header, behind what tells that it is one.
    constexpr std::size_t kSteered = sizeof(ArenaHeader) - offsetof(ArenaHeader, root);
    const std::size_t at = where % 3 == 0 ? offsetof(ArenaHeader, root) + where / 3 % kSteered
                                          : victim.place(where / 3 % victim.used());
    const std::string value = as_bytes(value_from(in));
    const std::size_t size = std::size_t{1} << in.byte() % 4;
    std::memcpy(arena.bytes().data() + at, value.data(), std::min(size, arena.bytes().size() - at));
  }
  ++believed;
  require(exercise(arena, victim));
}

// A queue file that one process may have left, and that another is using.
void queue_target(Bytes bytes) {
  constexpr std::size_t kParts[] = {0, 4096, 3 * 4096,
                                    35 * 4096};  // header, history, ring, members
  constexpr std::size_t kPart = 1024;
  static const std::string path = fresh_path("queue");
  static const std::string sound = [] {
    require(LockQueue::open(path).has_value());
    return test::read_file(path);
  }();
  overwrite(path, sound);
  Input in(bytes);
  const bool in_use = in.byte() % 2 == 0;
  std::optional<LockQueue> other;
  if (in_use) other.emplace(std::move(*LockQueue::open(path)));
  std::string changed = test::read_file(path);
  while (!in.at_end()) {
    const std::size_t part = kParts[in.byte() % std::size(kParts)];
    std::string some = changed.substr(part, kPart);
    patch(some, kPart, in);
    changed.replace(part, kPart, some);
  }
  overwrite(path, changed);
  if (LockQueue::look(path)) ++believed;
  const Wait waits[] = {{.policy = Wait::Policy::kFailFast}, {.deadline = milliseconds(3)}};
  for (const Wait& wait : waits) {
    if (in_use) (void)other->acquire(wait).status();
    if (in_use) (void)other->info().status();
  }
  other.reset();
  auto queue = LockQueue::open(path);
  if (!queue) return;
  for (const Wait& wait : waits) {
    if (auto guard = queue->acquire(wait)) guard->mark_consistent();
  }
  (void)queue->info().status();
}

// STATE, now and then an arena or QUEUE, of a database that is then read or written.
void state_target(Bytes bytes) {
  static const Victim victim;
  const std::string live = scratch + "/live";
  test::make_live_copy(live, victim.files);
  Input in(bytes);
  const Access access = in.byte() % 2 == 0 ? Access::kReadOnly : Access::kReadWrite;
  test::Files changed;
  while (!in.at_end()) {
    const std::uint8_t where = in.byte() % 16;
    const std::string name = where == 14 ? "QUEUE" : where == 15 ? victim.arena : "STATE";
    if (!victim.files.contains(name)) continue;
    std::string& file = changed.try_emplace(name, test::read_file(live + "/" + name)).first->second;
    patch(file, name == "STATE" ? sizeof(state::Layout) : kBeginning, in);
  }
  for (const auto& [name, file] : changed) overwrite(live + "/" + name, file);
  const test::Verdict verdict = test::use(live, victim.sample, access, milliseconds(3));
  if (verdict.outcome == test::Outcome::kSame) ++believed;
}

}  // namespace tidelock::fuzz
