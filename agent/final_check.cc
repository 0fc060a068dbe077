#include "agent/final_check.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/clock.h"
#include "agent/open_store.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kProblemsKept = 20;
constexpr std::size_t kBytesShown = 40;

void add_problem(FinalCheck& check, std::string problem) {
  if (check.problems.size() < kProblemsKept) check.problems.push_back(std::move(problem));
}

std::string quoted(std::string_view bytes) {
  std::string text = "\"" + std::string(bytes.substr(0, kBytesShown)) + "\"";
  if (bytes.size() > kBytesShown) text += "... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

std::string quoted(const std::optional<std::string>& value) {
  return value ? quoted(std::string_view(*value)) : "nothing";
}

// Reads ascending keys twice: by `get`, and by a cursor that is moved along, over all that the
// store has.
class TwofoldReader {
 public:
  TwofoldReader(View& view, Cursor& cursor, FinalCheck& check)
      : view_(view), cursor_(cursor), check_(check) {
    cursor_.seek_first();
    if (valid()) ++check_.scanned;
  }

  Result<std::optional<std::string>> read(std::string_view key) {
    std::optional<std::string> value(std::in_place);
    const Result<bool> found = view_.get(key, *value);
    if (!found) return found.error();
    if (!*found) value.reset();
    pass_strangers([&] { return cursor_.key() < key; });
    if (Status status = cursor_.status(); !status.ok()) return status;
    const bool scanned = valid() && cursor_.key() == key;
    const bool same = scanned == value.has_value() && (!scanned || cursor_.value() == *value);
    if (!same) {
      add_problem(check_, "get and scan differ on key " + quoted(key) + ": get finds " +
                              quoted(value) + ", scan finds " +
                              (scanned ? quoted(cursor_.value()) : "nothing"));
    }
    if (scanned) advance();
    return value;
  }
  [[nodiscard]] Status finish() {
    pass_strangers([] { return true; });
    return cursor_.status();
  }

 private:
  template <typename Passes>
  void pass_strangers(Passes passes) {
    for (; valid() && passes(); advance()) {
      if (check_.strangers++ == 0) check_.first_stranger = quoted(cursor_.key());
    }
  }
  void advance() {
    last_ = cursor_.key();
    cursor_.next();
    if (!valid()) return;
    ++check_.scanned;
    went_back_ = cursor_.key() <= last_;
    if (!went_back_) return;
    add_problem(check_, "a scan shows key " + quoted(cursor_.key()) + " behind " +
                            quoted(std::string_view(last_)));
  }
  // A scan that goes back may never end.
  [[nodiscard]] bool valid() const { return !went_back_ && cursor_.valid(); }

  View& view_;
  Cursor& cursor_;
  FinalCheck& check_;
  std::string last_;  // key
  bool went_back_ = false;
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
  if (!values) return values.error();
  check.values = *std::move(values);
  if (Status status = reader.finish(); !status.ok()) return status;
  if (run.made && check.strangers != 0) {
    add_problem(check, "of " + std::to_string(check.strangers) +
                           " keys that nobody wrote the first is " + check.first_stranger);
  }
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
  if (seen->exact && check.status.ok() && seen->entries != check.scanned) {
    add_problem(check, "the store counts " + std::to_string(seen->entries) +
                           " entries, a scan shows " + std::to_string(check.scanned));
  }
  return Status();
}

}  // namespace

FinalCheck check_database(const Run& run, const History& history) {
  FinalCheck check;
  StoreOptions options = store_options(run);
  options.views = true;
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
