#pragma once

#include <string_view>

#include "tidelock/status.h"

namespace tidelock::lsm {

// One sorted run inside a merge: a memtable at a sequence number, a table, or a whole level. Keys
// are distinct within a source; erasures show as tombstones. Starts unpositioned (not valid).
class Source {
 public:
  virtual ~Source() = default;

  virtual void seek_first() = 0;
  virtual void seek_last() = 0;
  virtual void seek(std::string_view key) = 0;         // first key >= `key`
  virtual void seek_before(std::string_view key) = 0;  // last key < `key`
  // Precondition for these: valid(). Views live until the source moves.
  virtual void next() = 0;
  virtual void prev() = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual std::string_view value() const = 0;
  [[nodiscard]] virtual bool tombstone() const = 0;

  [[nodiscard]] virtual bool valid() const = 0;
  // An error makes the source invalid.
  [[nodiscard]] virtual Status status() const = 0;
};

}  // namespace tidelock::lsm
