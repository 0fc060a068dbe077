#include "lsm/open_memtable.h"

#include <utility>

#include "os/file.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

class MemtableSource final : public Source {
 public:
  MemtableSource(std::shared_ptr<const OpenMemtable> memtable, std::uint64_t sequence)
      : memtable_(std::move(memtable)), iterator_(memtable_->table().iterate(sequence)) {}

  void seek_first() override { iterator_.seek_first(); }
  void seek_last() override { iterator_.seek_last(); }
  void seek(std::string_view key) override { iterator_.seek(key); }
  void seek_before(std::string_view key) override { iterator_.seek_before(key); }
  void next() override { iterator_.next(); }
  void prev() override { iterator_.previous(); }
  [[nodiscard]] std::string_view key() const override { return iterator_.key(); }
  [[nodiscard]] std::string_view value() const override { return iterator_.value(); }
  [[nodiscard]] bool tombstone() const override {
    return iterator_.kind() == memtable::OperationKind::kErase;
  }
  [[nodiscard]] bool valid() const override { return iterator_.valid(); }
  [[nodiscard]] Status status() const override { return iterator_.status(); }

 private:
  std::shared_ptr<const OpenMemtable> memtable_;
  memtable::MemtableIterator iterator_;
};

}  // namespace

OpenMemtable::OpenMemtable(std::uint64_t log_number, std::uint64_t arena_number,
                           os::Mapping mapping, const memtable::Memtable& table)
    : log_number_(log_number),
      arena_number_(arena_number),
      mapping_(std::move(mapping)),
      table_(table) {}

OpenMemtable::OpenMemtable(std::uint64_t log_number, os::PrivateMemory memory,
                           const memtable::Memtable& table)
    : log_number_(log_number), arena_number_(0), memory_(std::move(memory)), table_(table) {}

Result<std::shared_ptr<const OpenMemtable>> OpenMemtable::replay(const ReplayedLog& log) {
  constexpr std::uint64_t kNonce = 1;
  for (std::uint64_t capacity = likely_arena_bytes(log.demand);; capacity *= 2) {
    Result<os::PrivateMemory> memory = os::PrivateMemory::make(capacity);
    if (!memory) return memory.error();
    if (Status status = memtable::format(memory->bytes(), log.number, kNonce); !status.ok()) {
      return status;
    }
    auto writer = memtable::MemtableWriter::attach(memory->bytes(), log.number, kNonce);
    if (!writer) return writer.error();
    Status status = apply_records(*writer, log.records);
    if (status.code() == StatusCode::kLimit) continue;
    if (!status.ok()) return status;
    return std::make_shared<const OpenMemtable>(log.number, std::move(*memory), writer->reader());
  }
}

Result<std::shared_ptr<const OpenMemtable>> OpenMemtable::map(const std::string& directory,
                                                              const state::MemtableEntry& entry) {
  Result<os::File> file =
      os::File::open(state::file_path(directory, state::FileKind::kArena, entry.arena_number),
                     os::FileAccess::kRead);
  if (!file) return file.error();
  Result<os::Mapping> mapping = os::Mapping::map(*file, entry.arena_size, os::Protection::kRead);
  if (!mapping) return mapping.error();
  Result<memtable::Memtable> table =
      memtable::Memtable::attach(mapping->bytes(), entry.arena_number, entry.arena_nonce);
  if (!table) return table.error();
  return std::make_shared<const OpenMemtable>(entry.log_number, entry.arena_number,
                                              std::move(*mapping), *table);
}

std::unique_ptr<Source> memtable_source(std::shared_ptr<const OpenMemtable> memtable,
                                        std::uint64_t sequence) {
  return std::make_unique<MemtableSource>(std::move(memtable), sequence);
}

}  // namespace tidelock::lsm
