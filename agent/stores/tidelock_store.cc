#include "agent/stores/tidelock_store.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/stores/adapter.h"
#include "tidelock/batch.h"
#include "tidelock/db.h"
#include "tidelock/version.h"

namespace tidelock::agent {
namespace {

class TidelockCursor final : public Cursor {
 public:
  explicit TidelockCursor(Iterator iterator) : iterator_(std::move(iterator)) {}
  void seek_first() override { iterator_.seek_first(); }
  void seek_last() override { iterator_.seek_last(); }
  void next() override { iterator_.next(); }
  void prev() override { iterator_.prev(); }
  [[nodiscard]] bool valid() const override { return iterator_.valid(); }
  [[nodiscard]] std::string_view key() const override { return iterator_.key(); }
  [[nodiscard]] std::string_view value() const override { return iterator_.value(); }
  [[nodiscard]] Status status() const override { return iterator_.status(); }

 private:
  Iterator iterator_;
};

Result<std::unique_ptr<Cursor>> open_cursor(Db& db, const Span& span, const Snapshot* snapshot) {
  IterateOptions options;
  options.range.lower = span.first;
  if (span.last) options.range.upper = std::string(*span.last) + '\0';  // it is within
  options.read.snapshot = snapshot;
  Result<Iterator> iterator = db.iterate(options);
  if (!iterator) return iterator.error();
  return std::unique_ptr<Cursor>(std::make_unique<TidelockCursor>(*std::move(iterator)));
}

class TidelockView final : public View {
 public:
  TidelockView(Db& db, Snapshot snapshot) : db_(db), snapshot_(std::move(snapshot)) {}
  Result<bool> get(std::string_view key, std::string& value) override {
    Result<std::optional<std::string>> found = db_.get(key, {.snapshot = &snapshot_});
    if (!found) return found.error();
    if (*found) value = **std::move(found);
    return found->has_value();
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    return open_cursor(db_, span, &snapshot_);
  }
  [[nodiscard]] std::optional<std::uint64_t> sequence() const override {
    return snapshot_.sequence();
  }

 private:
  Db& db_;
  Snapshot snapshot_;
};

class TidelockSession final : public Session {
 public:
  TidelockSession(Db& db, const Wait& wait) : db_(db) { write_options_.wait = wait; }

  Result<bool> get(std::string_view key, std::string& value) override {
    const Result<std::optional<PinnedValue>> found = db_.get_pinned(key);
    if (!found) return found.error();
    if (*found) value.assign((*found)->view());
    return found->has_value();
  }
  Result<bool> exists(std::string_view key) override { return db_.exists(key); }
  Status write(std::span<const Change> changes, bool durable) override {
    write_options_.durability = durable ? std::optional(Durability::kDurable) : std::nullopt;
    if (changes.size() == 1) {
      const Change& change = changes.front();
      return change.value ? db_.put(change.key, *change.value, write_options_)
                          : db_.erase(change.key, write_options_);
    }
    batch_.clear();
    for (const Change& change : changes) {
      if (change.value) {
        batch_.put(change.key, *change.value);
      } else {
        batch_.erase(change.key);
      }
    }
    return db_.write(batch_, write_options_);
  }
  Result<std::unique_ptr<View>> view() override {
    Result<Snapshot> snapshot = db_.snapshot();
    if (!snapshot) return snapshot.error();
    return std::unique_ptr<View>(std::make_unique<TidelockView>(db_, *std::move(snapshot)));
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    return open_cursor(db_, span, nullptr);
  }

 private:
  Db& db_;
  WriteOptions write_options_;
  Batch batch_;
};

class TidelockStore final : public Store {
 public:
  TidelockStore(Db db, const Wait& wait) : db_(std::move(db)), wait_(wait) {}

  Result<std::unique_ptr<Session>> session() override {
    return std::unique_ptr<Session>(std::make_unique<TidelockSession>(db_, wait_));
  }
  Status flush() override { return db_.flush(); }
  Status compact() override { return db_.compact(); }
  Result<Inspection> inspect() override {
    Result<CheckReport> report = db_.check();
    if (!report) return report.error();
    const Result<Stats> stats = db_.stats();
    if (!stats) return stats.error();
    return Inspection{.entries = report->entries,  // in tables, whatever came after them
                      .exact = false,
                      .problems = std::move(report->problems),
                      .redos = stats->redos};
  }
  [[nodiscard]] std::uint64_t lock_waits() const override {
    const Result<LockInfo> info = db_.lock_info();
    if (!info) return 0;
    for (const LockMember& member : info->members) {
      if (member.pid == ::getpid()) return member.waited;
    }
    return 0;
  }
  Status close() override { return db_.close(); }

 private:
  Db db_;
  const Wait wait_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_tidelock(const StoreOptions& wanted) {
  if (Status status = refuse_another_store(wanted.directory); !status.ok()) return status;
  Options options;
  if (wanted.create) options.mode = OpenMode::kCreateIfMissing;
  options.durability = wanted.durability;
  options.handover = wanted.handover;
  // Of opening; each write says its own, which may be no time at all.
  options.wait.deadline = std::max(options.wait.deadline, wanted.deadline);
  options.label = "tidelock-agent";
  if (!wanted.background) options.background = Background::kNone;
  if (wanted.create && wanted.memtable_size != 0) {
    options.fixed.memtable_size = wanted.memtable_size;
  }
  Result<Db> db = Db::open(wanted.directory, options);
  if (!db) return db.error();
  const Wait wait{.policy = wanted.wait, .deadline = wanted.deadline, .backoff = {}};
  return std::unique_ptr<Store>(std::make_unique<TidelockStore>(*std::move(db), wait));
}

std::string tidelock_version() {
  return tidelock::version();
}

}  // namespace tidelock::agent
