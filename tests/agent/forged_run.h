#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/checker.h"
#include "agent/history/verification.h"
#include "agent/read_log.h"
#include "support/temporary_directory.h"

namespace tidelock::agent {

// A run that never happened: journals and read logs written by hand, and a map in place of a
// database. A writer is a reader, too.
class ForgedRun {
 public:
  static constexpr std::uint32_t kRun = 0xfeed;
  inline static const ValueShape kValues{.sizes = Sizes::fixed(40)};

  explicit ForgedRun(std::uint32_t writers, std::uint32_t key_count = 4)
      : keys_(KeySpace::generated(key_count)) {
    for (std::uint32_t i = 0; i < writers; ++i) {
      journals_.push_back(Journal::create(directory_.path()).value());
      logs_.push_back(ReadLog::create(directory_.path()).value());
    }
  }

  struct Interval {
    std::uint64_t begin_ns;
    std::uint64_t end_ns;  // unless in flight
  };
  // The result names the operation.
  OperationId put(std::uint32_t writer, std::uint32_t key, const Interval& when,
                  Outcome outcome = Outcome::kAcknowledged) {
    return batch(writer, {{key, OperationKind::kPut}}, when, outcome);
  }
  OperationId erase(std::uint32_t writer, std::uint32_t key, const Interval& when,
                    Outcome outcome = Outcome::kAcknowledged) {
    return batch(writer, {{key, OperationKind::kErase}}, when, outcome);
  }
  // Of the first operation; the others have the numbers that follow.
  OperationId batch(std::uint32_t writer, const std::vector<Step>& steps, const Interval& when,
                    Outcome outcome = Outcome::kAcknowledged) {
    const std::uint64_t counter = journals_[writer].begin(steps, when.begin_ns).value();
    if (outcome != Outcome::kInFlight) journals_[writer].end(counter, outcome, when.end_ns);
    return {.writer = writer, .counter = counter};
  }
  // The writer is known to be dead.
  void abandon(std::uint32_t writer, std::uint64_t now_ns) { journals_[writer].abandon(now_ns); }

  // What somebody found under a key; nullopt: nothing, or what was there before the run.
  struct Found {
    std::uint32_t key;
    std::optional<OperationId> put;
    bool before = false;
  };
  void read(std::uint32_t reader, const Found& found, const Interval& when) {
    look(reader, {found}, when, Reading::kNoSequence);
  }
  // At one point in the commit order; the times are those of the call that took the snapshot.
  void look(std::uint32_t reader, const std::vector<Found>& found, const Interval& when,
            std::uint64_t sequence) {
    const auto point = static_cast<std::uint32_t>(logs_[reader].size());
    for (const Found& each : found) {
      Finding finding{.kind = each.before ? Finding::Kind::kForeign : Finding::Kind::kNothing};
      if (each.put) {
        finding = {.kind = Finding::Kind::kOperation,
                   .stamp = {.run = kRun,
                             .writer = static_cast<std::uint16_t>(each.put->writer),
                             .counter = each.put->counter}};
      }
      EXPECT_TRUE(logs_[reader]
                      .add({.begin_ns = when.begin_ns,
                            .end_ns = when.end_ns,
                            .sequence = sequence,
                            .sight = Sight(finding),
                            .key = each.key,
                            .point = point})
                      .ok());
    }
  }
  [[nodiscard]] history::Verification verify() const {
    return history::verify(journals_, logs_, keys_.count());
  }

  [[nodiscard]] static std::string value_of(const OperationId& put, std::uint32_t key) {
    std::string value;
    write_value(
        {.run = kRun, .writer = static_cast<std::uint16_t>(put.writer), .counter = put.counter},
        key, kValues, value);
    return value;
  }
  // What the "database" holds when all is over.
  void holds(std::uint32_t key, const std::string& value) { final_[name(key)] = value; }
  void holds(std::uint32_t key, const OperationId& put) { holds(key, value_of(put, key)); }

  [[nodiscard]] Evidence evidence() const {
    return {.journals = journals_, .run = kRun, .values = &kValues};
  }
  [[nodiscard]] History history() const { return read_history(journals_, keys_.count()); }
  [[nodiscard]] CheckResult check() const {
    const auto read = [this](const KeyToRead& key) {
      const auto found = final_.find(std::string(key.name));
      return found == final_.end() ? std::optional<std::string>() : found->second;
    };
    return check_final_values(history(), keys_, keys_.in_byte_order(), evidence(), read).value();
  }
  [[nodiscard]] std::span<const Journal> journals() const { return journals_; }

 private:
  [[nodiscard]] std::string name(std::uint32_t key) const {
    std::string buffer;
    return std::string(keys_.at(key, buffer));
  }

  test::TemporaryDirectory directory_;
  KeySpace keys_;
  std::vector<Journal> journals_;
  std::vector<ReadLog> logs_;
  std::map<std::string, std::string> final_;
};

}  // namespace tidelock::agent
