#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/salvage.h"
#include "state/file_names.h"
#include "tidelock/repair.h"
#include "tidelock/status.h"
#include "wal/salvage.h"

// A damaged database, as files: what each of them is, and in which order they count.
namespace tidelock {

// A whole file in private memory. Read, not mapped: a bad sector is then no death. Pages that
// cannot be read are zeroes, which no checksum takes for anything.
class FileBytes {
 public:
  [[nodiscard]] static Result<FileBytes> load(const std::string& path);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data_.get()), size_};
  }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

// A table file that counts.
struct WreckedTable {
  std::string file;          // name in the directory
  std::uint64_t number = 0;  // of the table that it holds
  std::uint32_t level = 0;
  std::uint64_t highest_sequence = 0;      // 0: not known
  std::optional<std::uint64_t> entries{};  // how many there should be, if that is known
  std::optional<std::string> smallest{};   // keys, if they are known
  std::optional<std::string> largest{};
  bool proven = false;  // the footer says which table it is, not the name
};

// A log file that counts.
struct WreckedLog {
  std::string file;
  std::uint64_t number = 0;
  std::optional<wal::LogHeader> header{};
  std::uint64_t records = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t durable_lsn = 0;
  std::optional<wal::LogLimit> limit{};  // where another continues it
};

class Wreck {
 public:
  // Whether there is anything to repair. kNotFound: nothing of a database. kUnsupported: CURRENT is
  // another store's, or of a newer release.
  [[nodiscard]] static Status recognise(const std::string& directory);
  // Looks at every file. `directory` is recognised, and not in use.
  [[nodiscard]] static Result<Wreck> survey(const std::string& directory);

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] const manifest::Uuid& uuid() const noexcept { return uuid_; }
  [[nodiscard]] const manifest::SalvagedManifest& manifest() const noexcept { return manifest_; }
  // Oldest first: what stands in a later one overrides what stands in those before it.
  [[nodiscard]] const std::vector<WreckedTable>& tables() const noexcept { return tables_; }
  [[nodiscard]] const std::vector<WreckedLog>& logs() const noexcept { return logs_; }
  // How many tables count before the log does, given by its index.
  [[nodiscard]] std::size_t tables_before(std::size_t log) const;
  [[nodiscard]] const std::vector<RepairFinding>& findings() const noexcept { return findings_; }
  [[nodiscard]] std::string path(const std::string& file) const { return directory_ + "/" + file; }

 private:
  using Names = std::vector<std::pair<std::uint64_t, std::string>>;  // number and name
  explicit Wreck(std::string directory) : directory_(std::move(directory)) {}

  Status read_names();
  [[nodiscard]] Names names(state::FileKind kind) const;
  Status read_manifest();
  Status choose_manifest(const std::optional<std::uint64_t>& live);
  Status find_uuid();
  Status read_tables();
  Status read_table(std::uint64_t named, const std::string& file);
  void place_tables();
  void place_by_evidence(WreckedTable& table);
  void report_missing_tables();
  Status read_logs();
  Status read_log(std::uint64_t named, const std::string& file);
  void link_logs();
  void note(RepairFinding::Effect effect, std::string file, std::uint64_t from, std::uint64_t to,
            std::string what, KeyRange keys = {});

  std::string directory_;
  std::vector<std::pair<state::FileName, std::string>> files_;
  std::optional<manifest::Uuid> known_uuid_;
  manifest::Uuid uuid_{};
  manifest::SalvagedManifest manifest_;
  std::vector<WreckedTable> tables_;
  std::vector<WreckedLog> logs_;
  std::vector<RepairFinding> findings_;
};

// All keys from `smallest` to `largest`.
[[nodiscard]] KeyRange inclusive_range(const std::optional<std::string>& smallest,
                                       const std::optional<std::string>& largest);

}  // namespace tidelock
