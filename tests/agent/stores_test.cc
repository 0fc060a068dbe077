// The promises of agent/stores/store.h, of each store that this program was built with.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/stores/store.h"
#include "store_kinds.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"

namespace tidelock::agent {
namespace {

using test::ChildProcess;
using test::SharedValue;

using Entries = std::vector<std::pair<std::string, std::string>>;

void close_well(Store& store) {
  const Status status = store.close();
  EXPECT_TRUE(status.ok()) << status.to_string();
}

std::string numbered(const char* stem, int number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%04d", stem, number);
  return text;
}

// Of a cursor that stands at one end of its span, all that is within.
Entries walk(Cursor& cursor, const Span& span, bool forwards) {
  Entries entries;
  forwards ? cursor.seek_first() : cursor.seek_last();
  const auto within = [&] {
    return forwards ? !span.last || cursor.key() <= *span.last : cursor.key() >= span.first;
  };
  for (; cursor.valid() && within(); forwards ? cursor.next() : cursor.prev()) {
    entries.emplace_back(cursor.key(), cursor.value());
  }
  EXPECT_TRUE(cursor.status().ok()) << cursor.status().to_string();
  return entries;
}

class Stores : public ::testing::TestWithParam<const StoreKind*> {
 protected:
  StoreOptions options(bool create = false) const {
    return {.directory = directory_.file("db"), .create = create};
  }
  std::unique_ptr<Store> open(const StoreOptions& options) const {
    Result<std::unique_ptr<Store>> store = GetParam()->open(options);
    EXPECT_TRUE(store) << store.status().to_string();
    return store ? *std::move(store) : nullptr;
  }
  void open_new() {
    store_ = open(options(true));
    session_ = store_->session().value();
  }
  // For tests whose children are to open it: many a store forbids that what is open be forked.
  void create() { close_well(*open(options(true))); }
  // As it finds them itself; Tidelock counts those in tables.
  std::uint64_t count_entries() {
    EXPECT_TRUE(store_->flush().ok());
    const Result<Inspection> seen = store_->inspect();
    EXPECT_TRUE(seen) << seen.status().to_string();
    EXPECT_TRUE(!seen || seen->problems.empty());
    return seen ? seen->entries : 0;
  }
  void TearDown() override {
    session_.reset();
    if (store_) close_well(*store_);
  }

  static std::optional<std::string> get(Session& session, std::string_view key) {
    std::string value;
    const Result<bool> found = session.get(key, value);
    EXPECT_TRUE(found) << found.status().to_string();
    return found && *found ? std::optional(value) : std::nullopt;
  }
  static std::optional<std::string> get(View& view, std::string_view key) {
    std::string value;
    const Result<bool> found = view.get(key, value);
    EXPECT_TRUE(found) << found.status().to_string();
    return found && *found ? std::optional(value) : std::nullopt;
  }
  void write(const std::vector<Change>& changes, bool durable = false) {
    const Status status = session_->write(changes, durable);
    EXPECT_TRUE(status.ok()) << status.to_string();
  }

  test::TemporaryDirectory directory_{test::Where::kMemory};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Session> session_;
};

TEST_P(Stores, KeepWhatIsPutUntilItIsErased) {
  open_new();
  EXPECT_EQ(get(*session_, "key"), std::nullopt);
  EXPECT_FALSE(session_->exists("key").value());
  write({{"key", "one"}});
  EXPECT_EQ(get(*session_, "key"), "one");
  EXPECT_TRUE(session_->exists("key").value());
  write({{"key", "two"}});
  EXPECT_EQ(get(*session_, "key"), "two");
  write({{"key", std::nullopt}});
  EXPECT_EQ(get(*session_, "key"), std::nullopt);
  write({{"key", std::nullopt}});
}

TEST_P(Stores, TakeBytesOfAnyKind) {
  open_new();
  const std::string key("a\0b\xff", 4), value(5'000, '\0');
  write({{key, value}, {"empty", ""}});
  EXPECT_EQ(get(*session_, key), value);
  EXPECT_EQ(get(*session_, "empty"), "");
}

TEST_P(Stores, WriteABatchInItsOrder) {
  open_new();
  write({{"a", "1"}, {"b", "2"}});
  write({{"a", std::nullopt}, {"b", "3"}, {"c", "4"}, {"c", "5"}});
  EXPECT_EQ(get(*session_, "a"), std::nullopt);
  EXPECT_EQ(get(*session_, "b"), "3");
  EXPECT_EQ(get(*session_, "c"), "5");
}

TEST_P(Stores, KeepWhatWasWrittenWhenTheyAreClosed) {
  open_new();
  write({{"a", "1"}, {"b", "2"}});
  write({{"c", "3"}}, true);
  session_.reset();
  close_well(*store_);
  store_ = open(options());
  session_ = store_->session().value();
  EXPECT_EQ(get(*session_, "b"), "2");
  EXPECT_EQ(get(*session_, "c"), "3");
  EXPECT_EQ(count_entries(), 3u);
}

TEST_P(Stores, WalkASpanBothWays) {
  open_new();
  Entries all;
  for (int i = 0; i < 100; ++i) all.emplace_back(numbered("key", 2 * i), numbered("value", i));
  for (const auto& [key, value] : all) write({{key, value}});
  const Entries some(all.begin() + 10, all.begin() + 21);
  const Entries backwards(some.rbegin(), some.rend());
  // Its ends are keys, or lie between them.
  for (const Span& span : {Span{"key0020", "key0040"}, Span{"key0019", "key0041"}}) {
    const std::unique_ptr<Cursor> cursor = session_->cursor(span).value();
    EXPECT_EQ(walk(*cursor, span, true), some);
    EXPECT_EQ(walk(*cursor, span, false), backwards);
  }
  const std::unique_ptr<Cursor> whole = session_->cursor({}).value();
  EXPECT_EQ(walk(*whole, {}, true), all);
  EXPECT_EQ(walk(*whole, {}, false), Entries(all.rbegin(), all.rend()));
}

TEST_P(Stores, TurnAroundOnTheirWay) {
  open_new();
  write({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  const std::unique_ptr<Cursor> cursor = session_->cursor({}).value();
  cursor->seek_first();
  cursor->next();
  EXPECT_EQ(cursor->key(), "b");
  cursor->next();
  EXPECT_EQ(cursor->key(), "c");
  cursor->prev();
  EXPECT_EQ(cursor->key(), "b");
  cursor->next();
  EXPECT_EQ(cursor->value(), "3");
  cursor->next();
  EXPECT_FALSE(cursor->valid());
  EXPECT_TRUE(cursor->status().ok());
}

TEST_P(Stores, FindNothingInAnEmptySpan) {
  open_new();
  const std::unique_ptr<Cursor> empty = session_->cursor({}).value();
  EXPECT_EQ(walk(*empty, {}, true), Entries());
  EXPECT_EQ(walk(*empty, {}, false), Entries());
  write({{"a", "1"}, {"z", "2"}});
  const Span span{"c", "d"}, beyond{"zz", std::nullopt};
  const std::unique_ptr<Cursor> between = session_->cursor(span).value();
  EXPECT_EQ(walk(*between, span, true), Entries());
  EXPECT_EQ(walk(*between, span, false), Entries());
  EXPECT_EQ(walk(*session_->cursor(beyond).value(), beyond, true), Entries());
}

TEST_P(Stores, ShowOnePointInAViewWhileOthersWrite) {
  open_new();
  write({{"a", "1"}, {"b", "1"}});
  std::unique_ptr<View> view = session_->view().value();
  const std::unique_ptr<Session> other = store_->session().value();
  for (int i = 0; i < 200; ++i) {
    const std::string value = numbered("value", i), more = numbered("more", i);
    const std::vector<Change> changes{{"a", value}, {more, value}, {"b", std::nullopt}};
    ASSERT_TRUE(other->write(changes, false).ok());
  }
  EXPECT_EQ(get(*view, "a"), "1");
  EXPECT_EQ(get(*view, "more0007"), std::nullopt);
  std::unique_ptr<Cursor> cursor = view->cursor({}).value();
  const Entries before{{"a", "1"}, {"b", "1"}};
  EXPECT_EQ(walk(*cursor, {}, true), before);
  view.reset();  // the cursor stays
  EXPECT_EQ(walk(*cursor, {}, false), Entries(before.rbegin(), before.rend()));
  cursor.reset();
  EXPECT_EQ(get(*session_, "a"), "value0199");
  EXPECT_EQ(get(*session_->view().value(), "b"), std::nullopt);
}

TEST_P(Stores, ShowAViewTheWritesThatReturnedBeforeIt) {
  open_new();
  for (int i = 0; i < 50; ++i) {
    const std::string value = numbered("value", i);
    write({{"a", value}});
    EXPECT_EQ(get(*session_->view().value(), "a"), value);
    const std::unique_ptr<Cursor> cursor = session_->cursor({}).value();
    EXPECT_EQ(walk(*cursor, {}, true), Entries({{"a", value}}));
  }
}

TEST_P(Stores, SyncWhatIsWantedDurably) {
  StoreOptions wanted = options(true);
  wanted.durability = Durability::kDurable;
  store_ = open(wanted);
  session_ = store_->session().value();
  write({{"a", "1"}});
  write({{"b", "2"}}, true);
  EXPECT_EQ(get(*session_, "b"), "2");
}

TEST_P(Stores, SayThatThereIsNone) {
  EXPECT_EQ(GetParam()->open(options()).status().code(), StatusCode::kNotFound);
  std::filesystem::create_directory(directory_.file("db"));
  EXPECT_EQ(GetParam()->open(options()).status().code(), StatusCode::kNotFound);
}

TEST_P(Stores, LeaveTheFilesOfOthersAlone) {
  std::filesystem::create_directory(directory_.file("db"));
  std::ofstream(directory_.file("db/STORE")) << "another\n";
  const Status status = GetParam()->open(options(true)).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find(directory_.file("db")), std::string::npos) << status.message();
  EXPECT_NE(status.message().find(GetParam()->name), std::string::npos) << status.message();
  EXPECT_TRUE(status.message().ends_with("of another kind: another")) << status.message();
  if (is_tidelock(*GetParam())) return;
  std::filesystem::remove(directory_.file("db/STORE"));
  std::ofstream(directory_.file("db/mine")) << "mine\n";
  EXPECT_EQ(GetParam()->open(options(true)).status().code(), StatusCode::kUnsupported);
  std::filesystem::remove(directory_.file("db/mine"));
  close_well(*store_kinds().front().open(options(true)).value());
  const Status ours = GetParam()->open(options(true)).status();
  EXPECT_EQ(ours.code(), StatusCode::kUnsupported);
  EXPECT_TRUE(ours.message().ends_with("of another kind: tidelock")) << ours.message();
}

// Writes as fast as it can, hundreds of keys at once, until it is told to stop, or so many times.
int crowd(const StoreKind& kind, const StoreOptions& options, const std::atomic<bool>& stop,
          std::atomic<bool>& begun, int times = INT_MAX) {
  const Result<std::unique_ptr<Store>> store = kind.open(options);
  if (!store) return 2;
  const std::unique_ptr<Session> session = (*store)->session().value();
  std::vector<std::string> keys;
  std::vector<Change> changes;
  for (int i = 0; i < 500; ++i) keys.push_back(numbered("key", i));
  for (const std::string& key : keys) changes.push_back({key, key});
  for (; !stop && times > 0; --times) {
    const Status status = session->write(changes, false);
    if (!status.ok() && status.code() != StatusCode::kBusy) return 3;
    begun = true;
  }
  return 0;
}

TEST_P(Stores, SayThatTheyAreBusyAndHaveChangedNothing) {
  if (!GetParam()->fails_fast) return;
  create();
  const SharedValue<std::atomic<bool>> stop, begun;
  ChildProcess other([&] {
    test::die_with(::getppid());
    return crowd(*GetParam(), options(), *stop, *begun);
  });
  store_ = open(options());
  session_ = store_->session().value();
  ASSERT_TRUE(test::comes_true([&] { return begun->load(); }));
  std::string key;
  int attempts = 0;
  const auto refused = [&] {
    key = numbered("key0250-", attempts++ % 10'000);
    return session_->write(std::vector<Change>{{key, "mine"}}, false).code() == StatusCode::kBusy;
  };
  EXPECT_TRUE(test::comes_true(refused));
  EXPECT_FALSE(session_->exists(key).value());
  *stop = true;
  EXPECT_TRUE(test::exited_with(other.wait(), 0));
}

TEST_P(Stores, WaitForOthersWhenTheyAreToldTo) {
  if (!GetParam()->many_processes) return;
  create();
  const SharedValue<std::atomic<bool>> stop, begun;  // not for ever: SQLite serves nobody in turn
  StoreOptions waiting = options();
  waiting.wait = Wait::Policy::kQueue;
  ChildProcess other([&] {
    test::die_with(::getppid());
    return crowd(*GetParam(), waiting, *stop, *begun, 50);
  });
  store_ = open(waiting);
  session_ = store_->session().value();
  ASSERT_TRUE(test::comes_true([&] { return begun->load(); }));
  for (int i = 0; i < 20; ++i) write({{numbered("key0250-", i), "mine"}});
  EXPECT_TRUE(test::exited_with(other.wait(), 0));
}

// Of its own, in threes.
int write_own(const StoreKind& kind, const StoreOptions& options, int writer) {
  const Result<std::unique_ptr<Store>> store = kind.open(options);
  if (!store) return 2;
  std::unique_ptr<Session> session = (*store)->session().value();
  for (int i = 0; i < 200; ++i) {
    const std::string key = numbered(writer == 0 ? "left" : "right", i);
    const std::string first = key + "a", second = key + "b", third = key + "c";
    const std::vector<Change> changes{{first, key}, {second, key}, {third, key}};
    if (!session->write(changes, false).ok()) return 3;
  }
  session.reset();
  return (*store)->close().ok() ? 0 : 4;
}

TEST_P(Stores, AreWrittenByTwoProcessesAtOnce) {
  if (!GetParam()->many_processes) return;
  create();
  StoreOptions waiting = options();
  waiting.wait = Wait::Policy::kQueue;
  const auto writer = [&](int number) {
    return [this, &waiting, number] { return write_own(*GetParam(), waiting, number); };
  };
  ChildProcess left(writer(0)), right(writer(1));
  EXPECT_TRUE(test::exited_with(left.wait(), 0));
  EXPECT_TRUE(test::exited_with(right.wait(), 0));
  store_ = open(options());
  session_ = store_->session().value();
  EXPECT_EQ(get(*session_, "left0199c"), "left0199");
  EXPECT_EQ(count_entries(), 1'200u);
}

INSTANTIATE_TEST_SUITE_P(All, Stores, test::all_stores(), test::store_name);

TEST(StoreKinds, BeginWithTidelock) {
  EXPECT_STREQ(store_kinds().front().name, "tidelock");
  for (const char* name : {"lmdb", "sqlite", "leveldb", "rocksdb", "berkeleydb"}) {
    const auto kinds = store_kinds();
    const bool there = std::any_of(kinds.begin(), kinds.end(), [&](const StoreKind& kind) {
      return std::string_view(kind.name) == name;
    });
    if (!there) std::printf("not tried: %s, which was not found when this was built\n", name);
  }
}

}  // namespace
}  // namespace tidelock::agent
