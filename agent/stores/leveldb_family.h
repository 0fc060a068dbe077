#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/stores/adapter.h"

// LevelDB, and RocksDB which descends from it: their interfaces differ in the namespace, and in how
// a database is opened. `Api` names the types. One process has it open, and its threads queue up to
// write within: there is no failing fast, and no deadline. `process` is sync = false; a durable
// write has sync = true, which syncs the log that holds all earlier ones, too. An iterator sees one
// point, and keeps it by itself.
namespace tidelock::agent::leveldb_family {

template <typename Api>
class LevelCursor final : public Cursor {
 public:
  using Iterator = typename Api::Iterator;
  using Slice = typename Api::Slice;

  LevelCursor(const Site& site, std::unique_ptr<Iterator> iterator, const Span& span)
      : site_(site), iterator_(std::move(iterator)), first_(span.first) {
    if (span.last) last_ = *span.last;
  }

  void seek_first() override { iterator_->Seek(first_); }
  void seek_last() override {
    if (!last_) return iterator_->SeekToLast();
    iterator_->Seek(*last_);
    if (!iterator_->Valid()) return iterator_->SeekToLast();
    if (key() != *last_) iterator_->Prev();
  }
  void next() override { iterator_->Next(); }
  void prev() override { iterator_->Prev(); }
  [[nodiscard]] bool valid() const override { return iterator_->Valid(); }
  [[nodiscard]] std::string_view key() const override { return view_of(iterator_->key()); }
  [[nodiscard]] std::string_view value() const override { return view_of(iterator_->value()); }
  [[nodiscard]] Status status() const override {
    const auto status = iterator_->status();
    return status.ok() ? Status() : Api::failure(site_, "walk over", status);
  }

 private:
  static std::string_view view_of(const Slice& slice) { return {slice.data(), slice.size()}; }

  const Site& site_;
  const std::unique_ptr<Iterator> iterator_;
  const std::string first_;
  std::optional<std::string> last_;
};

// Reading at a snapshot, or where there is none, at the newest state.
template <typename Api>
struct Reading {
  const Site& site;
  typename Api::Db& db;
  typename Api::ReadOptions options{};

  Result<bool> get(std::string_view key, std::string& value) const {
    const auto status = db.Get(options, typename Api::Slice(key.data(), key.size()), &value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return Api::failure(site, "get from", status);
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) const {
    std::unique_ptr<typename Api::Iterator> iterator(db.NewIterator(options));
    return std::unique_ptr<Cursor>(
        std::make_unique<LevelCursor<Api>>(site, std::move(iterator), span));
  }
};

template <typename Api>
class LevelView final : public View {
 public:
  explicit LevelView(Reading<Api> reading) : reading_(std::move(reading)) {
    reading_.options.snapshot = reading_.db.GetSnapshot();
  }
  LevelView(const LevelView&) = delete;
  LevelView& operator=(const LevelView&) = delete;
  ~LevelView() override { reading_.db.ReleaseSnapshot(reading_.options.snapshot); }

  Result<bool> get(std::string_view key, std::string& value) override {
    return reading_.get(key, value);
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    return reading_.cursor(span);
  }

 private:
  Reading<Api> reading_;
};

template <typename Api>
class LevelSession final : public Session {
 public:
  LevelSession(const Site& site, typename Api::Db& db, bool synced)
      : reading_{.site = site, .db = db}, synced_(synced) {}

  Result<bool> get(std::string_view key, std::string& value) override {
    return reading_.get(key, value);
  }
  Result<bool> exists(std::string_view key) override { return reading_.get(key, ignored_); }
  Status write(std::span<const Change> changes, bool durable) override {
    batch_.Clear();
    for (const Change& change : changes) {
      const typename Api::Slice key(change.key.data(), change.key.size());
      if (change.value) {
        batch_.Put(key, typename Api::Slice(change.value->data(), change.value->size()));
      } else {
        batch_.Delete(key);
      }
    }
    typename Api::WriteOptions options;
    options.sync = synced_ || durable;
    const auto status = reading_.db.Write(options, &batch_);
    return status.ok() ? Status() : Api::failure(reading_.site, "write to", status);
  }
  Result<std::unique_ptr<View>> view() override {
    return std::unique_ptr<View>(std::make_unique<LevelView<Api>>(reading_));
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    return reading_.cursor(span);
  }

 private:
  const Reading<Api> reading_;
  const bool synced_;
  typename Api::WriteBatch batch_;
  std::string ignored_;
};

template <typename Api>
class LevelStore final : public Store {
 public:
  // `resources`: what the database uses and does not own.
  LevelStore(Site site, std::shared_ptr<void> resources, std::unique_ptr<typename Api::Db> db,
             bool synced)
      : site_(std::move(site)),
        resources_(std::move(resources)),
        db_(std::move(db)),
        synced_(synced) {}

  Result<std::unique_ptr<Session>> session() override {
    return std::unique_ptr<Session>(std::make_unique<LevelSession<Api>>(site_, *db_, synced_));
  }
  Status flush() override { return Api::flush(site_, *db_); }
  Status compact() override { return Api::compact(site_, *db_); }
  Result<Inspection> inspect() override { return count_entries(*this); }
  Status close() override {
    db_.reset();
    return {};
  }

 private:
  const Site site_;
  const std::shared_ptr<void> resources_;
  std::unique_ptr<typename Api::Db> db_;
  const bool synced_;
};

}  // namespace tidelock::agent::leveldb_family
