// Deaths after every store of whoever enters the lock queue, gets the lock, hands it over, gives it
// back, gives up, recovers it from the dead, signs in and out.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "stores/sections.h"
#include "support/comes_true.h"
#include "support/shared_value.h"
#include "tidelock/lock_queue.h"

namespace tidelock::test {
namespace {

using std::chrono::milliseconds;

// Far more than the few slices of 50 ms that a lost wake-up may cost.
constexpr milliseconds kLongWait{1'000};
constexpr Wait kPatient{.deadline = milliseconds(5'000)};

// What a process does next depends on whether the one that waits is asleep by then.
bool is_asleep(const ChildProcess& child) {
  std::ifstream file("/proc/" + std::to_string(child.pid()) + "/stat");
  std::string facts;
  std::getline(file, facts);
  const std::size_t name_end = facts.rfind(')');
  return name_end != std::string::npos && facts.substr(name_end, 3) == ") S";
}

// A queue file, one who is attached to it all the time, and what the others tell each other.
class Scene {
 public:
  Scene(Trial& trial, Handover handover)
      : trial_(trial), options_{.handover = handover}, path_(trial.file("site/lock")) {
    std::filesystem::create_directory(trial.file("site"));
  }

  [[nodiscard]] Result<LockQueue> attach() const { return LockQueue::open(path_, options_); }
  // Without it nobody is attached when the victim comes.
  void attach_survivor() { survivor_.emplace(std::move(attach()).value()); }
  [[nodiscard]] LockQueue& survivor() { return *survivor_; }

  // Another process that does this and nothing else.
  template <typename Body>
  [[nodiscard]] ChildProcess other(const Body& body) const {
    return ChildProcess([&] {
      Result<LockQueue> queue = attach();
      return queue ? body(*queue) : 2;
    });
  }
  // One that gets the lock, and shows that it did.
  [[nodiscard]] ChildProcess waiter() {
    return other([this](LockQueue& queue) {
      const Result<LockQueue::Guard> guard = queue.acquire(kPatient);
      entered_->fetch_add(1);
      return guard ? 0 : 3;
    });
  }
  // One that holds it until it is killed.
  [[nodiscard]] ChildProcess holder() {
    return other([this](LockQueue& queue) {
      const Result<LockQueue::Guard> guard = queue.acquire(kPatient);
      if (!guard) return 3;
      held_->store(true);
      for (;;) ::pause();
    });
  }
  [[nodiscard]] bool is_held() const {
    return comes_true([this] { return held_->load(); });
  }
  [[nodiscard]] int entered() const { return entered_->load(); }

  // That many wait. `queue`: any attachment of the process that asks.
  [[nodiscard]] static bool wait_for_waiters(const LockQueue& queue, std::size_t count) {
    return comes_true([&] {
      const Result<LockInfo> info = queue.info();
      return info && info->waiters.size() == count;
    });
  }
  // As long as the victim lives.
  void wait_for_queued(const ChildProcess& victim) {
    (void)comes_true([&] {
      const Result<LockInfo> info = survivor().info();
      return victim.has_ended() || (info && !info->waiters.empty() && is_asleep(victim));
    });
  }

  std::string go_on();

 private:
  std::string take(LockQueue& queue, bool inconsistent, const Wait& wait);
  std::string queue_behind_survivor();
  std::string take_a_copy();

  Trial& trial_;
  LockQueueOptions options_;
  std::string path_;
  std::optional<LockQueue> survivor_;
  SharedValue<std::atomic<bool>> held_;
  SharedValue<std::atomic<int>> entered_;
};

// After all others are gone: the survivor gets the lock soon, and knows whether one died inside.
std::string Scene::go_on() {
  if (std::string problem = take_a_copy(); !problem.empty()) return problem;
  if (!survivor_) {
    Result<LockQueue> queue = attach();
    if (!queue) return "attach: " + queue.error().to_string();
    survivor_.emplace(std::move(*queue));
  }
  const Result<LockInfo> left = survivor_->info();
  if (!left) return left.error().to_string();
  const bool inside = left->inconsistent || left->word == LockInfo::Word::kHeld;
  if (std::string problem = take(*survivor_, inside, kPatient); !problem.empty()) return problem;
  const Wait at_once{.policy = Wait::Policy::kFailFast};
  if (std::string problem = take(*survivor_, false, at_once); !problem.empty()) return problem;
  for (int ticket = 0; ticket < 2; ++ticket) {
    if (std::string problem = queue_behind_survivor(); !problem.empty()) return problem;
  }
  const Result<LockInfo> info = survivor_->info();
  if (!info) return info.error().to_string();
  if (info->word != LockInfo::Word::kFree) return "it is not free in the end";
  if (!info->waiters.empty()) return "somebody is left in the queue";
  return {};
}

std::string Scene::take(LockQueue& queue, bool inconsistent, const Wait& wait) {
  const auto begun = os::monotonic_now();
  Result<LockQueue::Guard> guard = queue.acquire(wait);
  if (!guard) return "acquire: " + guard.error().to_string();
  if (os::monotonic_now() - begun > kLongWait) return "it waited for more than a second";
  if (guard->inconsistent() != inconsistent) {
    return inconsistent ? "nobody was told of the death inside" : "told of a death that was not";
  }
  guard->mark_consistent();
  return {};
}

// A newcomer finds a place in the queue, and gets the lock when it is released.
std::string Scene::queue_behind_survivor() {
  Result<LockQueue::Guard> guard = survivor_->acquire(kPatient);
  if (!guard) return "acquire: " + guard.error().to_string();
  ChildProcess newcomer = waiter();
  if (!wait_for_waiters(*survivor_, 1)) return "a newcomer does not get into the queue";
  guard->release();
  return exited_with(newcomer.wait(), 0) ? "" : "a newcomer does not get the lock";
}

// As after a reboot: it is laid out anew.
std::string Scene::take_a_copy() {
  copy_directory(trial_.file("site"), trial_.file("copy"));
  Result<LockQueue> queue = LockQueue::open(trial_.file("copy/lock"), options_);
  if (!queue) return "copied: " + queue.error().to_string();
  const std::string problem = take(*queue, false, kPatient);
  return problem.empty() ? problem : "copied: " + problem;
}

int acquire_and_release(LockQueue& queue, const Wait& wait = kPatient) {
  Result<LockQueue::Guard> guard = queue.acquire(wait);
  if (!guard) return 3;
  guard->mark_consistent();
  guard->release();
  return 0;
}

std::string take_a_free_lock(Trial& trial, Handover handover) {
  Scene scene(trial, handover);
  scene.attach_survivor();
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    watch.begin();
    return acquire_and_release(*queue);
  });
  const std::string problem = trial.bury(victim);
  return problem.empty() ? scene.go_on() : problem;
}

// Enters the queue, sleeps, is woken or handed the lock, takes it, gives it back.
std::string wait_for_a_lock(Trial& trial, Handover handover) {
  Scene scene(trial, handover);
  scene.attach_survivor();
  std::optional<LockQueue::Guard> guard(std::move(scene.survivor().acquire(kPatient)).value());
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    watch.begin();
    return acquire_and_release(*queue);
  });
  scene.wait_for_queued(victim);
  guard.reset();
  const std::string problem = trial.bury(victim);
  return problem.empty() ? scene.go_on() : problem;
}

std::string give_up(Trial& trial, Handover handover) {
  Scene scene(trial, handover);
  scene.attach_survivor();
  std::optional<LockQueue::Guard> guard(std::move(scene.survivor().acquire(kPatient)).value());
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    watch.begin();
    return acquire_and_release(*queue, {.deadline = milliseconds(3)}) == 3 ? 0 : 4;
  });
  const std::string problem = trial.bury(victim);
  guard.reset();
  return problem.empty() ? scene.go_on() : problem;
}

// The victim holds the lock; one waits for it, before him perhaps one that is dead.
std::string hand_over(Trial& trial, Handover handover, bool past_a_dead_one) {
  Scene scene(trial, handover);
  scene.attach_survivor();
  SharedValue<std::atomic<bool>> holding;
  SharedValue<std::atomic<bool>> ready;
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    Result<LockQueue::Guard> guard = queue->acquire(kPatient);
    holding->store(true);
    if (!guard || !comes_true([&] { return ready->load(); })) return 3;
    watch.begin();
    guard->release();
    return 0;
  });
  if (!comes_true([&] { return holding->load(); })) return "the victim does not get the lock";
  std::optional<ChildProcess> dead;
  if (past_a_dead_one) {
    dead.emplace(scene.waiter());
    if (!Scene::wait_for_waiters(scene.survivor(), 1)) return "one does not wait";
  }
  ChildProcess waiter = scene.waiter();
  if (!Scene::wait_for_waiters(scene.survivor(), past_a_dead_one ? 2 : 1)) {
    return "one does not wait";
  }
  if (!comes_true([&] { return is_asleep(waiter); })) return "one does not sleep";
  dead.reset();
  ready->store(true);
  if (std::string problem = trial.bury(victim); !problem.empty()) return problem;
  if (!comes_true([&] { return scene.entered() == 1; }, kLongWait)) {
    return "the waiter does not get the lock";
  }
  if (!exited_with(waiter.wait(), 0)) return "the waiter does not get the lock";
  return scene.go_on();
}

std::string recover(Trial& trial, Wait::Policy policy) {
  Scene scene(trial, Handover::kBounded);
  scene.attach_survivor();
  {
    const ChildProcess dead = scene.holder();
    if (!scene.is_held()) return "it is not held";
  }
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    watch.begin();
    return acquire_and_release(*queue, {.policy = policy});
  });
  const std::string problem = trial.bury(victim);
  return problem.empty() ? scene.go_on() : problem;
}

// The lock is offered to one that is stopped, and then dies or not.
std::string take_back_an_offer(Trial& trial, bool to_a_dead_one) {
  Scene scene(trial, Handover::kStrict);
  scene.attach_survivor();
  std::optional<LockQueue::Guard> guard(std::move(scene.survivor().acquire(kPatient)).value());
  std::optional<ChildProcess> waiter(scene.waiter());
  if (!Scene::wait_for_waiters(scene.survivor(), 1)) return "one does not wait";
  waiter->send(SIGSTOP);
  (void)waiter->wait_for_stop();
  guard.reset();
  if (to_a_dead_one) waiter.reset();
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    Result<LockQueue> queue = scene.attach();
    if (!queue) return 2;
    watch.begin();
    return acquire_and_release(*queue);
  });
  if (std::string problem = trial.bury(victim); !problem.empty()) return problem;
  if (waiter) {
    waiter->send(SIGCONT);
    if (!exited_with(waiter->wait(), 0)) return "one that was stopped does not get the lock";
  }
  return scene.go_on();
}

std::string sign_in_and_out(Trial& trial) {
  Scene scene(trial, Handover::kBounded);
  scene.attach_survivor();
  {
    const ChildProcess dead = scene.holder();
    if (!scene.is_held()) return "it is not held";
  }
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    watch.begin();
    return scene.attach() ? 0 : 2;
  });
  const std::string problem = trial.bury(victim);
  return problem.empty() ? scene.go_on() : problem;
}

std::string lay_out(Trial& trial, bool over_an_old_one) {
  Scene scene(trial, Handover::kBounded);
  if (over_an_old_one) {
    scene.attach_survivor();
    std::filesystem::rename(trial.file("site"), trial.file("before"));
    copy_directory(trial.file("before"), trial.file("site"));
    return lay_out(trial, false);
  }
  ChildProcess victim = trial.victim([&](StoreWatch& watch) {
    watch.begin();
    Result<LockQueue> queue = scene.attach();
    return queue ? acquire_and_release(*queue) : 2;
  });
  const std::string problem = trial.bury(victim);
  return problem.empty() ? scene.go_on() : problem;
}

Section section(std::string name, std::function<std::string(Trial&)> run) {
  return {std::move(name), std::move(run), Section::kAll};
}

TEST(LockDeath, AfterAnyStoreLeavesTheLockToTheOthers) {
  std::vector<Section> sections;
  for (const Handover order : {Handover::kBounded, Handover::kStrict}) {
    const std::string as = order == Handover::kStrict ? ", strict order" : "";
    const auto add = [&](const std::string& name, const auto& run) {
      sections.push_back(section(name + as, [=](Trial& trial) { return run(trial, order); }));
    };
    add("take and release a free lock", take_a_free_lock);
    add("queue, be granted the lock, release it", wait_for_a_lock);
    add("queue, and give up", give_up);
    add("hand over to one that waits",
        [](Trial& trial, Handover how) { return hand_over(trial, how, false); });
    add("hand over past a dead one",
        [](Trial& trial, Handover how) { return hand_over(trial, how, true); });
  }
  for (const auto policy : {Wait::Policy::kQueue, Wait::Policy::kFailFast}) {
    sections.push_back(section(policy == Wait::Policy::kQueue
                                   ? "queue for the lock of a dead holder, and recover it"
                                   : "recover the lock of a dead holder, fail-fast",
                               [=](Trial& trial) { return recover(trial, policy); }));
  }
  sections.push_back(section("take back an offer to a dead one",
                             [](Trial& trial) { return take_back_an_offer(trial, true); }));
  sections.push_back(section("take back an offer to a stopped one",
                             [](Trial& trial) { return take_back_an_offer(trial, false); }));
  sections.push_back(section("claim a member's slot, and leave it", sign_in_and_out));
  sections.push_back(
      {"lay the queue file out", [](Trial& trial) { return lay_out(trial, false); }, 20});
  sections.push_back(
      {"lay it out over an old one", [](Trial& trial) { return lay_out(trial, true); }, 20});
  die_after_every_store(sections, 180);
}

}  // namespace
}  // namespace tidelock::test
