// Writers that die after each single store. Not built with sanitizers, which add too many steps.
#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include <cstring>
#include <string>
#include <vector>

#include "memtable/memtable.h"
#include "model.h"
#include "shared_arena.h"
#include "support/child_process.h"

namespace tidelock::memtable {
namespace {

// One insert, run an instruction at a time. Each time an instruction has changed the arena, what a
// death there would leave is copied and examined.
class SteppedInsert {
 public:
  SteppedInsert(std::vector<Step> before, Step step)
      : before_(std::move(before)), step_(std::move(step)), arena_(kStepSize), copy_(kStepSize) {
    for (const Step& each : before_) {
      if (!arena_.writer().insert(each.operation())) std::abort();
      model_.apply(each);
    }
  }

  // How many different states there were.
  std::size_t run() {
    std::vector<std::byte> last(arena_.bytes().begin(), arena_.bytes().end());
    std::size_t states = 0;
    const MemtableWriter writer = arena_.writer();
    test::ChildProcess child([&] {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      const bool inserted = writer.insert(step_.operation()).has_value();
      ::raise(SIGSTOP);
      return inserted ? 0 : 1;
    });
    EXPECT_TRUE(WIFSTOPPED(child.wait_for_stop()));
    for (;;) {
      ::ptrace(PTRACE_SINGLESTEP, child.pid(), nullptr, nullptr);
      const int status = child.wait_for_stop();
      if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
      if (std::memcmp(last.data(), arena_.bytes().data(), last.size()) == 0) continue;
      ++states;
      std::memcpy(last.data(), arena_.bytes().data(), last.size());
      copy_.copy_from(arena_);
      examine();
      if (testing::Test::HasFatalFailure()) break;
    }
    return states;
  }

 private:
  static constexpr std::uint64_t kStepSize = 32 << 10;

  void examine() {
    ASSERT_TRUE(is_sound(copy_.reader()));
    const Result<Lookup> newest = copy_.reader().lookup(step_.key, kAllSequences);
    ASSERT_TRUE(newest);
    const bool there = newest->sequence == step_.sequence;
    Model model = model_;
    if (there) model.apply(step_);
    ASSERT_TRUE(agrees(copy_.reader(), model, kAllSequences));
    // Whoever goes on, with another key of the same node or by redo, gives no slot away twice.
    Step neighbour{step_.sequence + 1, OperationKind::kPut, step_.key, "neighbour"};
    if (neighbour.key.empty()) {
      neighbour.key = "z";
    } else {
      neighbour.key[neighbour.key.size() > 1 ? 1 : 0] ^= 0x05;
    }
    for (const Step& step : {neighbour, step_}) {
      ASSERT_TRUE(copy_.writer().insert(step.operation()));
      model.apply(step);
    }
    ASSERT_TRUE(is_sound(copy_.reader()));
    ASSERT_TRUE(agrees(copy_.reader(), model, kAllSequences));
    ASSERT_EQ(copy_.reader().counters().keys, model.keys().size());
  }

  std::vector<Step> before_;
  Step step_;
  SharedArena arena_;
  SharedArena copy_;
  Model model_;
};

// `count` keys that part at their second byte.
std::vector<Step> siblings(int count) {
  std::vector<Step> steps;
  for (int i = 0; i < count; ++i) {
    const auto sequence = static_cast<std::uint64_t>(i) + 1;
    const std::string key = {'k', static_cast<char>(i), 'e'};
    steps.push_back({sequence, OperationKind::kPut, key, "value"});
  }
  return steps;
}

TEST(MemtableWriterDeath, LeavesWholeOperationsAfterEachSingleStore) {
  struct Case {
    const char* what;
    std::vector<Step> before;
    const char* key;
  };
  const std::vector<Case> cases = {
      {"the first key", {}, "k"},
      {"another version", siblings(3), "k\1e"},
      {"a fork of an entry", siblings(1), "kx"},
      {"a fork of a path", siblings(5), "x"},
      {"a key that ends in a path", siblings(5), ""},
      {"a key that ends in a node", siblings(5), "k"},
      {"a child of Node4", siblings(3),
       "k\xF0"
       "e"},
      {"a child of Node16", siblings(11),
       "k\xF0"
       "e"},
      {"a child of Node48", siblings(30),
       "k\xF0"
       "e"},
      {"a child of Node256", siblings(60),
       "k\xF0"
       "e"},
      {"growth to Node16", siblings(4),
       "k\xF0"
       "e"},
      {"growth to Node48", siblings(16),
       "k\xF0"
       "e"},
      {"growth to Node256", siblings(48),
       "k\xF0"
       "e"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    SteppedInsert stepped(each.before, {1000, OperationKind::kPut, each.key, "the new value"});
    const std::size_t states = stepped.run();
    EXPECT_GT(states, 10U);
    RecordProperty(std::string("states in ") + each.what, static_cast<int>(states));
    std::printf("%4zu states: %s\n", states, each.what);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tidelock::memtable
