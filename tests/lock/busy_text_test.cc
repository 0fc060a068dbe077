#include "lock/busy_text.h"

#include <gtest/gtest.h>

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

BusyInfo held_by_make() {
  BusyInfo busy;
  busy.holder_pid = 4711;
  busy.holder_label = "make";
  busy.held_for = milliseconds(3'250);
  return busy;
}

TEST(BusyText, NamesHolderTimeWaitersAndPlace) {
  BusyInfo busy = held_by_make();
  busy.waiters = 4;
  busy.queue_place = 3;
  EXPECT_EQ(busy_text(busy), "held by pid 4711 (make) for 3.2 s; 4 wait, you are 3rd");
}

TEST(BusyText, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(busy_text(BusyInfo()), "held by another; nobody waits");
  BusyInfo busy = held_by_make();
  busy.held_for = seconds(0);
  busy.waiters = 1;
  EXPECT_EQ(busy_text(busy), "held by pid 4711 (make); 1 waits");
}

TEST(BusyText, CountsPlacesAsPeopleDo) {
  BusyInfo busy = held_by_make();
  const std::pair<std::uint32_t, const char*> places[] = {
      {1, "1st"},   {2, "2nd"},   {3, "3rd"},   {4, "4th"},     {11, "11th"},   {12, "12th"},
      {13, "13th"}, {21, "21st"}, {22, "22nd"}, {103, "103rd"}, {111, "111th"}, {1012, "1012th"}};
  for (const auto& [place, word] : places) {
    busy.queue_place = place;
    EXPECT_TRUE(busy_text(busy).ends_with(std::string(", you are ") + word)) << busy_text(busy);
  }
}

TEST(BusyText, ShowsTimesInTheUnitThatFits) {
  BusyInfo busy = held_by_make();
  const std::pair<std::chrono::nanoseconds, const char*> times[] = {
      {milliseconds(4), " for 4 ms;"},
      {milliseconds(999), " for 999 ms;"},
      {seconds(59), " for 59.0 s;"},
      {seconds(312), " for 5 min 12 s;"},
      {minutes(185), " for 3 h 5 min;"}};
  for (const auto& [time, words] : times) {
    busy.held_for = time;
    EXPECT_NE(busy_text(busy).find(words), std::string::npos) << busy_text(busy);
  }
}

}  // namespace
}  // namespace tidelock::lock
