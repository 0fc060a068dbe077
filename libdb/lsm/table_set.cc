#include "lsm/table_set.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "os/file.h"
#include "os/mapping.h"
#include "state/file_names.h"
#include "table/iterator.h"

namespace tidelock::lsm {

namespace {

class TableSource final : public Source {
 public:
  explicit TableSource(TablePtr table) : iterator_(std::move(table)) {}

  void seek_first() override { iterator_.seek_first(); }
  void seek_last() override { iterator_.seek_last(); }
  void seek(std::string_view key) override { iterator_.seek(key); }
  void seek_before(std::string_view key) override { iterator_.seek_before(key); }
  void next() override { iterator_.next(); }
  void prev() override { iterator_.prev(); }
  [[nodiscard]] std::string_view key() const override { return iterator_.key(); }
  [[nodiscard]] std::string_view value() const override { return iterator_.value(); }
  [[nodiscard]] bool tombstone() const override { return iterator_.kind() == table::Kind::kErase; }
  [[nodiscard]] bool valid() const override { return iterator_.valid(); }
  [[nodiscard]] Status status() const override { return iterator_.status(); }

 private:
  table::Iterator iterator_;
};

class LevelSource final : public Source {
 public:
  explicit LevelSource(std::vector<TablePtr> tables) : tables_(std::move(tables)) {}

  void seek_first() override {
    enter(0);
    if (current_) current_->seek_first();
    skip_forward();
  }
  void seek_last() override {
    enter(tables_.size() - 1);
    if (current_) current_->seek_last();
    skip_backward();
  }
  void seek(std::string_view key) override {
    enter(first_not_below(key));
    if (current_) current_->seek(key);
    skip_forward();
  }
  void seek_before(std::string_view key) override {
    // The table that may hold `key` may also hold smaller ones; behind the last, the last does.
    enter(std::min(first_not_below(key), tables_.size() - 1));
    if (current_) current_->seek_before(key);
    skip_backward();
  }
  void next() override {
    current_->next();
    skip_forward();
  }
  void prev() override {
    current_->prev();
    skip_backward();
  }
  [[nodiscard]] std::string_view key() const override { return current_->key(); }
  [[nodiscard]] std::string_view value() const override { return current_->value(); }
  [[nodiscard]] bool tombstone() const override { return current_->kind() == table::Kind::kErase; }
  [[nodiscard]] bool valid() const override { return current_ && current_->valid(); }
  [[nodiscard]] Status status() const override { return current_ ? current_->status() : Status(); }

 private:
  [[nodiscard]] std::size_t first_not_below(std::string_view key) const {
    const auto found = std::partition_point(
        tables_.begin(), tables_.end(),
        [key](const TablePtr& table) { return table->properties().largest < key; });
    return static_cast<std::size_t>(found - tables_.begin());
  }

  void enter(std::size_t index) {
    if (index >= tables_.size()) {
      current_.reset();
      return;
    }
    if (current_ && index == index_) return;
    index_ = index;
    current_.emplace(tables_[index]);
  }
  void skip_forward() {
    while (current_ && !current_->valid() && current_->status().ok()) {
      if (index_ + 1 == tables_.size()) return;
      enter(index_ + 1);
      current_->seek_first();
    }
  }
  void skip_backward() {
    while (current_ && !current_->valid() && current_->status().ok()) {
      if (index_ == 0) return;
      enter(index_ - 1);
      current_->seek_last();
    }
  }

  std::vector<TablePtr> tables_;  // never empty
  std::size_t index_ = 0;
  std::optional<table::Iterator> current_;
};

}  // namespace

std::unique_ptr<Source> table_source(TablePtr table) {
  return std::make_unique<TableSource>(std::move(table));
}

std::unique_ptr<Source> level_source(std::vector<TablePtr> tables) {
  return std::make_unique<LevelSource>(std::move(tables));
}

table::Identity table_identity(const manifest::Uuid& uuid, std::uint64_t number) {
  return {.uuid = std::bit_cast<decltype(table::Identity::uuid)>(uuid), .number = number};
}

Result<TablePtr> open_table(const std::string& directory, const manifest::Uuid& uuid,
                            const manifest::FileMeta& meta) {
  const std::string path = state::file_path(directory, state::FileKind::kTable, meta.number);
  Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
  if (!file) return file.error();
  Result<std::uint64_t> size = file->size();
  if (!size) return size.error();
  if (*size != meta.size) {
    return Status(StatusCode::kCorruption,
                  "open " + path + ": the file has " + std::to_string(*size) +
                      " bytes, the manifest says " + std::to_string(meta.size));
  }
  Result<os::Mapping> mapping = os::Mapping::map(*file, meta.size, os::Protection::kRead);
  if (!mapping) return mapping.error();
  auto owner = std::make_shared<const os::Mapping>(std::move(*mapping));
  const std::span<const std::byte> bytes = owner->bytes();
  return table::Reader::open(bytes, std::move(owner), path, table_identity(uuid, meta.number));
}

Result<std::shared_ptr<const TableSet>> TableSet::open(const std::string& directory,
                                                       const manifest::Uuid& uuid,
                                                       manifest::Version version,
                                                       const TableSet* previous) {
  std::map<std::uint64_t, TablePtr> open_already;
  if (previous != nullptr) {
    for (const auto& tables : previous->levels_) {
      for (const TablePtr& table : tables) {
        open_already.emplace(table->properties().identity.number, table);
      }
    }
  }
  std::shared_ptr<TableSet> set(new TableSet(std::move(version)));
  for (std::uint32_t level = 0; level < manifest::kLevels; ++level) {
    for (const manifest::FilePtr& meta : set->version_.files(level)) {
      const auto found = open_already.find(meta->number);
      if (found != open_already.end()) {
        set->levels_[level].push_back(found->second);
        continue;
      }
      Result<TablePtr> table = open_table(directory, uuid, *meta);
      if (!table) return table.error();
      set->levels_[level].push_back(std::move(*table));
    }
  }
  return std::shared_ptr<const TableSet>(std::move(set));
}

Result<TableSet::Found> TableSet::get(std::string_view key) const {
  const auto ask = [key](const TablePtr& table) -> Result<Found> {
    Result<table::Lookup> lookup = table->get(key);
    if (!lookup) return lookup.error();
    return Found{std::move(*lookup), table};
  };
  const auto files = version_.files(0);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (key < files[i]->smallest || key > files[i]->largest) continue;
    Result<Found> found = ask(levels_[0][i]);
    if (!found || found->lookup.state != table::Lookup::State::kMissing) return found;
  }
  for (std::uint32_t level = 1; level < manifest::kLevels; ++level) {
    const std::size_t i = version_.find(level, key);
    if (i == levels_[level].size() || key < version_.files(level)[i]->smallest) continue;
    Result<Found> found = ask(levels_[level][i]);
    if (!found || found->lookup.state != table::Lookup::State::kMissing) return found;
  }
  return Found{};
}

void TableSet::add_sources(std::vector<std::unique_ptr<Source>>& sources) const {
  for (const TablePtr& table : levels_[0]) sources.push_back(table_source(table));
  for (std::uint32_t level = 1; level < manifest::kLevels; ++level) {
    if (!levels_[level].empty()) sources.push_back(level_source(levels_[level]));
  }
}

}  // namespace tidelock::lsm
