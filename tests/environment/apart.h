#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/shared_value.h"

// A situation is played in a forked child, which may give up its mounts, its user or its
// descriptors for it. What the child says is wrong with what it saw goes to the test; "": nothing.
namespace tidelock::test {

using Words = std::string;
using Play = std::function<Words()>;

inline constexpr std::string_view kNotTried = "not tried: ";

inline Words not_tried(const std::string& why) {
  return std::string(kNotTried) + why;
}

// In a child nobody else catches what the play's own calls throw.
[[nodiscard]] inline Words said_by(const Play& play) {
  try {
    return play();
  } catch (const std::exception& thrown) {
    return thrown.what();
  }
}

// The words are cut after what a pipe holds.
[[nodiscard]] inline Words apart(const Play& play, int seconds = 60) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  ChildProcess child([&] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const Words words = said_by(play);
    (void)!::write(ends[1], words.data(), std::min<std::size_t>(words.size(), 4096));
    return 42;
  });
  ::close(ends[1]);
  pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
  char words[4096];
  const bool in_time = ::poll(&ready, 1, seconds * 1000) == 1;
  const ssize_t length = in_time ? ::read(ends[0], words, sizeof words) : 0;
  ::close(ends[0]);
  if (!in_time) return "it hangs";
  const int status = child.wait();
  if (length > 0) return {words, static_cast<std::size_t>(length)};
  if (exited_with(status, 42)) return "";
  return WIFSIGNALED(status) ? "it died of signal " + std::to_string(WTERMSIG(status))
                             : "it exited with " + std::to_string(WEXITSTATUS(status));
}

// Root, and not one that a container keeps from mounting, or from being others.
[[nodiscard]] inline bool may_do_all() {
  ChildProcess child([] {
    const bool may = ::unshare(CLONE_NEWNS) == 0 &&
                     ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0 && ::setuid(4201) == 0;
    return may ? 0 : 1;
  });
  return exited_with(child.wait(), 0);
}

// What this program tried: printed at its end, and too little is a failure. What takes root, or a
// program that is not there, is not tried, and said.
class Tally : public testing::Environment {
 public:
  struct Floors {
    int as_root = 0;  // situations tried by one who may do all
    int otherwise = 0;
    std::uint64_t acknowledged = 0;  // in the share of the situations that is tried
  };
  struct Counts {
    std::atomic<std::uint64_t> acknowledged{0};  // writes that were looked for afterwards
    std::atomic<std::uint64_t> processes{0};     // that wrote them
  };

  static Tally& instance() {
    static Tally* const tally = new Tally;
    return *tally;
  }
  static Counts& counts() { return *instance().counts_; }
  // Once, before the tests run. True.
  static bool begin(const Floors& floors) {
    instance().floors_ = floors;
    return testing::AddGlobalTestEnvironment(&instance()) != nullptr;
  }
  void note(bool was_tried) { ++(was_tried ? tried_ : not_tried_); }

  void TearDown() override {
    const std::uint64_t acknowledged = counts_->acknowledged.load();
    std::printf("%d situations tried, %d not; %llu acknowledged writes of %llu processes found\n",
                tried_, not_tried_, static_cast<unsigned long long>(acknowledged),
                static_cast<unsigned long long>(counts_->processes.load()));
    if (GTEST_FLAG_GET(filter) != "*") return;
    EXPECT_GE(tried_, may_do_all() ? floors_.as_root : floors_.otherwise);
    const auto tried = static_cast<std::uint64_t>(tried_);
    const auto all = static_cast<std::uint64_t>(tried_ + not_tried_);
    EXPECT_GE(acknowledged * all, floors_.acknowledged * tried);
  }

 private:
  SharedValue<Counts> counts_;
  Floors floors_;
  int tried_ = 0;
  int not_tried_ = 0;
};

inline void expect_fine(const Words& words) {
  const bool was_tried = !words.starts_with(kNotTried);
  Tally::instance().note(was_tried);
  if (!was_tried) {
    std::printf("%s\n", words.c_str());
  } else {
    EXPECT_EQ(words, "");
  }
}

// Plays it in a child, and expects that it has nothing to say.
inline void play(const Play& body) {
  expect_fine(apart(body));
}

}  // namespace tidelock::test
