#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "table/block.h"
#include "table/format.h"
#include "table/reader.h"
#include "tidelock/status.h"

namespace tidelock::table {

// Walks the entries of one table in the order of their keys, both ways, tombstones included. It
// starts unpositioned and keeps the reader alive. One thread. Allocates nothing per entry.
class Iterator {
 public:
  explicit Iterator(std::shared_ptr<const Reader> table);

  [[nodiscard]] bool valid() const noexcept { return valid_; }
  // kOk at an end and before the first call; else why the walk stopped. The next positioning by
  // seek* tries again.
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  void seek_first();
  void seek_last();
  void seek(std::string_view key);         // to the first key >= `key`
  void seek_before(std::string_view key);  // to the last key < `key`
  // Precondition of all that follow: valid().
  void next();
  void prev();

  // Both live until the iterator moves or ends.
  [[nodiscard]] std::string_view key() const noexcept { return key_; }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  void fail(Status status);
  // Makes block n the current one.
  [[nodiscard]] bool enter(std::uint64_t n);
  // Stands on entry i of the current block.
  void settle(std::uint32_t i);
  // Finds the first key >= `key`: block and entry (which may be the block's count, or the block
  // the table's). False: failed.
  [[nodiscard]] bool find(std::string_view key, std::uint32_t& i);
  void step_back_from(std::uint32_t i);
  void join(std::string_view front, std::string_view back);

  static constexpr std::uint32_t kNoRestart = 0xFFFFFFFF;

  std::shared_ptr<const Reader> table_;
  LoadedBlock current_;
  std::uint64_t number_ = 0;            // of the current block
  std::uint32_t position_ = 0;          // of the entry in it
  std::uint32_t restart_ = kNoRestart;  // number of the restart point of `restart_key_`
  bool valid_ = false;
  Kind kind_ = Kind::kPut;
  std::string_view restart_key_;
  std::string_view key_;  // in the block, or in `joined_`
  std::string_view value_;
  std::vector<char> joined_;
  Status status_;
};

}  // namespace tidelock::table
