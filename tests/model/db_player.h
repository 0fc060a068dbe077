#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "model/answer.h"
#include "model/trace.h"
#include "tidelock/db.h"

namespace tidelock::test {

// Answers operations by a database that it has open. The words are those of MapPlayer.
class DbPlayer {
 public:
  explicit DbPlayer(const Options& options) : options_(options) {}

  [[nodiscard]] Status open(const std::string& path);
  [[nodiscard]] Status close();

  [[nodiscard]] Answer answer(const Operation& operation);
  // What every other process does at that moment: takes or drops its own snapshots.
  void follow(const Operation& operation);

  // What the database had met when it was last closed here.
  [[nodiscard]] const Stats& seen() const { return seen_; }
  // How often it was told to come again, since the last call: no answer, nor part of one.
  [[nodiscard]] std::uint64_t take_repeats() { return std::exchange(repeats_, 0); }

 private:
  template <typename Call>
  auto insist(const Call& call);
  Status sync();
  [[nodiscard]] bool is_not_waited_for(const Status& status) const;
  [[nodiscard]] Status settled(const Status& written);
  void write(const Operation& operation, Answer& answer);
  void read(const Operation& operation, Answer& answer);
  void look_back(const Operation& operation, Answer& answer);
  void keep_house(const Operation& operation, Answer& answer);
  void say_neighbours(const std::string& key, Answer& answer);
  void say_get(const std::string& key, const ReadOptions& read, Answer& answer);
  void say_walk(const Operation& operation, const ReadOptions& read, Answer& answer);
  void say_check(Answer& answer);
  [[nodiscard]] Status refused(const Operation& operation);

  Options options_;
  std::string path_;
  std::optional<Db> db_;
  std::array<std::optional<Snapshot>, kSnapshots> snapshots_;
  Stats seen_;
  std::uint64_t repeats_ = 0;
};

}  // namespace tidelock::test
