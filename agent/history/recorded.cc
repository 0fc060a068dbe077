#include "agent/history/recorded.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/late_effects.h"

namespace tidelock::agent::history {

// What the files tell, one after the other.
struct Recorded::Gathered {
  std::vector<Write> writes;
  std::vector<std::size_t> bases{0};  // where the writes of each journal begin
  std::vector<Point> points;
  std::vector<Read> reads;

  void add(const Journal& journal, std::uint32_t writer, const LateEffects& late_effects);
  void add(const ReadLog& log, std::uint32_t number, Violations& violations);

 private:
  [[nodiscard]] std::optional<std::size_t> find(const Reading& reading) const;
  void mark_seen(std::size_t write);
  void put_behind(Point& point, const Write& found) const;
};

void Recorded::Gathered::add(const Journal& journal, std::uint32_t writer,
                             const LateEffects& late_effects) {
  const std::size_t base = writes.size();
  const std::uint64_t size = journal.size();
  for (std::uint64_t counter = 0; counter < size; ++counter) {
    const Operation operation = late_effects.bounded(*journal.find(counter));
    writes.push_back({.begin_ns = operation.begin_ns,
                      .end_ns = operation.latest_effect_ns(),
                      .batch = base + operation.batch,
                      .batch_size = operation.batch_size,
                      .key = operation.key,
                      .kind = operation.kind,
                      .answered = operation.outcome == Outcome::kAcknowledged ||
                                  operation.outcome == Outcome::kRefused,
                      .refused = operation.outcome == Outcome::kRefused,
                      .seen = false,
                      .id = {.writer = writer, .counter = counter}});
  }
  bases.push_back(writes.size());
}

// The write whose value was found; nullopt if that cannot have been there.
std::optional<std::size_t> Recorded::Gathered::find(const Reading& reading) const {
  if (!reading.sight.is_put()) return reading.sight.is_nothing() ? kNothing : kBefore;
  const std::uint32_t writer = reading.sight.writer();
  if (writer + 1 >= bases.size()) return std::nullopt;
  const std::size_t index = bases[writer] + reading.sight.counter();
  if (index >= bases[writer + 1]) return std::nullopt;
  const Write& write = writes[index];
  const bool sound =
      !write.refused && write.key == reading.key && write.kind == OperationKind::kPut;
  return sound ? std::optional(index) : std::nullopt;
}

void Recorded::Gathered::mark_seen(std::size_t write) {
  if (writes[write].seen) return;
  const std::size_t batch = writes[write].batch;
  for (std::size_t i = batch; i < batch + writes[write].batch_size; ++i) writes[i].seen = true;
}

// A point lies behind each write that is found there, and so do the other reads at it. (What is
// found before it begins is a violation of its own.)
void Recorded::Gathered::put_behind(Point& point, const Write& found) const {
  point.begin_ns = std::max(point.begin_ns, std::min(found.begin_ns, point.end_ns));
}

void Recorded::Gathered::add(const ReadLog& log, std::uint32_t number, Violations& violations) {
  const std::uint64_t size = log.size();
  std::vector<std::uint32_t> point_by_first(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    const Reading& reading = log[i];
    const ReadingId id{.log = number, .index = i};
    if (reading.point == i) {
      point_by_first[i] = static_cast<std::uint32_t>(points.size());
      points.push_back({.begin_ns = reading.begin_ns,
                        .end_ns = reading.end_ns,
                        .sequence = reading.sequence,
                        .first = id});
    }
    const std::optional<std::size_t> write = find(reading);
    if (!write) {
      violations.add({.kind = Violation::Kind::kRefusedSeen,
                      .key = reading.key,
                      .writes = {{reading.sight.writer(), reading.sight.counter()}},
                      .readings = {id}});
      continue;
    }
    if (*write < kBefore) {
      mark_seen(*write);
      put_behind(points[point_by_first[reading.point]], writes[*write]);
    }
    reads.push_back(
        {.write = *write, .key = reading.key, .point = point_by_first[reading.point], .id = id});
  }
}

Recorded::Recorded(std::span<const Journal> journals, std::span<const ReadLog> logs,
                   std::uint32_t key_count, Violations& violations)
    : Recorded(
          [&] {
            Gathered gathered;
            const LateEffects late_effects(journals);
            std::uint32_t number = 0;
            for (const Journal& journal : journals) gathered.add(journal, number++, late_effects);
            number = 0;
            for (const ReadLog& log : logs) gathered.add(log, number++, violations);
            return gathered;
          }(),
          key_count) {}

Recorded::Recorded(Gathered gathered, std::uint32_t key_count)
    : key_count_(key_count),
      writes_(std::move(gathered.writes)),
      points_(std::move(gathered.points)),
      reads_(std::move(gathered.reads)),
      writes_of_key_(writes_, key_count, [](const Write& write) { return write.key; }),
      reads_of_key_(reads_, key_count, [](const Read& read) { return read.key; }),
      reads_of_point_(reads_, points_.size(), [](const Read& read) { return read.point; }) {}

}  // namespace tidelock::agent::history
