#include "models/explorer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace tidelock::models {
namespace {

// Two processes add one to a counter, with or without a lock around load and store.
struct Counter {
  struct State {
    std::uint8_t value = 0;
    std::uint8_t locked = 0;
    std::array<std::uint8_t, 2> at{};
    std::array<std::uint8_t, 2> loaded{};
  };
  bool lock = true;
  bool release = true;

  State initial() const { return {}; }

  void steps(const State& now, Steps<State>& emit) const {
    for (int who = 0; who < 2; ++who) {
      State next = now;
      auto& at = next.at[who];
      switch (at++) {
        case 0:
          if (lock && now.locked != 0) continue;
          next.locked = 1;
          emit.process("lock", who, next);
          break;
        case 1:
          next.loaded[who] = now.value;
          emit.process("load", who, next);
          break;
        case 2:
          next.value = now.loaded[who] + 1;
          emit.process("store", who, next);
          break;
        case 3:
          if (release) next.locked = 0;
          emit.process("unlock", who, next);
          break;
        default:
          break;
      }
    }
  }

  std::string violation(const State& now) const {
    return goal(now) && now.value != 2 ? "an increment was lost" : "";
  }

  bool goal(const State& now) const { return now.at[0] == 4 && now.at[1] == 4; }
};

TEST(Explorer, VisitsEveryStateOfASoundModel) {
  const Exploration found = explore(Counter{});
  EXPECT_EQ(found.violation, "");
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.states, 17u);  // the initial one, and eight in each of the two orders
}

TEST(Explorer, FindsAShortestWayToABrokenInvariant) {
  const Exploration found = explore(Counter{.lock = false});
  EXPECT_EQ(found.violation, "an increment was lost");
  EXPECT_EQ(found.trace.size(), 8u);
}

TEST(Explorer, FindsAStateWithoutAWayToTheGoal) {
  const Exploration found = explore(Counter{.lock = true, .release = false});
  EXPECT_EQ(found.violation, "no goal can be reached any more");
}

TEST(Explorer, SaysWhenItStoppedShort) {
  EXPECT_FALSE(explore(Counter{}, 5).complete);
}

}  // namespace
}  // namespace tidelock::models
