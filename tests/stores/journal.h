#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tidelock/db.h"

// What was written to a database, and what it may hold after its writer's death.
namespace tidelock::test {

using Model = std::map<std::string, std::string>;

enum class Deed : std::uint8_t { kPut, kOverwrite, kErase, kBatch, kBig };

// Kept where the death of a writer does not reach. Each write has a number, and is what its deed
// and number say.
struct Journal {
  static constexpr int kWritesMax = 64;
  std::atomic<int> begun{0};
  std::atomic<int> acknowledged{0};
  // By an earlier dead writer, who could not make it visible. The next write does, and a rebuild.
  std::atomic<int> committed{0};
  Deed deeds[kWritesMax] = {};
};

// A batch of what the deed puts, and erases (nullopt).
inline std::vector<std::pair<std::string, std::optional<std::string>>> operations(Deed deed,
                                                                                  int number) {
  const std::string id = std::to_string(number);
  switch (deed) {
    case Deed::kPut:
      return {{"key " + id, "value " + id}};
    case Deed::kOverwrite:
      return {{"key", "value " + id}};
    case Deed::kErase:
      return {{"key", std::nullopt}};
    case Deed::kBatch:
      return {{"one " + id, "1"},
              {"key", "in batch " + id},
              {"another " + id, "2"},
              {"one 0", std::nullopt},
              {"last", id}};
    case Deed::kBig:
      return {{"big " + std::to_string(number % 2), std::string(300'000, char('a' + number % 26))}};
  }
  return {};
}

inline Batch batch_of(Deed deed, int number) {
  Batch batch;
  for (const auto& [key, value] : operations(deed, number)) {
    value ? batch.put(key, *value) : batch.erase(key);
  }
  return batch;
}

inline void apply(Deed deed, int number, Model& model) {
  for (const auto& [key, value] : operations(deed, number)) {
    if (value) {
      model[key] = *value;
    } else {
      model.erase(key);
    }
  }
}

// Writes, and notes it. What is committed but not known to be on disk survives a process all the
// same.
inline Status write(Db& db, Journal& journal, Deed deed,
                    Durability durability = Durability::kProcess) {
  const int number = journal.begun.load();
  journal.deeds[number] = deed;
  journal.begun.store(number + 1);
  Status status = db.write(batch_of(deed, number), {.durability = durability, .wait = {}});
  if (status.ok() || status.code() == StatusCode::kNotDurable) {
    journal.acknowledged.store(number + 1);
  }
  return status;
}

// All that was acknowledged, and then what was begun as well.
inline std::vector<Model> possible(const Journal& journal) {
  std::vector<Model> models;
  Model model;
  const int acknowledged = journal.acknowledged.load();
  for (int number = 0; number <= journal.begun.load(); ++number) {
    if (number >= acknowledged) models.push_back(model);
    if (number < journal.begun.load()) apply(journal.deeds[number], number, model);
  }
  return models;
}

}  // namespace tidelock::test
