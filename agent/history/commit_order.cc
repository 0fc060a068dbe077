#include "agent/history/commit_order.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tidelock::agent::history {
namespace {

using Kind = Violation::Kind;
constexpr std::size_t kNobody = SIZE_MAX;

// A bound on a sequence number, and the point that proves it.
struct Bound {
  std::uint64_t sequence = 0;
  std::size_t point = kNobody;
};

void raise(Bound& bound, const Bound& other) noexcept {
  if (other.sequence > bound.sequence) bound = other;
}
void lower(Bound& bound, const Bound& other) noexcept {
  if (other.sequence < bound.sequence) bound = other;
}

// Low is exclusive for a write, inclusive for a read; high is inclusive.
struct Place {
  Bound low{};
  Bound high{.sequence = UINT64_MAX, .point = kNobody};
};

// Of the erases of a key that may come this early, up to one: how late one may come.
struct Erase {
  std::uint64_t low = 0;
  std::uint64_t latest = 0;
};

// What the snapshots say of a moment.
class Clock {
 public:
  explicit Clock(std::span<const Point> points) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!points[i].is_snapshot()) continue;
      const Bound bound{.sequence = points[i].sequence, .point = i};
      by_end_.emplace_back(points[i].end_ns, bound);
      by_begin_.emplace_back(points[i].begin_ns, bound);
    }
    const auto earlier = [](const auto& left, const auto& right) {
      return left.first < right.first;
    };
    std::sort(by_end_.begin(), by_end_.end(), earlier);
    std::sort(by_begin_.begin(), by_begin_.end(), earlier);
    for (std::size_t i = 1; i < by_end_.size(); ++i) {
      raise(by_end_[i].second, by_end_[i - 1].second);
    }
    for (std::size_t i = by_begin_.size(); i-- > 1;) {
      lower(by_begin_[i - 1].second, by_begin_[i].second);
    }
  }

  // The highest one of those that had ended before...
  [[nodiscard]] Bound before(std::uint64_t ns) const {
    const auto behind = std::partition_point(by_end_.begin(), by_end_.end(),
                                             [&](const auto& each) { return each.first < ns; });
    return behind == by_end_.begin() ? Place{}.low : std::prev(behind)->second;
  }
  // ... and the lowest of those that began after.
  [[nodiscard]] Bound after(std::uint64_t ns) const {
    const auto behind = std::partition_point(by_begin_.begin(), by_begin_.end(),
                                             [&](const auto& each) { return each.first <= ns; });
    return behind == by_begin_.end() ? Place{}.high : behind->second;
  }

 private:
  std::vector<std::pair<std::uint64_t, Bound>> by_end_, by_begin_;
};

class CommitOrder {
 public:
  CommitOrder(const Recorded& recorded, Violations& violations)
      : recorded_(recorded),
        violations_(violations),
        clock_(recorded.points()),
        places_(recorded.writes().size()),
        points_(recorded.points().size()),
        found_(recorded.writes().size()) {}

  void check() {
    place_points();
    place_writes();
    for (std::uint32_t key = 0; key < recorded_.key_count(); ++key) follow_changes(key);
    check_places();
    for (std::uint32_t key = 0; key < recorded_.key_count(); ++key) check_reads(key);
  }

 private:
  [[nodiscard]] const Write& write(std::size_t index) const { return recorded_.writes()[index]; }
  [[nodiscard]] const Read& read(std::size_t index) const { return recorded_.reads()[index]; }
  // Of the batch that the write belongs to.
  [[nodiscard]] Place& place(std::size_t index) { return places_[write(index).batch]; }

  void place_points();
  void place_writes();
  void follow_changes(std::uint32_t key);
  void check_places();
  void check_reads(std::uint32_t key);
  void check_read(std::size_t index, std::size_t newest, const std::vector<Erase>& erases);
  [[nodiscard]] std::vector<Erase> erases_of(std::uint32_t key) const;
  // Does a read at the point find a put of the batch?
  [[nodiscard]] bool finds(std::size_t point, std::size_t batch) const;
  void report(Kind kind, std::uint32_t key, const std::vector<std::size_t>& writes,
              const std::vector<std::size_t>& reads, const std::vector<std::size_t>& points);

  const Recorded& recorded_;
  Violations& violations_;
  const Clock clock_;
  std::vector<Place> places_;  // of batches, by their first operation
  std::vector<Place> points_;  // of points
  std::vector<bool> found_;    // puts, by a snapshot that was looked at
};

void CommitOrder::place_points() {
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& point = recorded_.points()[i];
    const Bound before = clock_.before(point.begin_ns);
    if (!point.is_snapshot()) {
      points_[i] = {.low = before, .high = clock_.after(point.end_ns)};
      continue;
    }
    const Bound own{.sequence = point.sequence, .point = i};
    points_[i] = {.low = own, .high = own};
    if (before.sequence > point.sequence) {
      report(Kind::kBackwards, Violation::kNoKey, {}, {}, {before.point, i});
    }
  }
}

void CommitOrder::place_writes() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Write& each = write(i);
    if (each.batch != i || each.refused) continue;
    places_[i].low = clock_.before(each.begin_ns);
    places_[i].high = clock_.after(each.end_ns);
  }
  for (const Read& each : recorded_.reads()) {
    if (each.write < kBefore) lower(place(each.write).high, points_[each.point].high);
  }
}

// Goes through what snapshots found under the key, in their order.
void CommitOrder::follow_changes(std::uint32_t key) {
  std::vector<std::size_t> reads;
  for (const std::size_t index : recorded_.reads_of(key)) {
    if (recorded_.points()[read(index).point].is_snapshot()) reads.push_back(index);
  }
  const auto sequence = [&](std::size_t index) { return points_[read(index).point].low.sequence; };
  std::sort(reads.begin(), reads.end(), [&](std::size_t left, std::size_t right) {
    return std::pair(sequence(left), left) < std::pair(sequence(right), right);
  });
  bool all_before = true;  // so far they found what was there before the run
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const std::size_t now = read(reads[i]).write;
    const bool put = now < kBefore;
    if (i == 0 || now != read(reads[i - 1]).write) {
      const bool at_once = i != 0 && sequence(reads[i - 1]) == sequence(reads[i]);
      const bool again = put ? found_[now] : now == kBefore && !all_before;
      if (at_once || again) {
        report(Kind::kUnstable, key, {}, {reads[i == 0 ? 0 : i - 1], reads[i]}, {});
      } else if (put && i != 0) {
        raise(place(now).low, points_[read(reads[i - 1]).point].low);
      }
    }
    if (put) found_[now] = true;
    all_before = all_before && now == kBefore;
  }
}

void CommitOrder::check_places() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& own = places_[i];
    if (write(i).batch != i || !write(i).happened() || own.low.sequence < own.high.sequence) {
      continue;
    }
    const bool half = own.low.point != kNobody && finds(own.low.point, i);
    report(half ? Kind::kHalfBatch : Kind::kNoPlace, write(i).key, {i}, {},
           {own.low.point, own.high.point});
  }
}

std::vector<Erase> CommitOrder::erases_of(std::uint32_t key) const {
  std::vector<Erase> erases;
  for (const std::size_t index : recorded_.writes_of(key)) {
    const Write& each = write(index);
    if (each.kind != OperationKind::kErase || each.refused) continue;
    const Place& own = places_[each.batch];
    erases.push_back({.low = own.low.sequence, .latest = own.high.sequence});
  }
  std::sort(erases.begin(), erases.end(),
            [](const Erase& left, const Erase& right) { return left.low < right.low; });
  for (std::size_t i = 1; i < erases.size(); ++i) {
    erases[i].latest = std::max(erases[i].latest, erases[i - 1].latest);
  }
  return erases;
}

// Can one lie behind that, and not behind the read?
bool erased_between(const std::vector<Erase>& erases, const Bound& low, const Bound& high) {
  const auto behind = std::partition_point(
      erases.begin(), erases.end(), [&](const Erase& each) { return each.low < high.sequence; });
  return behind != erases.begin() && std::prev(behind)->latest > low.sequence;
}

void CommitOrder::check_reads(std::uint32_t key) {
  // The writes of the key, by the point at which each must be there; and of all up to one, the
  // one that is proven to be the newest.
  std::vector<std::pair<std::uint64_t, std::size_t>> there;
  for (const std::size_t index : recorded_.writes_of(key)) {
    if (!write(index).happened() || place(index).high.sequence == UINT64_MAX) continue;
    there.emplace_back(place(index).high.sequence, index);
  }
  std::sort(there.begin(), there.end());
  for (std::size_t i = 1; i < there.size(); ++i) {
    const std::size_t before = there[i - 1].second;
    if (place(before).low.sequence > place(there[i].second).low.sequence) {
      there[i].second = before;
    }
  }
  const std::vector<Erase> erases = erases_of(key);
  for (const std::size_t index : recorded_.reads_of(key)) {
    const std::uint64_t low = points_[read(index).point].low.sequence;
    const auto behind = std::partition_point(there.begin(), there.end(),
                                             [&](const auto& each) { return each.first <= low; });
    const std::size_t newest = behind == there.begin() ? kNobody : std::prev(behind)->second;
    check_read(index, newest, erases);
  }
}

// `newest`: proven to be the newest of those that must be there.
void CommitOrder::check_read(std::size_t index, std::size_t newest,
                             const std::vector<Erase>& erases) {
  const Read& each = read(index);
  const Place& own = points_[each.point];
  if (each.write < kBefore && place(each.write).low.sequence >= own.high.sequence) {
    const Place& found = place(each.write);
    report(Kind::kTooNew, each.key, {each.write}, {index}, {found.low.point, own.high.point});
    return;
  }
  if (newest == kNobody) return;
  const Bound& low = place(newest).low;
  const bool sound = each.write == kNothing
                         ? erased_between(erases, low, own.high)
                         : each.write != kBefore && place(each.write).high.sequence > low.sequence;
  if (sound) return;
  std::vector<std::size_t> writes{newest};
  if (each.write < kBefore) writes.push_back(each.write);
  const bool half = finds(each.point, write(newest).batch);
  report(half ? Kind::kHalfBatch : Kind::kStale, each.key, writes, {index},
         {low.point, place(newest).high.point, own.low.point});
}

bool CommitOrder::finds(std::size_t point, std::size_t batch) const {
  const std::span<const std::size_t> reads = recorded_.reads_at(point);
  return std::any_of(reads.begin(), reads.end(), [&](std::size_t index) {
    return read(index).write < kBefore && write(read(index).write).batch == batch;
  });
}

void CommitOrder::report(Kind kind, std::uint32_t key, const std::vector<std::size_t>& writes,
                         const std::vector<std::size_t>& reads,
                         const std::vector<std::size_t>& points) {
  Violation violation{.kind = kind, .key = key, .writes = {}, .readings = {}};
  for (const std::size_t index : writes) violation.writes.push_back(write(index).id);
  for (const std::size_t index : reads) violation.readings.push_back(read(index).id);
  for (const std::size_t index : points) {
    if (index != kNobody) violation.readings.push_back(recorded_.points()[index].first);
  }
  violations_.add(std::move(violation));
}

}  // namespace

void check_commit_order(const Recorded& recorded, Violations& violations) {
  CommitOrder(recorded, violations).check();
}

}  // namespace tidelock::agent::history
