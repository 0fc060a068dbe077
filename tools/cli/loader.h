#pragma once

#include <cstdint>
#include <string>

#include "cli/input_blocks.h"
#include "cli/record_format.h"
#include "tidelock/db.h"

namespace tidelock::cli {

// How a file becomes entries.
struct LoadPlan {
  RecordFormat format = RecordFormat::kLines;
  std::uint32_t batch_count_max = 256;  // entries written together
  std::string input_name;               // for messages
  WriteOptions write{};
};

// Stores the lines of blocks, many entries a batch. One thread.
class Loader {
 public:
  Loader(Db& db, LoadPlan plan) : db_(db), plan_(std::move(plan)) {}

  // All lines of the block are stored when it returns; kInvalid names the first malformed one, and
  // the lines before it are stored.
  [[nodiscard]] Status store(const Block& block);
  // Entries stored so far.
  [[nodiscard]] std::uint64_t stored() const noexcept { return stored_; }

 private:
  [[nodiscard]] Status add(std::string_view line, std::uint64_t line_number);
  [[nodiscard]] Status write();

  Db& db_;
  LoadPlan plan_;
  Batch batch_;
  std::uint64_t stored_ = 0;
};

}  // namespace tidelock::cli
