// A process dies at each system call of a database's life, and others go on.

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <random>

#include "calls/judge.h"
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
    return in_child(*dying_note_, [&] {
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
    });
  }

  // What is wrong; counted if it did not come to the end of the chapter.
  std::string die(const std::string& path, const Chapter& chapter, Death death) {
    const std::string said = live(path, chapter, [death] { new DyingAt(death); });
    if (said != kKilled) return said;
    ++*deaths_;
    return {};
  }

  std::string trace(const std::string& path, const Chapter& chapter) {
    trace_->count.store(0);
    return live(path, chapter, [&] { new Tracer(*trace_, path); });
  }

  // One that is open beside it all the time sees everything and goes on, and so does the next.
  std::string in_company(const std::string& path, const std::function<std::string()>& act) {
    return in_child(*note_, [&] {
      std::string wrong = judge_company(path, *journal_, act);
      return wrong.empty() ? judge_directory(path, *journal_) : wrong;
    });
  }

  void prepare(const std::string& path, const Chapter& chapter) {
    image_.prepare(path, chapter.start, *journal_);
  }

  // Tries a death in one of `share` states that there are: a call that changes nothing that
  // outlives its process, with no store into shared memory behind it, leaves what the one before it
  // left.
  void try_all(const Chapter& chapter, std::uint64_t share,
               const std::function<void(Death)>& attempt_this) {
    const std::uint64_t calls = trace_->count.load();
    const bool all = setting("TIDELOCK_LONG", 0) != 0;
    std::uint64_t attempts = 0;
    const auto attempt = [&](Death death) {
      if (!all && random_() % share != 0) return;
      ++attempts;
      attempt_this(death);
    };
    bool changed = true;
    for (std::uint64_t call = 1; call <= calls && !HasFailure(); ++call) {
      const Trace::Call& made = trace_->at(call);
      if (all || changed || made.after_stores) attempt({call, At::kBefore});
      changed = made.changes;
      if (all || changed) attempt({call, At::kAfter});
      if (made.call == os::SystemCall::kWrite && made.length > 1) attempt({call, At::kWithin});
    }
    std::printf("%s: %llu calls, %llu deaths\n", chapter.name,
                static_cast<unsigned long long>(calls),
                static_cast<unsigned long long>(deaths_->load()));
    EXPECT_GE(deaths_->load(), calls / (8 * share));
    EXPECT_GE(deaths_->load(), attempts * 9 / 10);
  }

  std::uint64_t count_calls(const Chapter& chapter) {
    const TemporaryDirectory directory(Where::kMemory);
    prepare(directory.file("db"), chapter);
    EXPECT_EQ(trace(directory.file("db"), chapter), "");
    return trace_->count.load();
  }

  // What goes on where a chapter was cut short. With a database, unless it was destroyed.
  const Chapter& sequel(const std::string& path, const Chapter& chapter) {
    switch (journal_->phase.load()) {
      case Journal::Phase::kInUse:
        return kRecovery;
      case Journal::Phase::kBeingRepaired:
        return chapter;
      case Journal::Phase::kBeingDestroyed:
      case Journal::Phase::kDestroyed:
        if (!std::filesystem::exists(path + "/CURRENT")) {
          image_.prepare(path, Start::kNothing, *journal_);
        }
        journal_->phase.store(Journal::Phase::kInUse);
        return kChapters[0];
    }
    return kRecovery;
  }

  // Yields what it says for messages.
  const char* leave_a_legacy(const std::string& path) {
    if (random_() % 2 == 0) return "";
    forget_shared_state(path);
    return ", without shared state";
  }

  static inline const std::string kKilled = "it died of signal 9";

  Image image_;
  SharedValue<Journal> journal_;
  SharedValue<Note> note_;
  SharedValue<Note> dying_note_;
  SharedValue<Trace> trace_;
  SharedValue<std::atomic<std::uint64_t>> deaths_;  // also those that a child watched
  std::mt19937_64 random_{random_seed()};
};

class ChapterDeathTest : public CallDeathTest, public testing::WithParamInterface<Chapter> {};

TEST_P(ChapterDeathTest, WhoeverComesNextFindsAllThatWasAcknowledged) {
  const Chapter& chapter = GetParam();
  {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, chapter);
    ASSERT_EQ(trace(path, chapter), "");
    EXPECT_EQ(in_child(*note_, [&] { return judge_directory(path, *journal_); }), "");
  }
  try_all(chapter, kShare, [&](Death death) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, chapter);
    std::string wrong = die(path, chapter, death);
    const char* const legacy = leave_a_legacy(path);
    if (wrong.empty()) wrong = in_child(*note_, [&] { return judge_directory(path, *journal_); });
    EXPECT_EQ(wrong, "") << chapter.name << ", a death " << to_text(death, *trace_) << legacy;
  });
}

INSTANTIATE_TEST_SUITE_P(Life, ChapterDeathTest, testing::ValuesIn(kChapters),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_F(CallDeathTest, OthersGoOnBesideIt) {
  {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, kCompany);
    ASSERT_EQ(in_company(path, [&] { return trace(path, kCompany); }), "");
  }
  try_all(kCompany, 2 * kShare, [&](Death death) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, kCompany);
    const std::string wrong = in_company(path, [&] { return die(path, kCompany, death); });
    EXPECT_EQ(wrong, "") << "a death " << to_text(death, *trace_);
  });
}

// The recovery from a death dies, too, and perhaps the recovery from that.
TEST_F(CallDeathTest, SeveralInARowLoseNothing) {
  const std::uint64_t rows = setting("TIDELOCK_ROWS", 100 / kShare);
  const std::uint64_t depth = setting("TIDELOCK_DEPTH", 2);
  std::map<const Chapter*, std::uint64_t> calls{{&kRecovery, count_calls(kRecovery)}};
  for (const Chapter& chapter : kChapters) calls[&chapter] = count_calls(chapter);
  for (std::uint64_t row = 0; row < rows && !HasFailure(); ++row) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    const Chapter* chapter = &kChapters[random_() % std::size(kChapters)];
    prepare(path, *chapter);
    std::string said;
    std::string wrong;
    for (std::uint64_t death_number = 0; death_number < depth && wrong.empty(); ++death_number) {
      const Death death{1 + random_() % calls[chapter],
                        random_() % 2 == 0 ? At::kBefore : At::kAfter};
      wrong = die(path, *chapter, death);
      said += std::string(chapter->name) + ", call " + std::to_string(death.call);
      said +=
          std::string(death.where == At::kAfter ? ", after it" : "") + leave_a_legacy(path) + "; ";
      chapter = &sequel(path, *chapter);
    }
    if (wrong.empty()) wrong = in_child(*note_, [&] { return judge_directory(path, *journal_); });
    EXPECT_EQ(wrong, "") << said;
  }
  std::printf("rows of %llu: %llu, %llu deaths\n", static_cast<unsigned long long>(depth),
              static_cast<unsigned long long>(rows),
              static_cast<unsigned long long>(deaths_->load()));
  EXPECT_GE(deaths_->load(), rows * depth * 3 / 4);
}

}  // namespace
}  // namespace tidelock::test
