// A process dies at each system call of a database's life, and others go on.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "calls/life.h"
#include "calls/trial.h"
#include "support/seed.h"
#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

enum class At : std::uint8_t {
  kBefore,
  kAfter,
  kWithin,  // when half of the bytes are written
};

struct Death {
  std::uint64_t call;  // the N-th
  At where;
};

// Kills this process there.
class DyingAt : public os::SystemCallHook {
 public:
  explicit DyingAt(Death death) : death_(death) { os::set_system_call_hook(this); }
  ~DyingAt() override { os::set_system_call_hook(nullptr); }
  DyingAt(const DyingAt&) = delete;
  DyingAt& operator=(const DyingAt&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (++calls_ != death_.call) return {};
    if (death_.where == At::kBefore) ::raise(SIGKILL);
    if (death_.where == At::kWithin) return {.length_max = (event.length + 1) / 2};
    return {};
  }
  void after(const os::SystemCallEvent&) override {
    if (calls_ == death_.call) ::raise(SIGKILL);
  }

 private:
  Death death_;
  std::uint64_t calls_ = 0;
};

std::string to_text(Death death, const Trace& trace) {
  const char* const where = death.where == At::kBefore  ? "before "
                            : death.where == At::kAfter ? "after "
                                                        : "within ";
  return where + to_text(trace, death.call);
}

// Whoever comes after a death finds the shared state as it was, or none, as after a reboot.
enum class Legacy : std::uint8_t { kKept, kForgotten };

class CallDeathTest : public testing::Test {
 protected:
  // In a child. Whoever died before it, it must not see an error.
  std::string live(const std::string& path, const Chapter& chapter,
                   const std::function<void()>& arm) {
    Life life(path, *journal_, [this](const char* operation, const Status& status) {
      if (!status.ok()) {
        dying_note_->write(std::string(operation) + ": " + status.to_string());
        ::_exit(1);
      }
      return Life::Next::kOn;
    });
    arm();
    (life.*chapter.run)();
    return life.wrong();
  }

  // What is wrong; `died` is left alone if it came to the end of the chapter.
  std::string die(const std::string& path, const Chapter& chapter, Death death, bool& died) {
    const std::string said = in_child(
        *dying_note_, [&] { return live(path, chapter, [death] { new DyingAt(death); }); });
    if (said != kKilled) return said;
    died = true;
    return {};
  }

  void prepare(const std::string& path, const Chapter& chapter) {
    journal_->copy(*nothing_);
    if (chapter.from_image) image_.copy_to(path, *journal_);
  }

  // How many calls the chapter makes.
  std::uint64_t trace(const Chapter& chapter) {
    trace_->count.store(0);
    const TemporaryDirectory directory(Where::kMemory);
    prepare(directory.file("db"), chapter);
    const std::string said = in_child(*note_, [&] {
      return live(directory.file("db"), chapter,
                  [&] { new Tracer(*trace_, directory.file("db")); });
    });
    EXPECT_EQ(said, "") << chapter.name;
    return trace_->count.load();
  }

  // One death, judged by whoever comes next. False if there was nobody to die.
  bool try_death(const Chapter& chapter, Death death, Legacy legacy) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, chapter);
    bool died = false;
    std::string wrong = die(path, chapter, death, died);
    if (wrong.empty() && !died) return false;
    if (legacy == Legacy::kForgotten) forget_shared_state(path);
    if (wrong.empty()) wrong = in_child(*note_, [&] { return judge_directory(path, *journal_); });
    EXPECT_EQ(wrong, "") << chapter.name << ", a death " << to_text(death, *trace_)
                         << (legacy == Legacy::kForgotten ? ", without shared state" : "");
    ++deaths_;
    return true;
  }

  Legacy random_legacy() { return random_() % 2 == 0 ? Legacy::kKept : Legacy::kForgotten; }

  static inline const std::string kKilled = "it died of signal 9";

  Image image_;
  SharedValue<Journal> nothing_;
  SharedValue<Journal> journal_;
  SharedValue<Note> note_;
  SharedValue<Note> dying_note_;
  SharedValue<Trace> trace_;
  std::uint64_t deaths_ = 0;
  std::mt19937_64 random_{random_seed()};
};

class ChapterDeathTest : public CallDeathTest, public testing::WithParamInterface<Chapter> {};

// A call that changes nothing that outlives the process, with no store into shared memory behind
// it, leaves what the one before it left. So a death is tried once in each state that there is.
TEST_P(ChapterDeathTest, AtNoSystemCallLosesAnythingOrStopsWhoComesNext) {
  const Chapter& chapter = GetParam();
  const std::uint64_t calls = trace(chapter);
  const bool all = setting("TIDELOCK_LONG", 0) != 0;
  bool changed = true;
  for (std::uint64_t call = 1; call <= calls && !HasFailure(); ++call) {
    const Trace::Call& made = trace_->at(call);
    if (all || changed || made.after_stores) {
      ASSERT_TRUE(try_death(chapter, {call, At::kBefore}, random_legacy()));
    }
    changed = made.changes;
    if (all || changed) (void)try_death(chapter, {call, At::kAfter}, random_legacy());
    if (made.call == os::SystemCall::kWrite && made.length > 1) {
      (void)try_death(chapter, {call, At::kWithin}, random_legacy());
    }
  }
  std::printf("%s: %llu calls, %llu deaths\n", chapter.name, static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(deaths_));
}

INSTANTIATE_TEST_SUITE_P(Life, ChapterDeathTest, testing::ValuesIn(kChapters),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace tidelock::test
