#pragma once

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "agent/stores/adapter.h"

namespace tidelock::agent {

// A connection to a database of one table, `entries`, and its prepared statements. One thread.
class SqliteConnection {
 public:
  enum Query : std::uint8_t {
    kGet,
    kPut,
    kErase,
    kFrom,    // upwards from a key...
    kAfter,   // ... or the next one
    kDownTo,  // downwards from a key...
    kBefore,  // ... or the one before it
    kDown,    // downwards from the last one
    kTouch,   // nothing but the beginning of a read transaction
    kBegin,
    kBeginWrite,
    kCommit,
    kRollback,
    kQueries
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  explicit SqliteConnection(const Site& site) : site_(site) {}

  [[nodiscard]] Status open(int flags, std::chrono::milliseconds patience);
  [[nodiscard]] Status execute(const char* sql);
  // One that nobody uses. `give` is to take it back, and ends it.
  [[nodiscard]] Result<Statement> take(Query query);
  void give(Query query, Statement statement);
  // A statement that yields no row.
  [[nodiscard]] Status perform(Query query, std::string_view key = {},
                               const std::string_view* value = nullptr);
  [[nodiscard]] Result<bool> get(std::string_view key, std::string* value);
  // How long to wait for others.
  void be_patient(std::chrono::milliseconds patience) noexcept;
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] Status failure(std::string_view operation, int code) const;
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  const Site& site_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::array<std::vector<Statement>, kQueries> idle_;
};

[[nodiscard]] inline std::string_view blob(sqlite3_stmt* statement, int column) {
  const void* bytes = sqlite3_column_blob(statement, column);
  return {static_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}
// The bytes must outlive what the statement does next. An empty one is no NULL.
inline void bind(sqlite3_stmt* statement, int place, std::string_view bytes) {
  sqlite3_bind_blob64(statement, place, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

}  // namespace tidelock::agent
