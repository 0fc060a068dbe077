#include "model/trace.h"

#include <iterator>
#include <random>

namespace tidelock::test {

namespace {

using Kind = Operation::Kind;

struct Weight {
  Kind kind;
  std::uint64_t of_thousand;
  const char* name;
};

constexpr Weight kWeights[] = {
    {Kind::kPut, 300, "put"},
    {Kind::kErase, 100, "erase"},
    {Kind::kBatch, 60, "batch"},
    {Kind::kPutIf, 40, "put_if"},
    {Kind::kGet, 180, "get"},
    {Kind::kGetPinned, 40, "get_pinned"},
    {Kind::kExists, 40, "exists"},
    {Kind::kNeighbours, 30, "min, max, above, below"},
    {Kind::kWalk, 88, "walk"},
    {Kind::kScan, 3, "scan"},
    {Kind::kDurableGet, 5, "sync and get what is durable"},
    {Kind::kTakeSnapshot, 6, "take a snapshot"},
    {Kind::kDropSnapshot, 4, "drop a snapshot"},
    {Kind::kGetOld, 40, "get through a snapshot"},
    {Kind::kWalkOld, 20, "walk through a snapshot"},
    {Kind::kFlush, 4, "flush"},
    {Kind::kCompact, 4, "compact"},
    {Kind::kRefresh, 8, "refresh"},
    {Kind::kUpkeep, 8, "upkeep"},
    {Kind::kCheck, 2, "check"},
    {Kind::kRefused, 14, "a call that is refused"},
    {Kind::kReopen, 4, "reopen"},
};

class Author {
 public:
  explicit Author(std::uint64_t seed) : random_(seed) {}

  Operation operation() {
    std::uint64_t left = random_() % 1'000;
    const Weight* weight = std::begin(kWeights);
    while (left >= weight->of_thousand) left -= (weight++)->of_thousand;
    Operation made = plain(weight->kind);
    made.slot = static_cast<std::uint8_t>(random_() % kSnapshots);
    made.draw = random_();
    made.other = random_() % 4 == 0 ? std::string() : key();
    if (made.kind == Kind::kBatch) {
      for (std::uint64_t parts = random_() % 24; parts > 0; --parts) {
        made.parts.push_back(plain(random_() % 3 == 0 ? Kind::kErase : Kind::kPut));
      }
    }
    return made;
  }

 private:
  Operation plain(Kind kind) {
    Operation made;
    made.kind = kind;
    made.key = key();
    if (kind == Kind::kPut || kind == Kind::kPutIf) made.value = value();
    return made;
  }
  // Some far more often than others; some of any bytes; some long, with a beginning in common.
  std::string key() {
    const std::uint64_t draw = random_();
    if (draw % 200 == 0) return {};
    std::string made = "k" + std::to_string(draw % (draw % 3 == 0 ? 50 : 1'500));
    if (draw % 11 == 0) made += std::string(draw % 60, static_cast<char>(draw / 11 % 256));
    if (draw % 97 == 0) made.insert(0, 300, 'p');
    return made;
  }
  std::string value() {
    const std::uint64_t draw = random_();
    std::uint64_t size = draw % 200;
    if (draw % 43 == 0) size = draw % 9'000;
    if (draw % 401 == 0) size = draw % 70'000;
    if (draw % 4'001 == 0) size = 1'500'000;  // more than the smallest memtable holds
    std::string made(size, static_cast<char>(draw / 7 % 256));
    for (std::size_t i = 0; i < size; i += 5) made[i] = static_cast<char>(draw >> i % 57);
    return made;
  }

  std::mt19937_64 random_;
};

}  // namespace

Trace make_trace(std::uint64_t seed, std::size_t length) {
  Author author(seed);
  Trace trace;
  while (trace.size() < length) trace.push_back(author.operation());
  return trace;
}

std::string shown(const Operation& operation) {
  const auto* weight = std::begin(kWeights);
  while (weight->kind != operation.kind) ++weight;
  return std::string(weight->name) + " '" + operation.key.substr(0, 40) + "', '" +
         operation.other.substr(0, 40) + "', slot " + std::to_string(operation.slot) + ", draw " +
         std::to_string(operation.draw) + ", " + std::to_string(operation.value.size()) +
         " bytes, " + std::to_string(operation.parts.size()) + " parts";
}

}  // namespace tidelock::test
