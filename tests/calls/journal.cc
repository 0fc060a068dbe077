#include "calls/journal.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace tidelock::test {

namespace {

using Fate = Journal::Fate;
using Entries = std::map<std::string, std::string>;

constexpr int kKeys = 5;
constexpr std::size_t kValueSize = 150;

std::string marker_of(int round) {
  return "m" + std::to_string(1000 + round);
}

std::string value_of(int round, std::size_t size) {
  std::string value = std::to_string(round) + ":";
  value.resize(size, static_cast<char>('a' + round % 26));
  return value;
}

struct Change {
  std::string key;
  std::optional<std::string> value;  // none: erased
};

std::vector<Change> changes_of(int round, const Journal& journal) {
  std::vector<Change> changes;
  changes.push_back({marker_of(round), "x"});
  changes.push_back({"k" + std::to_string(round % kKeys), value_of(round, kValueSize)});
  changes.push_back({"k" + std::to_string((round + 2) % kKeys), std::nullopt});
  changes.push_back({"last", std::to_string(round)});
  if (const std::size_t size = journal.fillers[round].load()) {
    changes.push_back({"filler", std::nullopt});
    if (size != kEraseFiller) changes.back().value = value_of(round, size);
  }
  return changes;
}

Entries expected_entries(const Journal& journal) {
  Entries entries;
  for (int round = 0; round < journal.begun.load(); ++round) {
    if (journal.fates[round].load() != Fate::kThere) continue;
    for (Change& change : changes_of(round, journal)) {
      if (change.value) {
        entries[change.key] = std::move(*change.value);
      } else {
        entries.erase(change.key);
      }
    }
  }
  return entries;
}

}  // namespace

void Journal::copy(const Journal& other) {
  for (int round = 0; round < other.begun.load(); ++round) {
    fates[round].store(other.fates[round].load());
    fillers[round].store(other.fillers[round].load());
  }
  begun.store(other.begun.load());
  phase.store(other.phase.load());
}

Status write_round(Db& db, Journal& journal, Durability durability, std::size_t filler) {
  const int round = journal.begun.load();
  if (round == Journal::kRoundsMax) return Status(StatusCode::kLimit, "the journal is full");
  journal.fillers[round].store(static_cast<std::uint32_t>(filler));
  Batch batch;
  for (const Change& change : changes_of(round, journal)) {
    if (change.value) {
      batch.put(change.key, *change.value);
    } else {
      batch.erase(change.key);
    }
  }
  journal.fates[round].store(Fate::kUnknown);
  journal.begun.store(round + 1);
  Status status = db.write(batch, {.durability = durability, .wait = {}});
  const bool there = status.ok() || status.code() == StatusCode::kNotDurable;
  journal.fates[round].store(there ? Fate::kThere : Fate::kNotThere);
  return status;
}

std::string compare(Db& db, Journal& journal, Status& status) {
  for (int round = 0; round < journal.begun.load(); ++round) {
    if (journal.fates[round].load() != Fate::kUnknown) continue;
    const Result<bool> there = db.exists(marker_of(round));
    status = there.status();
    if (!there) return {};
    journal.fates[round].store(*there ? Fate::kThere : Fate::kNotThere);
  }
  const Entries expected = expected_entries(journal);
  Result<Iterator> at = db.iterate({.range = {.lower = {}, .upper = kOutsideOfJournal}});
  status = at.status();
  if (!at) return {};
  auto next = expected.begin();
  for (at->seek_first(); at->valid(); at->next(), ++next) {
    if (next == expected.end()) return "foreign key " + std::string(at->key());
    if (at->key() != next->first) {
      return "key " + std::string(at->key()) + " where " + next->first + " should be";
    }
    if (at->value() != next->second) return "wrong value of " + next->first;
  }
  status = at->status();
  return status.ok() && next != expected.end() ? "lost key " + next->first : std::string();
}

}  // namespace tidelock::test
