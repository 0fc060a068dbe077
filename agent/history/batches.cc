#include "agent/history/batches.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace tidelock::agent::history {
namespace {

// What a point shows under a key, and a read that found it. A view may be read again and again.
struct Shown {
  std::uint32_t key;
  std::size_t write;
  std::size_t read;

  friend bool operator<(const Shown& left, const Shown& right) {
    return std::pair(left.key, left.write) < std::pair(right.key, right.write);
  }
  friend bool operator==(const Shown& left, const Shown& right) {
    return left.key == right.key && left.write == right.write;
  }
};

class Batches {
 public:
  Batches(const Recorded& recorded, Violations& violations)
      : recorded_(recorded), violations_(violations), erases_(recorded.key_count()) {
    for (std::uint32_t key = 0; key < recorded.key_count(); ++key) note_erases(key);
  }

  void check(std::size_t point) {
    std::vector<Shown> all;
    for (const std::size_t read : recorded_.reads_at(point)) {
      all.push_back({recorded_.reads()[read].key, recorded_.reads()[read].write, read});
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (const Shown& one : all) {
      if (one.write < kBefore) check_rest(one, all, recorded_.points()[point].end_ns);
    }
  }

 private:
  [[nodiscard]] const Write& write(std::size_t index) const { return recorded_.writes()[index]; }

  // By begin; of each and those before it, the latest end.
  void note_erases(std::uint32_t key) {
    auto& erases = erases_[key];
    for (const std::size_t index : recorded_.writes_of(key)) {
      const Write& each = write(index);
      if (each.refused || each.kind != OperationKind::kErase) continue;
      erases.emplace_back(each.begin_ns, each.end_ns);
    }
    std::sort(erases.begin(), erases.end());
    for (std::size_t i = 1; i < erases.size(); ++i) {
      erases[i].second = std::max(erases[i].second, erases[i - 1].second);
    }
  }
  [[nodiscard]] bool erased_between(std::uint32_t key, std::uint64_t from_ns,
                                    std::uint64_t to_ns) const {
    const auto& erases = erases_[key];
    const auto later = std::partition_point(erases.begin(), erases.end(),
                                            [&](const auto& each) { return each.first <= to_ns; });
    return later != erases.begin() && std::prev(later)->second >= from_ns;
  }
  [[nodiscard]] bool writes_key(std::size_t batch, std::uint32_t key) const {
    for (std::size_t i = batch; i < batch + write(batch).batch_size; ++i) {
      if (write(i).key == key) return true;
    }
    return false;
  }
  // Can `other` be found where `one` was, under another key of the same batch?
  [[nodiscard]] bool fits(const Shown& one, const Shown& other, std::uint64_t end_ns) const {
    const Write& found = write(one.write);
    if (other.write == kBefore) return false;
    if (other.write == kNothing) return erased_between(other.key, found.begin_ns, end_ns);
    const Write& beside = write(other.write);
    if (beside.batch == found.batch) return true;
    if (beside.end_ns < found.begin_ns) return false;
    // Each pair of batches once.
    return beside.batch < found.batch || !writes_key(beside.batch, one.key);
  }
  void check_rest(const Shown& one, const std::vector<Shown>& all, std::uint64_t end_ns) {
    const std::size_t batch = write(one.write).batch;
    for (std::size_t i = batch; i < batch + write(batch).batch_size; ++i) {
      const std::uint32_t key = write(i).key;
      if (key == one.key) continue;
      for (auto at = std::lower_bound(all.begin(), all.end(), Shown{key, 0, 0});
           at != all.end() && at->key == key; ++at) {
        if (!fits(one, *at, end_ns)) report(one, *at);
      }
    }
  }
  void report(const Shown& one, const Shown& other) {
    Violation violation{.kind = Violation::Kind::kHalfBatch,
                        .key = other.key,
                        .writes = {write(one.write).id},
                        .readings = {}};
    if (other.write < kBefore) violation.writes.push_back(write(other.write).id);
    for (const Shown* shown : {&one, &other}) {
      violation.readings.push_back(recorded_.reads()[shown->read].id);
    }
    violations_.add(std::move(violation));
  }

  const Recorded& recorded_;
  Violations& violations_;
  std::vector<std::vector<std::pair<std::uint64_t, std::uint64_t>>> erases_;  // by key
};

}  // namespace

void check_batches(const Recorded& recorded, Violations& violations) {
  Batches batches(recorded, violations);
  for (std::size_t point = 0; point < recorded.points().size(); ++point) batches.check(point);
}

}  // namespace tidelock::agent::history
