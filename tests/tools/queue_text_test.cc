#include "cli/queue_text.h"

#include <gtest/gtest.h>

namespace tidelock::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

LockMember member(std::uint32_t slot, std::int32_t pid, const char* label) {
  return {.slot = slot, .pid = pid, .label = label, .alive = true};
}

LockInfo busy_queue() {
  LockInfo info;
  info.word = LockInfo::Word::kHeld;
  info.held_for = milliseconds(3'250);
  info.waiters = {{.ticket = 8, .slot = 1, .pid = 4712, .label = "cp", .waiting_for = seconds(2)},
                  {.ticket = 9, .slot = 2, .pid = 4800, .label = "rm", .waiting_for = seconds(1)}};
  info.members = {member(0, 4711, "make"), member(1, 4712, "cp")};
  info.members[0].acquired = 12'345;
  info.members[0].overtaken = 3;
  info.members[0].longest_wait = milliseconds(420);
  info.members[1].alive = false;
  info.holder = info.members[0];
  info.history = {{.slot = 0, .pid = 4711, .label = "make", .waited = milliseconds(7)},
                  {.slot = 3, .pid = 17, .label = "old", .recovered = true, .ago = seconds(90)}};
  info.totals = {.acquired = 20'000, .hand_overs = 5, .lapses = 4, .evictions = 3, .recoveries = 2};
  return info;
}

TEST(QueueText, ShowsAllThatIsKnown) {
  EXPECT_EQ(queue_text(busy_queue(), 10),
            "lock         held by pid 4711 (make) for 3.2 s\n"
            "waiting      2\n"
            "acquired     20,000, 5 handed over, 2 from the dead\n"
            "passed over  4, 3 lost their place\n"
            "\n"
            "place   pid  waiting  label\n"
            "    1  4712    2.0 s  cp\n"
            "    2  4800    1.0 s  rm\n"
            "\n"
            "slot   pid  acquired  waited  overtaken  longest wait  label\n"
            "   0  4711    12,345       0          3        420 ms  make\n"
            "   1  4712         0       0          0          0 us  cp (dead)\n"
            "\n"
            "       ago   pid  waited  got it         label\n"
            "      0 us  4711  7.0 ms  in turn        make\n"
            "1 min 30 s    17    0 us  from the dead  old\n");
}

TEST(QueueText, SaysNoMoreOfAFreeLock) {
  EXPECT_TRUE(queue_text(LockInfo(), 10).starts_with("lock         free\n"));
  EXPECT_EQ(queue_text(LockInfo(), 10).find("label"), std::string::npos);
}

TEST(QueueText, SaysThatSomebodyDiedInside) {
  LockInfo info = busy_queue();
  info.holder->alive = false;
  EXPECT_NE(queue_text(info, 0).find("has died: the next who comes takes over"), std::string::npos);
  info = LockInfo();
  info.inconsistent = true;
  EXPECT_NE(queue_text(info, 0).find("free; a holder died inside"), std::string::npos);
}

TEST(QueueText, ShowsOfTheHistoryWhatIsAskedFor) {
  EXPECT_EQ(queue_text(busy_queue(), 1).find("old"), std::string::npos);
  EXPECT_EQ(queue_text(busy_queue(), 0).find("ago"), std::string::npos);
  EXPECT_EQ(queue_json(busy_queue(), 1)["history"].size(), 1u);
}

TEST(QueueText, MakesLabelsSafeForTheEye) {
  LockInfo info = busy_queue();
  info.holder->label = "\x1b[2J\xff";
  EXPECT_EQ(queue_text(info, 0).find('\x1b'), std::string::npos);
  EXPECT_EQ(queue_json(info, 0)["holder"]["label"], "\\x1b[2J\\xff");
}

TEST(QueueJson, CarriesAllThatIsKnown) {
  const Json json = queue_json(busy_queue(), 10);
  EXPECT_EQ(json["lock"], "held");
  EXPECT_EQ(json["holder"]["pid"], 4711);
  EXPECT_EQ(json["holder"]["longest_wait_ms"], 420.0);
  EXPECT_EQ(json["held_ms"], 3250.0);
  EXPECT_EQ(json["waiters"][1]["place"], 2);
  EXPECT_EQ(json["waiters"][1]["label"], "rm");
  EXPECT_EQ(json["members"][1]["alive"], false);
  EXPECT_EQ(json["history"][1]["recovered"], true);
  EXPECT_EQ(json["totals"]["evictions"], 3);
  EXPECT_TRUE(queue_json(LockInfo(), 10)["holder"].is_null());
}

}  // namespace
}  // namespace tidelock::cli
