// Writers that are killed at each crash point. (After each single store: step_test.cc.)
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "memtable/memtable.h"
#include "model.h"
#include "os/crash_point.h"
#include "shared_arena.h"
#include "support/child_process.h"
#include "support/seed.h"

namespace tidelock::memtable {
namespace {

constexpr std::uint64_t kSize = 256 << 10;

const std::set<std::string> kCrashPoints = {
    "memtable.space_taken",           "memtable.entry_filled",         "memtable.entry_announced",
    "memtable.first_entry_published", "memtable.version_published",    "memtable.child_published",
    "memtable.slot_written",          "memtable.slot_counted",         "memtable.slot_filled",
    "memtable.grown_node_filled",     "memtable.grown_node_published", "memtable.fork_filled",
    "memtable.fork_published",        "memtable.counters_settled",
};

// Operations that visit every crash point: all kinds of nodes, forks, versions, tombstones.
std::vector<Step> make_script(std::mt19937_64& random) {
  std::vector<Step> script;
  for (std::uint64_t sequence = 1; sequence <= 700; ++sequence) {
    std::string key(random() % 3, 'k');
    if (random() % 4 != 0) key += static_cast<char>(random() % (random() % 2 == 0 ? 8 : 256));
    if (random() % 8 == 0) key += "a long end " + std::to_string(random() % 8);
    script.push_back({sequence, OperationKind::kPut, key, "value " + std::to_string(sequence)});
    if (random() % 6 == 0) script.back() = {sequence, OperationKind::kErase, key, ""};
  }
  return script;
}

// As a writer does: an operation, then the news that it was applied.
bool apply(const MemtableWriter& writer, const std::vector<Step>& script, std::size_t from,
           std::atomic<std::uint64_t>& applied) {
  for (std::size_t at = from; at < script.size(); ++at) {
    if (!writer.insert(script[at].operation())) return false;
    applied.store(std::max<std::uint64_t>(applied.load(), at + 1));
  }
  return true;
}

std::map<std::string, std::uint64_t>& visits() {
  static std::map<std::string, std::uint64_t> instance;
  return instance;
}

// How often a whole run of the script visits each crash point.
std::map<std::string, std::uint64_t> count_visits(const std::vector<Step>& script) {
  const SharedArena arena(kSize);
  std::atomic<std::uint64_t> applied{0};
  visits().clear();
  os::set_crash_point_visitor([](const char* name) { ++visits()[name]; });
  EXPECT_TRUE(apply(arena.writer(), script, 0, applied));
  os::set_crash_point_visitor(nullptr);
  return visits();
}

// A counter that children share.
class SharedWord {
 public:
  SharedWord()
      : word_(new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                  std::atomic<std::uint64_t>(0)) {}
  ~SharedWord() { ::munmap(word_, 4096); }
  SharedWord(const SharedWord&) = delete;
  SharedWord& operator=(const SharedWord&) = delete;
  std::atomic<std::uint64_t>& operator*() const { return *word_; }

 private:
  std::atomic<std::uint64_t>* word_;
};

Model model_of(const std::vector<Step>& script, std::size_t size) {
  Model model;
  for (std::size_t at = 0; at < size; ++at) model.apply(script[at]);
  return model;
}

// Of the operation the writer was in, nothing or all is there.
void check_what_is_left(const Memtable& memtable, const std::vector<Step>& script,
                        std::size_t applied) {
  ASSERT_TRUE(is_sound(memtable));
  std::size_t size = applied;
  if (applied < script.size()) {
    const auto newest = memtable.lookup(script[applied].key, kAllSequences);
    ASSERT_TRUE(newest);
    if (newest->sequence == script[applied].sequence) ++size;
  }
  ASSERT_TRUE(agrees(memtable, model_of(script, size), kAllSequences));
}

void check_the_whole(const Memtable& memtable, const std::vector<Step>& script) {
  ASSERT_TRUE(is_sound(memtable));
  const Model model = model_of(script, script.size());
  ASSERT_TRUE(agrees(memtable, model, kAllSequences));
  ASSERT_TRUE(agrees(memtable, model, script.size() / 2));
  EXPECT_EQ(memtable.counters().keys, model.keys().size());
  EXPECT_EQ(memtable.counters().entries, script.size());
}

TEST(MemtableWriterDeath, LeavesWholeOperationsAtEveryCrashPoint) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<Step> script = make_script(random);
  const std::map<std::string, std::uint64_t> counted = count_visits(script);
  for (const std::string& name : kCrashPoints) {
    SCOPED_TRACE(name);
    ASSERT_NE(counted.find(name), counted.end()) << "never reached";
    for (int round = 0; round < 12; ++round) {
      const std::uint64_t last = counted.at(name);
      const std::uint64_t nth = round == 0 ? 1 : round == 1 ? last : 1 + random() % last;
      const SharedArena arena(kSize);
      const SharedWord applied;
      os::arm_crash_point(name, nth, SIGKILL);
      test::ChildProcess child([&] { return apply(arena.writer(), script, 0, *applied) ? 0 : 1; });
      os::set_crash_point_visitor(nullptr);
      ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL)) << "visit " << nth;
      ASSERT_NO_FATAL_FAILURE(check_what_is_left(arena.reader(), script, *applied));
      // Redo may begin anywhere before the end of what was applied.
      ASSERT_TRUE(apply(arena.writer(), script, random() % (*applied + 1), *applied));
      ASSERT_NO_FATAL_FAILURE(check_the_whole(arena.reader(), script));
    }
  }
  for (const auto& [name, count] : counted) {
    EXPECT_TRUE(kCrashPoints.contains(name)) << name << " is not in the list of this test";
  }
}

TEST(MemtableWriterDeath, MayHappenAgainAndAgainDuringRedo) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<std::string> names(kCrashPoints.begin(), kCrashPoints.end());
  for (int round = 0; round < 40; ++round) {
    const std::vector<Step> script = make_script(random);
    const SharedArena arena(kSize);
    const SharedWord applied;
    int deaths = 0;
    while (*applied < script.size() && deaths < 200) {
      os::arm_crash_point(names[random() % names.size()], 1 + random() % 60, SIGKILL);
      const std::size_t from = *applied - std::min<std::uint64_t>(*applied, random() % 3);
      test::ChildProcess child(
          [&] { return apply(arena.writer(), script, from, *applied) ? 0 : 1; });
      os::set_crash_point_visitor(nullptr);
      const int status = child.wait();
      ASSERT_TRUE(test::killed_by(status, SIGKILL) || test::exited_with(status, 0));
      ASSERT_NO_FATAL_FAILURE(check_what_is_left(arena.reader(), script, *applied));
      ++deaths;
    }
    ASSERT_TRUE(apply(arena.writer(), script, 0, *applied));
    ASSERT_NO_FATAL_FAILURE(check_the_whole(arena.reader(), script));
  }
}

}  // namespace
}  // namespace tidelock::memtable
