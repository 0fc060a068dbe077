#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/manifest_format.h"
#include "os/file.h"
#include "tidelock/status.h"

namespace tidelock::manifest {

// An end of a manifest: everything below `length` is whole records, and `chain` seals them.
struct ManifestPosition {
  std::uint64_t length = 0;  // bytes
  std::uint64_t chain = 0;
  bool operator==(const ManifestPosition&) const = default;
};

// An open manifest whose header was checked, and the records in it. Read by position, never
// mapped. Never remembers what it read.
class ManifestFile {
 public:
  // kNotFound if there is no such file: whoever took the number from CURRENT reads CURRENT again.
  // kUnsupported if the file has several hard links: another directory would share our appends.
  [[nodiscard]] static Result<ManifestFile> open(const std::string& directory, const ManifestId& id,
                                                 os::FileAccess access);

  // Where the first record begins.
  [[nodiscard]] ManifestPosition start() const { return {kManifestHeaderSize, header_.salt}; }

  enum class Found : std::uint8_t {
    kEdit,     // a whole record, its checksum chained to the position
    kEndMark,  // what is below the position was synced
    kNothing,  // no bytes, or none that check out
  };
  struct Record {
    Found found = Found::kNothing;
    std::vector<std::byte> payload;  // of an edit
    ManifestPosition end;            // behind an edit
  };
  // What stands at a position. kUnsupported for a record of an unknown kind.
  [[nodiscard]] Result<Record> record_at(const ManifestPosition& at) const;
  // Where behind `offset` a record header checks out, if anywhere: by M1 the bytes at `offset` were
  // synced then.
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_header_behind(std::uint64_t offset) const;

  [[nodiscard]] os::File& file() { return file_; }
  [[nodiscard]] const os::File& file() const { return file_; }
  [[nodiscard]] const ManifestHeader& header() const { return header_; }

 private:
  ManifestFile(os::File file, const ManifestHeader& header);

  os::File file_;
  ManifestHeader header_;
};

// "read /db/MANIFEST-000001 at 64: <what>"
[[nodiscard]] Status manifest_problem(StatusCode code, const std::string& path,
                                      std::uint64_t offset, const std::string& what);

}  // namespace tidelock::manifest
