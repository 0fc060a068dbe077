#include "agent/final_check.h"

#include <algorithm>
#include <iterator>

#include "agent/clock.h"
#include "agent/open_store.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kProblemsKept = 20;

// Reads ascending keys twice: by `get`, and by a cursor that is moved along.
class TwofoldReader {
 public:
  TwofoldReader(View& view, Cursor& cursor, FinalCheck& check)
      : view_(view), cursor_(cursor), check_(check) {
    cursor_.seek_first();
  }

  Result<std::optional<std::string>> read(std::string_view key) {
    std::optional<std::string> value(std::in_place);
    const Result<bool> found = view_.get(key, *value);
    if (!found) return found.error();
    if (!*found) value.reset();
    pass_strangers([&] { return cursor_.key() < key; });
    if (Status status = cursor_.status(); !status.ok()) return status;
    const bool scanned = cursor_.valid() && cursor_.key() == key;
    const bool same = scanned == value.has_value() && (!scanned || cursor_.value() == *value);
    if (!same && check_.problems.size() < kProblemsKept) {
      check_.problems.push_back("get and scan differ on key \"" + std::string(key) +
                                "\": get finds " + value.value_or("nothing") + ", scan finds " +
                                (scanned ? std::string(cursor_.value()) : "nothing"));
    }
    if (scanned) cursor_.next();
    return value;
  }
  void finish() {
    pass_strangers([] { return true; });
  }

 private:
  template <typename Passes>
  void pass_strangers(Passes passes) {
    for (; cursor_.valid() && passes(); cursor_.next()) ++check_.strangers;
  }

  View& view_;
  Cursor& cursor_;
  FinalCheck& check_;
};

// Those that there were from the beginning and those that may have been inserted, in byte order.
std::vector<std::uint32_t> keys_that_exist(const Run& run) {
  std::vector<std::uint32_t> keys;
  std::copy_if(run.key_order.begin(), run.key_order.end(), std::back_inserter(keys),
               [count = run.state.population().claimed()](auto key) { return key < count; });
  return keys;
}

Status compare_values(const Run& run, Session& session, const History& history, FinalCheck& check) {
  const std::uint64_t begin = now_ns();
  const Result<std::unique_ptr<View>> view = session.view();
  const std::uint64_t end = now_ns();
  if (!view) return view.error();
  const Result<std::unique_ptr<Cursor>> cursor = (*view)->cursor({});
  if (!cursor) return cursor.error();
  TwofoldReader reader(**view, **cursor, check);
  const auto read = [&](const KeyToRead& key) -> Result<std::optional<std::string>> {
    Result<std::optional<std::string>> value = reader.read(key.name);
    if (!value || run.reads.empty()) return value;
    const Finding finding = interpret(key.index, *value, run.evidence());
    if (finding.kind == Finding::Kind::kImpossible) return value;
    Status status = run.reads[run.preloader()].add(
        {.begin_ns = begin,
         .end_ns = end,
         .sequence = (*view)->sequence().value_or(Reading::kNoSequence),
         .sight = Sight(finding),
         .key = key.index,
         .point = 0});
    if (!status.ok()) return status;
    return value;
  };
  Result<CheckResult> values =
      check_final_values(history, run.keys, keys_that_exist(run), run.evidence(), read);
  reader.finish();
  if (!values) return values.error();
  check.values = *std::move(values);
  return Status();
}

Status check_content(const Run& run, Store& store, const History& history, FinalCheck& check) {
  const Result<std::unique_ptr<Session>> session = store.session();
  if (!session) return session.error();
  return compare_values(run, **session, history, check);
}

Status check_structure(Store& store, FinalCheck& check) {
  const Result<Inspection> seen = store.inspect();
  if (!seen) return seen.error();
  check.entries = seen->entries;
  check.problems.insert(check.problems.end(), seen->problems.begin(), seen->problems.end());
  check.redos = seen->redos;
  return Status();
}

}  // namespace

FinalCheck check_database(const Run& run, const History& history) {
  FinalCheck check;
  StoreOptions options = store_options(run.settings);
  options.background = false;
  const Result<std::unique_ptr<Store>> store = run.settings.store->open(options);
  if (!store) {
    check.status = store.error();
    return check;
  }
  check.status = check_content(run, **store, history, check);
  if (Status status = check_structure(**store, check); check.status.ok()) check.status = status;
  if (Status status = (*store)->close(); check.status.ok()) check.status = status;
  return check;
}

}  // namespace tidelock::agent
