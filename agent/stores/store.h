#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidelock/options.h"
#include "tidelock/status.h"

// What the agent asks of a store, whichever it is. Errors are tidelock's: kBusy means that others
// were at it and nothing was changed, so that it may be tried again.
namespace tidelock::agent {

// One operation of a write.
struct Change {
  std::string_view key;
  std::optional<std::string_view> value;  // nullopt: the key is erased
};

// Moves over entries in byte order. `status` says why one that is not valid is not.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void seek_first() = 0;
  virtual void seek_last() = 0;
  virtual void next() = 0;
  virtual void prev() = 0;
  [[nodiscard]] virtual bool valid() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual std::string_view value() const = 0;
  [[nodiscard]] virtual Status status() const = 0;
};

// The entries between two keys, both included. A cursor may show some beyond.
struct Span {
  std::string_view first;
  std::optional<std::string_view> last;  // nullopt: to the end
};

// The entries at one point in the order of commits.
class View {
 public:
  virtual ~View() = default;
  // False: there is no such key.
  [[nodiscard]] virtual Result<bool> get(std::string_view key, std::string& value) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Cursor>> cursor(const Span& span) = 0;
  // Where the store numbers its commits: that of the point.
  [[nodiscard]] virtual std::optional<std::uint64_t> sequence() const { return std::nullopt; }
};

// A store as one thread uses it. Gone before the store is.
class Session {
 public:
  virtual ~Session() = default;
  [[nodiscard]] virtual Result<bool> get(std::string_view key, std::string& value) = 0;
  [[nodiscard]] virtual Result<bool> exists(std::string_view key) = 0;
  // All or nothing. `durable`: acknowledged once it survives a power cut, whatever the store was
  // opened with.
  [[nodiscard]] virtual Status write(std::span<const Change> changes, bool durable) = 0;
  // Views and cursors outlive each other, but not the session.
  [[nodiscard]] virtual Result<std::unique_ptr<View>> view() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Cursor>> cursor(const Span& span) = 0;
};

// What a store finds when it looks at itself.
struct Inspection {
  std::uint64_t entries = 0;
  bool exact = true;  // it counts what a scan shows, not what it has stored
  std::vector<std::string> problems;
  std::uint64_t redos = 0;  // commits of the dead that others finished
};

// A store as one process has it open.
class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<Session>> session() = 0;
  [[nodiscard]] virtual Status flush() { return {}; }
  [[nodiscard]] virtual Status compact() { return {}; }
  [[nodiscard]] virtual Result<Inspection> inspect() { return Inspection{}; }
  // How often this process had to wait in the lock's queue; 0 where nobody counts.
  [[nodiscard]] virtual std::uint64_t lock_waits() const { return 0; }
  [[nodiscard]] virtual Status close() = 0;
};

struct StoreOptions {
  std::string directory;
  bool create = false;  // if it is not there
  Durability durability = Durability::kProcess;
  Handover handover = Handover::kBounded;
  Wait::Policy wait = Wait::Policy::kFailFast;  // kQueue or kFailFast
  std::chrono::milliseconds deadline{10'000};   // of one write, while it waits for others
  std::size_t memtable_size = 0;                // bytes, where there is one; 0: the store's default
  std::uint64_t data_size = 0;                  // bytes that it is going to hold, at most, roughly
  bool views = true;                            // or scans: some will be asked for
  bool background = true;                       // it may work in threads of its own
};

struct StoreKind {
  const char* name;
  bool many_processes = false;        // may have it open at once
  bool survives_kills = false;        // of one of its processes, while the others go on
  bool fails_fast = false;            // can say kBusy; else it waits, and as long as it likes
  const char* queue = "";             // how its writers wait for each other if they do
  bool has_memtable = false;          // of a size that can be chosen
  bool full_disk_is_refusal = false;  // after kNoSpace nothing was changed; else who knows
  Result<std::unique_ptr<Store>> (*open)(const StoreOptions& options) = nullptr;
  std::string (*version)() = nullptr;  // of the library that is linked
};

// Those that this program was built with; the first one is Tidelock.
[[nodiscard]] std::span<const StoreKind> store_kinds() noexcept;
[[nodiscard]] inline bool is_tidelock(const StoreKind& kind) noexcept {
  return &kind == &store_kinds().front();
}

}  // namespace tidelock::agent
