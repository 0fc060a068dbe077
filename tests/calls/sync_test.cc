// A sync fails while several processes have the database open: each one in turn that one of them
// makes. Nothing that it covered is taken for durable, all learn of it, and go on.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "calls/heap.h"
#include "calls/judge.h"
#include "calls/life.h"
#include "calls/trial.h"
#include "os/clock.h"
#include "os/crash_point.h"
#include "state/shared_state.h"
#include "support/comes_true.h"
#include "support/processor.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int kObservers = 2;
// Until all know, besides what they were kept off the processor; in the best of a few attempts.
constexpr nanoseconds kLearntAfter = milliseconds(100);
constexpr int kAttempts = 3;

std::int64_t now() {
  return os::monotonic_now().count();
}

std::int64_t kept_off(pid_t process) {
  return kept_off_the_processor("/proc/" + std::to_string(process)).count();
}

// What the processes of one case know of each other. Times in ns; 0: not yet.
struct Scene {
  struct Observer {
    std::atomic<std::uint64_t> writes{0};
    std::atomic<pid_t> process{0};
    std::atomic<std::int64_t> answered_at{0};  // the first that it began after the failure
    // The processor: until the failure, and from then to the answer, itself and the victim.
    std::atomic<std::int64_t> kept_off_before{0};
    std::atomic<std::int64_t> kept_off{0};
    Note note;
  };
  std::atomic<std::int64_t> failed_at{0};
  std::atomic<bool> of_a_log{false};
  Note path;  // what was to be synced
  std::atomic<pid_t> victim{0};
  std::atomic<std::int64_t> told_at{0};          // when the victim was told
  std::atomic<std::int64_t> kept_off_before{0};  // the processor, the victim, until the failure
  std::atomic<std::int64_t> kept_off{0};         // ... and from then until it was told
  std::atomic<std::uint64_t> syncs_afterwards{0};
  std::atomic<int> ready{0};
  std::atomic<bool> over{false};
  Observer observers[kObservers];
};

bool is_sync(os::SystemCall call) {
  return call == os::SystemCall::kDataSync || call == os::SystemCall::kSync ||
         call == os::SystemCall::kSyncDirectory;
}

// Fails the n-th sync of this process, 0: none; and sees who syncs the log afterwards.
class Syncs : public os::SystemCallHook {
 public:
  Syncs(Scene& scene, std::uint64_t nth, int error) : scene_(scene), nth_(nth), error_(error) {
    os::set_system_call_hook(this);
  }
  ~Syncs() override { os::set_system_call_hook(nullptr); }
  Syncs(const Syncs&) = delete;
  Syncs& operator=(const Syncs&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (!is_sync(event.call)) return {};
    if (++calls_ == nth_) {
      scene_.path.write(std::string(event.path));
      scene_.of_a_log.store(event.path.ends_with(".wal"));
      note_failure();
      return {.error = error_};
    }
    if (scene_.told_at.load() != 0 && scene_.of_a_log.load() && event.path == scene_.path.text) {
      scene_.syncs_afterwards.fetch_add(1);
    }
    return {};
  }
  void after(const os::SystemCallEvent&) override {}
  void note_told() {
    scene_.kept_off.store(kept_off(scene_.victim) - scene_.kept_off_before);
    scene_.told_at.store(now());
  }

 private:
  void note_failure() {
    for (Scene::Observer& observer : scene_.observers) {
      observer.kept_off_before.store(kept_off(observer.process));
    }
    scene_.victim.store(::getpid());
    scene_.kept_off_before.store(kept_off(scene_.victim));
    scene_.failed_at.store(now());
  }

  Scene& scene_;
  std::uint64_t nth_;
  int error_;
  std::uint64_t calls_ = 0;
};

constexpr WriteOptions kDurably{.durability = Durability::kDurable, .wait = {}};

class CallSyncTest : public testing::Test {
 protected:
  // Writes durably all the time. What it was told is durable, or at least committed, is there.
  std::string observe(const std::string& path, int number) {
    const Syncs syncs(*scene_, 0, 0);
    Scene::Observer& me = scene_->observers[number];
    Options options;
    options.background = Background::kNone;
    Result<Db> db = Db::open(path, options);
    if (!db) return db.status().to_string();
    me.process.store(::getpid());
    scene_->ready.fetch_add(1);
    const auto key_of = [number](std::uint64_t write) {
      return kOutsideOfJournal + std::to_string(number) + "-" + std::to_string(write);
    };
    Status status;
    while (!scene_->over.load() || !status.ok()) {
      const bool after_failure = scene_->failed_at.load() != 0;
      status = db->put(key_of(me.writes.load()), "v", kDurably);
      if (!status.ok() && status.code() != StatusCode::kNotDurable) return status.to_string();
      me.writes.fetch_add(1);
      if (after_failure && me.answered_at.load() == 0) note_answer(me);
      os::sleep_for(milliseconds(5));  // so that the other leads most syncs
    }
    for (std::uint64_t write = 0; write < me.writes.load(); ++write) {
      const Result<bool> there = db->exists(key_of(write));
      if (!there || !*there) return "lost " + key_of(write) + ", " + there.status().to_string();
    }
    status = db->close();
    return status.ok() ? std::string() : status.to_string();
  }

  void note_answer(Scene::Observer& me) {
    const std::int64_t victims = scene_->told_at != 0
                                     ? scene_->kept_off.load()
                                     : kept_off(scene_->victim) - scene_->kept_off_before;
    me.kept_off.store(kept_off(me.process) - me.kept_off_before +
                      std::max<std::int64_t>(victims, 0));
    me.answered_at.store(now());
  }

  std::string fail(const std::string& path, const Chapter& chapter, std::uint64_t nth, int error) {
    Syncs syncs(*scene_, nth, error);
    std::string wrong;
    int tries = 0;
    Life life(path, *journal_, [&](const char* operation, const Status& status) {
      if (status.ok()) tries = 0;
      if (status.ok() || !wrong.empty()) return Life::Next::kOn;
      if (scene_->told_at.load() == 0) syncs.note_told();
      if (scene_->failed_at.load() == 0 || ++tries > kTriesMax) {
        wrong = std::string(operation) + ": " + status.to_string();
      }
      os::sleep_for(milliseconds(2));
      return Life::Next::kAgain;
    });
    (life.*chapter.run)();
    return wrong.empty() ? life.wrong() : wrong;
  }

  // What is wrong.
  std::string attempt(const Chapter& chapter, std::uint64_t nth, int error) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    new (&*scene_) Scene();
    image_.prepare(path, chapter.start, *journal_);
    journal_->syncs_may_fail = true;
    std::vector<ChildProcess> observers;
    for (int number = 0; number < kObservers; ++number) {
      observers.emplace_back([this, &path, number] {
        ::alarm(kSecondsMax);
        scene_->observers[number].note.write(observe(path, number));
        return 0;
      });
    }
    if (!comes_true([this] { return scene_->ready.load() == kObservers; })) return "no observers";
    std::string wrong = in_child(*note_, [&] { return fail(path, chapter, nth, error); });
    if (!comes_true([this] { return scene_->failed_at.load() == 0 || all_have_answered(); })) {
      wrong += "; an observer was not answered";
    }
    scene_->over.store(true);
    for (int number = 0; number < kObservers; ++number) {
      if (!exited_with(observers[number].wait(), 0)) wrong += "; an observer died or hangs";
      const std::string said = scene_->observers[number].note.text;
      if (!said.empty()) wrong += "; an observer: " + said;
    }
    if (scene_->syncs_afterwards.load() != 0) wrong += "; the log was synced again";
    return wrong.empty() ? in_child(*note_, [&] { return judge_directory(path, *journal_); })
                         : wrong;
  }

  [[nodiscard]] bool all_have_answered() const {
    return std::ranges::all_of(scene_->observers, [](const Scene::Observer& observer) {
      return observer.answered_at.load() != 0;
    });
  }

  // How long it took until all knew; and without what each, and the victim meanwhile, was kept off
  // the processor.
  struct Delay {
    nanoseconds took{};
    nanoseconds own{};
    nanoseconds excused{};  // the most of one
  };
  [[nodiscard]] Delay delay() const {
    Delay longest;
    for (const Scene::Observer& observer : scene_->observers) {
      const nanoseconds took(observer.answered_at - scene_->failed_at);
      const nanoseconds excused = std::min(took, nanoseconds(observer.kept_off));
      longest.took = std::max(longest.took, took);
      longest.own = std::max(longest.own, took - excused);
      longest.excused = std::max(longest.excused, excused);
    }
    return longest;
  }

  // The best of a few attempts. None: the sync is no log's, or there are not so many.
  std::optional<Delay> fail_until_all_know(const Chapter& chapter, std::uint64_t nth) {
    constexpr int kErrors[] = {EIO, ENOSPC, EINTR};
    std::optional<Delay> best;
    for (int i = 0; i < kAttempts && (!best || best->own >= kLearntAfter); ++i) {
      const std::string wrong = attempt(chapter, nth, kErrors[nth % std::size(kErrors)]);
      if (scene_->failed_at.load() == 0) break;
      EXPECT_EQ(wrong, "") << chapter.name << ", sync " << nth << " (" << scene_->path.text
                           << ") failed";
      if (!scene_->of_a_log.load() || !wrong.empty()) break;
      if (!best || delay().own < best->own) best = delay();
    }
    return best;
  }

  static constexpr int kTriesMax = 100;
  static constexpr unsigned kSecondsMax = 60;

  Image image_;
  SharedValue<Journal> journal_;
  SharedValue<Note> note_;
  SharedValue<Scene> scene_;
};

// Whose exception leaves the call. Without this those who wait would sleep for a slice.
TEST(CallSyncLeader, WithoutMemoryWakesThoseWhoWait) {
  static bool leads;
  const TemporaryDirectory directory(Where::kMemory);
  Result<Db> db = Db::open(directory.file("db"), life_options(OpenMode::kCreate));
  ASSERT_TRUE(db.has_value());
  ASSERT_TRUE(db->put("k", "v", kDurably).ok());  // what is asked for once, is
  const auto state = state::SharedState::map(directory.file("db"), os::Protection::kRead);
  const state::SyncInFlight& sync = (**state)->sync;
  os::set_crash_point_visitor([](const char* name) {
    if (std::string_view(name) == "sync.leading") leads = true;
  });
  int failures = 0;
  bool refused = true;
  for (std::uint64_t request = 1; refused; ++request) {
    leads = false;
    const std::uint32_t wakeups = sync.wakeups.load();
    refuse_block(request);
    try {
      (void)db->put("k", "v", kDurably);
    } catch (const std::bad_alloc&) {
      failures += leads ? 1 : 0;
    }
    refused = has_refused();
    refuse_block(0);
    EXPECT_EQ(sync.leader.load(), 0U);
    EXPECT_EQ(sync.wakeups.load() != wakeups, leads) << "request " << request;
  }
  os::set_crash_point_visitor(nullptr);
  EXPECT_GE(failures, 1);
}

TEST_F(CallSyncTest, ThatFailsIsLearntByAllAndTrustedByNobody) {
  constexpr std::uint64_t kSyncsMax = 60;
  std::uint64_t failures = 0;
  std::vector<Delay> delays;  // of logs
  for (const Chapter& chapter : {kCompany, kDurableWrites}) {
    for (std::uint64_t nth = 1; nth <= kSyncsMax && !HasFailure(); ++nth) {
      const std::optional<Delay> delay = fail_until_all_know(chapter, nth);
      if (!delay && scene_->failed_at.load() == 0) break;
      ++failures;
      if (delay) delays.push_back(*delay);
    }
  }
  ASSERT_FALSE(delays.empty());
  std::ranges::sort(delays, {}, &Delay::took);
  const auto in_ms = [](nanoseconds time) { return static_cast<double>(time.count()) / 1e6; };
  const nanoseconds longest = std::ranges::max(delays, {}, &Delay::own).own;
  const nanoseconds excused = std::ranges::max(delays, {}, &Delay::excused).excused;
  std::printf(
      "%llu syncs failed, %zu of logs; all knew after %.1f ms, at most %.1f ms; at most %.1f ms "
      "without what one was kept off the processor, at most %.1f ms\n",
      static_cast<unsigned long long>(failures), delays.size(),
      in_ms(delays[delays.size() / 2].took), in_ms(delays.back().took), in_ms(longest),
      in_ms(excused));
  EXPECT_GE(failures, 20U);
  EXPECT_GE(delays.size(), 4U);
  EXPECT_LT(longest, kLearntAfter);
}

}  // namespace
}  // namespace tidelock::test
