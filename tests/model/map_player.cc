#include "model/map_player.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "model/answer.h"

namespace tidelock::test {

namespace {

using Kind = Operation::Kind;
using Entries = std::map<std::string, std::string>;

// Iterator, by its contract, over the part of a map within bounds.
class MapCursor {
 public:
  MapCursor(const Entries& entries, const Bounds& bounds)
      : entries_(entries),
        begin_(entries.lower_bound(std::max(bounds.lower.value_or(""), bounds.prefix))),
        end_(std::find_if(begin_, entries.end(), [&bounds](const auto& entry) {
          return (bounds.upper && entry.first >= *bounds.upper) ||
                 !entry.first.starts_with(bounds.prefix);
        })) {}

  void seek_first() { stand(begin_); }
  void seek_last() { stand_before(end_); }
  void seek(const std::string& key) { stand(first_from(key)); }
  void seek_before(const std::string& key) { stand_before(first_from(key)); }
  void next() {
    if (valid()) return stand(std::next(at_));
    if (side_ != Side::kBehind) seek_first();
  }
  void prev() {
    if (valid()) return stand_before(at_);
    if (side_ != Side::kBefore) seek_last();
  }
  [[nodiscard]] bool valid() const { return side_ == Side::kOn; }
  [[nodiscard]] const std::string& key() const { return at_->first; }
  [[nodiscard]] const std::string& value() const { return at_->second; }

 private:
  enum class Side : std::uint8_t { kUnpositioned, kBefore, kOn, kBehind };

  void stand(Entries::const_iterator at) {
    at_ = at;
    side_ = at == end_ ? Side::kBehind : Side::kOn;
  }
  void stand_before(Entries::const_iterator at) {
    side_ = at == begin_ ? Side::kBefore : Side::kOn;
    if (valid()) at_ = std::prev(at);
  }
  [[nodiscard]] Entries::const_iterator first_from(const std::string& key) const {
    if (begin_ == end_ || key <= begin_->first) return begin_;
    return std::prev(end_)->first < key ? end_ : entries_.lower_bound(key);
  }

  const Entries& entries_;
  Entries::const_iterator begin_;
  Entries::const_iterator end_;
  Entries::const_iterator at_;
  Side side_ = Side::kUnpositioned;
};

std::optional<std::string> find(const Entries& entries, const std::string& key) {
  const auto found = entries.find(key);
  return found == entries.end() ? std::nullopt : std::optional(found->second);
}

void say_entry(const Entries& entries, Entries::const_iterator at, Answer& answer) {
  if (at == entries.end()) return answer.say("nothing");
  answer.say_entry(at->first, at->second);
}

void say_neighbours(const Entries& entries, const std::string& key, Answer& answer) {
  say_entry(entries, entries.begin(), answer);
  say_entry(entries, entries.empty() ? entries.end() : std::prev(entries.end()), answer);
  say_entry(entries, entries.upper_bound(key), answer);
  const auto behind = entries.lower_bound(key);
  say_entry(entries, behind == entries.begin() ? entries.end() : std::prev(behind), answer);
}

}  // namespace

void MapPlayer::change(const Operation& operation) {
  ++sequence_;
  if (operation.kind == Kind::kErase) {
    entries_.erase(operation.key);
  } else {
    entries_[operation.key] = operation.value;
  }
}

void MapPlayer::write(const Operation& operation, Answer& answer) {
  if (operation.kind == Kind::kPutIf) {
    const std::optional<std::string> now = find(entries_, operation.key);
    const bool fits = now == expected_of(operation, now);
    Operation desired = operation;
    desired.kind = erases(operation) ? Kind::kErase : Kind::kPut;
    if (fits) change(desired);
    return answer.say(fits ? "did" : "did not");
  }
  if (operation.kind != Kind::kBatch) change(operation);
  for (const Operation& part : operation.parts) change(part);
  answer.say(Status());
}

void MapPlayer::read(const Operation& operation, Answer& answer) const {
  MapCursor cursor(entries_, bounds_of(operation));
  switch (operation.kind) {
    case Kind::kExists:
      return answer.say(entries_.contains(operation.key) ? "there" : "not there");
    case Kind::kNeighbours:
      return say_neighbours(entries_, operation.key, answer);
    case Kind::kWalk:
      walk(cursor, operation, answer);
      return answer.say(Status());
    case Kind::kScan:
      scan(cursor, operation, answer);
      return answer.say(Status());
    default:
      return answer.say_value(find(entries_, operation.key));
  }
}

void MapPlayer::look_back(const Operation& operation, Answer& answer) {
  auto& old = snapshots_[operation.slot];
  if (operation.kind == Kind::kTakeSnapshot) {
    old = std::make_shared<const Entries>(entries_);
    return answer.say(std::to_string(sequence_));
  }
  if (old == nullptr) return;
  if (operation.kind == Kind::kDropSnapshot) return old.reset();
  if (operation.kind == Kind::kGetOld) return answer.say_value(find(*old, operation.key));
  MapCursor cursor(*old, bounds_of(operation));
  walk(cursor, operation, answer);
  answer.say(Status());
}

std::string MapPlayer::answer(const Operation& operation) {
  Answer answer;
  if (operation.kind <= kLastChange) {
    write(operation, answer);
  } else if (operation.kind <= kLastRead) {
    read(operation, answer);
  } else if (operation.kind <= kLastLookBack) {
    look_back(operation, answer);
  } else if (operation.kind == Kind::kCheck) {
    answer.say("sound at " + std::to_string(sequence_));
  } else if (operation.kind == Kind::kRefused) {
    answer.say(to_string(kRefusals[operation.draw % kRefusals.size()]));
  } else {
    answer.say(Status());
    if (operation.kind == Kind::kReopen) {
      snapshots_ = {};
      answer.say(std::to_string(sequence_));
    }
  }
  return answer.text();
}

}  // namespace tidelock::test
