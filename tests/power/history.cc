#include "power/history.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "support/random.h"

namespace tidelock::test {

namespace {

constexpr std::uint64_t kKeys = 40;
constexpr const char* kLast = "last";

thread_local Journal* visited = nullptr;
thread_local std::uint64_t visited_write = 0;

struct Step {
  std::string key;
  bool erase;
};

// Small values, some of a few pages, and a few that are too large for one write call.
std::size_t size_of(Random& random) {
  const std::uint64_t kind = random() % 40;
  if (kind < 28) return 10 + random() % 500;
  if (kind < 39) return 2'000 + random() % 10'000;
  return 60'000 + random() % 50'000;
}

History::Verdict wrong(std::string problem) {
  return {std::nullopt, std::move(problem)};
}

std::vector<Step> steps_of(std::uint64_t seed, std::uint64_t write) {
  Random random(seed * 1'000'003 + write);
  std::vector<Step> steps(1 + random() % 4);
  for (Step& step : steps) {
    step = {"key" + std::to_string(10 + random() % kKeys), random() % 8 == 0};
  }
  steps.push_back({kLast, false});
  return steps;
}

}  // namespace

// Only what was used: most lives are short.
void Journal::clear() {
  for (std::uint64_t i = 0; i < writes.load(); ++i) {
    write[i].begun.store(0);
    write[i].position.store(0);
    write[i].order.store(0);
  }
  for (std::uint64_t i = 0; i < acknowledgements.load(); ++i) {
    acknowledgement[i].order.store(0);
    acknowledgement[i].time.store(0);
  }
  writes.store(0);
  commits.store(0);
  acknowledgements.store(0);
}

void History::begin(std::uint64_t first_write) {
  start_.clear();
  first_write_ = first_write;
  recording_.clear();
  journal_->clear();
}

std::string History::value_of(const Origin& origin) const {
  if (origin.slot == 0) return std::to_string(origin.write);
  Random random(seed_ + origin.write * 16 + origin.slot);
  std::string value(size_of(random), ' ');
  std::uint64_t word = random();
  for (std::size_t at = 0; at < value.size();
       at += sizeof word, word = word * 0x9e3779b97f4a7c15 + 1) {
    std::memcpy(value.data() + at, &word, std::min(sizeof word, value.size() - at));
  }
  return value;
}

std::uint64_t History::begin_write(Batch& batch) {
  const std::uint64_t index = journal_->writes.fetch_add(1);
  if (index >= Journal::kWritesMax) std::abort();
  const std::uint64_t write = first_write_ + index;
  batch.clear();
  std::uint32_t slot = 1;
  for (const Step& step : steps_of(seed_, write)) {
    if (step.erase) {
      batch.erase(step.key);
    } else {
      batch.put(step.key, value_of({write, step.key == kLast ? 0 : slot}));
    }
    ++slot;
  }
  journal_->write[index].begun.store(recording_.tick());
  visited = &*journal_;
  visited_write = index;
  return write;
}

void History::apply(Model& model, std::uint64_t write) const {
  std::uint32_t slot = 1;
  for (const Step& step : steps_of(seed_, write)) {
    if (step.erase) {
      model.erase(step.key);
    } else {
      model[step.key] = {write, step.key == kLast ? 0 : slot};
    }
    ++slot;
  }
}

void History::visit(const char* point) {
  if (visited == nullptr) return;
  const std::string_view name = point;
  Journal::Write& write = visited->write[visited_write];
  if (name == "commit.begun") write.position.store(visited->commits.load() + 1);
  if (name == "commit.published") write.order.store(visited->commits.fetch_add(1) + 1);
}

std::uint64_t History::order_of(std::uint64_t write) const {
  if (write < first_write_ || write >= next_write()) return 0;
  return journal_->write[write - first_write_].order.load();
}

void History::acknowledge(std::uint64_t order) {
  if (order == 0) return;
  const std::uint64_t time = recording_.tick();
  Journal::Acknowledgement& mine =
      journal_->acknowledgement[journal_->acknowledgements.fetch_add(1)];
  mine.time.store(time);
  mine.order.store(order);  // last: without it, if this process is killed here, nothing was said
}

void History::take_up(std::uint64_t write) {
  if (write < first_write_ || write >= next_write() || order_of(write) != 0) return;
  journal_->write[write - first_write_].order.store(journal_->commits.fetch_add(1) + 1);
}

History::Verdict History::judge(const std::map<std::string, std::string>& found, Cut cut) const {
  std::uint64_t required = 0;
  for (std::uint64_t i = 0; i < journal_->acknowledgements.load(); ++i) {
    const Journal::Acknowledgement& said = journal_->acknowledgement[i];
    if (said.time.load() < cut.from) required = std::max(required, said.order.load());
  }
  const auto last = found.find(kLast);
  const std::uint64_t write =
      last == found.end() ? 0 : std::strtoull(last->second.c_str(), nullptr, 10);
  const bool of_this_life = write >= first_write_ && write < next_write();

  // Writes up to this order, and perhaps the record of a dead writer behind them.
  std::uint64_t until = 0;
  bool never_committed = false;
  if (of_this_life) {
    const Journal::Write& newest = journal_->write[write - first_write_];
    if (newest.begun.load() == 0 || newest.begun.load() > cut.to) {
      return wrong("write " + std::to_string(write) + " had not begun");
    }
    never_committed = newest.order.load() == 0;
    until = never_committed ? newest.position.load() - 1 : newest.order.load();
  }
  const std::string prefix = "after write " + std::to_string(write) + ", commit " +
                             std::to_string(until) + " of " + std::to_string(commits()) +
                             (never_committed ? " and a dead record" : "") + ": ";
  if (until < required) {
    return wrong(prefix + "commit " + std::to_string(required) + " was acknowledged");
  }
  std::vector<std::uint64_t> writes(until);
  for (std::uint64_t i = 0; i < journal_->writes.load(); ++i) {
    const std::uint64_t order = journal_->write[i].order.load();
    if (order != 0 && order <= until) writes[order - 1] = first_write_ + i;
  }
  Model model = start_;
  for (const std::uint64_t each : writes) apply(model, each);
  if (never_committed) apply(model, write);

  auto entry = found.begin();
  for (const auto& [key, origin] : model) {
    if (entry == found.end() || entry->first != key) return wrong(prefix + key + " is missing");
    if (entry->second != value_of(origin)) {
      return wrong(prefix + key + " has another value than of write " +
                   std::to_string(origin.write));
    }
    ++entry;
  }
  if (entry != found.end()) return wrong(prefix + entry->first + " ought not to be there");
  return {std::move(model), {}, required, until + (never_committed ? 1 : 0)};
}

}  // namespace tidelock::test
