#include "cli/queue_text.h"

#include <algorithm>
#include <span>

#include "cli/columns.h"
#include "cli/encoding.h"
#include "cli/units.h"

namespace tidelock::cli {
namespace {

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::span<const LockHandover> last(const LockInfo& info, std::size_t count) {
  return std::span(info.history).first(std::min(count, info.history.size()));
}

std::string holder_text(const LockInfo& info) {
  std::string text = info.word == LockInfo::Word::kHeld      ? "held by "
                     : info.word == LockInfo::Word::kOffered ? "offered to "
                                                             : "free";
  if (info.holder) {
    text += "pid " + std::to_string(info.holder->pid) + " (" + printable(info.holder->label) + ")";
    if (info.held_for.count() != 0) text += " for " + show_time(info.held_for);
    if (!info.holder->alive) text += ", which has died: the next who comes takes over";
  }
  if (info.inconsistent) text += "; a holder died inside, and nobody has said it is mended";
  return text;
}

std::string waiters_text(const LockInfo& info) {
  std::vector<Row> rows = {{"place", "pid", "waiting", "label"}};
  std::size_t place = 0;
  for (const LockWaiter& waiter : info.waiters) {
    rows.push_back({std::to_string(++place), std::to_string(waiter.pid),
                    show_time(waiter.waiting_for), printable(waiter.label)});
  }
  return align(rows, 0, 3);
}

std::string members_text(const LockInfo& info) {
  std::vector<Row> rows = {
      {"slot", "pid", "acquired", "waited", "overtaken", "longest wait", "label"}};
  for (const LockMember& member : info.members) {
    rows.push_back({std::to_string(member.slot), std::to_string(member.pid),
                    show_count(member.acquired), show_count(member.waited),
                    show_count(member.overtaken), show_time(member.longest_wait),
                    printable(member.label) + (member.alive ? "" : " (dead)")});
  }
  return align(rows, 0, 6);
}

std::string history_text(std::span<const LockHandover> history) {
  std::vector<Row> rows = {{"ago", "pid", "waited", "got it", "label"}};
  for (const LockHandover& one : history) {
    rows.push_back({show_time(one.ago), std::to_string(one.pid), show_time(one.waited),
                    one.recovered ? "from the dead" : "in turn", printable(one.label)});
  }
  return align(rows, 0, 3);
}

Json member_json(const LockMember& member) {
  return Json{{"slot", member.slot},
              {"pid", member.pid},
              {"label", printable(member.label)},
              {"alive", member.alive},
              {"acquired", member.acquired},
              {"waited", member.waited},
              {"overtaken", member.overtaken},
              {"longest_wait_ms", milliseconds(member.longest_wait)},
              {"view", member.view}};
}

Json waiters_json(const LockInfo& info) {
  Json waiters = Json::array();
  for (const LockWaiter& waiter : info.waiters) {
    waiters.push_back(Json{{"place", waiters.size() + 1},
                           {"ticket", waiter.ticket},
                           {"slot", waiter.slot},
                           {"pid", waiter.pid},
                           {"label", printable(waiter.label)},
                           {"waiting_ms", milliseconds(waiter.waiting_for)}});
  }
  return waiters;
}

Json history_json(std::span<const LockHandover> history) {
  Json told = Json::array();
  for (const LockHandover& one : history) {
    told.push_back(Json{{"slot", one.slot},
                        {"pid", one.pid},
                        {"label", printable(one.label)},
                        {"recovered", one.recovered},
                        {"waited_ms", milliseconds(one.waited)},
                        {"ago_ms", milliseconds(one.ago)}});
  }
  return told;
}

const char* name_of(LockInfo::Word word) {
  switch (word) {
    case LockInfo::Word::kHeld:
      return "held";
    case LockInfo::Word::kOffered:
      return "offered";
    case LockInfo::Word::kFree:
      break;
  }
  return "free";
}

}  // namespace

std::string queue_text(const LockInfo& info, std::size_t history) {
  const LockTotals& totals = info.totals;
  const std::vector<Row> rows = {
      {"lock", holder_text(info)},
      {"waiting", show_count(info.waiters.size())},
      {"acquired", show_count(totals.acquired) + ", " + show_count(totals.hand_overs) +
                       " handed over, " + show_count(totals.recoveries) + " from the dead"},
      {"passed over",
       show_count(totals.lapses) + ", " + show_count(totals.evictions) + " lost their place"}};
  std::string text = align(rows, 2, 0);
  if (!info.waiters.empty()) text += "\n" + waiters_text(info);
  if (!info.members.empty()) text += "\n" + members_text(info);
  const auto shown = last(info, history);
  if (!shown.empty()) text += "\n" + history_text(shown);
  return text;
}

Json queue_json(const LockInfo& info, std::size_t history) {
  Json members = Json::array();
  for (const LockMember& member : info.members) members.push_back(member_json(member));
  const LockTotals& totals = info.totals;
  return Json{{"lock", name_of(info.word)},
              {"inconsistent", info.inconsistent},
              {"holder", info.holder ? member_json(*info.holder) : Json()},
              {"held_ms", milliseconds(info.held_for)},
              {"waiters", waiters_json(info)},
              {"members", std::move(members)},
              {"history", history_json(last(info, history))},
              {"totals", Json{{"acquired", totals.acquired},
                              {"hand_overs", totals.hand_overs},
                              {"lapses", totals.lapses},
                              {"evictions", totals.evictions},
                              {"recoveries", totals.recoveries}}}};
}

}  // namespace tidelock::cli
