#include "agent/stores/sqlite_connection.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr std::array<const char*, SqliteConnection::kQueries> kSql = {
    "SELECT value FROM entries WHERE key = ?1",
    "REPLACE INTO entries VALUES (?1, ?2)",
    "DELETE FROM entries WHERE key = ?1",
    "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key",
    "SELECT key, value FROM entries WHERE key > ?1 ORDER BY key",
    "SELECT key, value FROM entries WHERE key <= ?1 ORDER BY key DESC",
    "SELECT key, value FROM entries WHERE key < ?1 ORDER BY key DESC",
    "SELECT key, value FROM entries ORDER BY key DESC",
    "SELECT 1 FROM entries LIMIT 1",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
};

StatusCode code_of(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:  // too many races for a lock
      return StatusCode::kBusy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return StatusCode::kCorruption;
    case SQLITE_FULL:
      return StatusCode::kNoSpace;
    case SQLITE_CANTOPEN:
      return StatusCode::kNotFound;
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return StatusCode::kPermission;
    case SQLITE_TOOBIG:
      return StatusCode::kTooLarge;
    case SQLITE_NOMEM:
      return StatusCode::kLimit;
    default:
      return StatusCode::kIo;
  }
}

}  // namespace

Status SqliteConnection::failure(std::string_view operation, int code) const {
  return site_.failure(code_of(code), operation,
                       handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
}

Status SqliteConnection::open(int flags, std::chrono::milliseconds patience) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(site_.file("entries.sqlite").c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) return failure("open", code);
  sqlite3_extended_result_codes(handle, 1);
  be_patient(patience);
  return {};
}

Status SqliteConnection::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : failure("set up", code);
}

Result<SqliteConnection::Statement> SqliteConnection::take(Query query) {
  std::vector<Statement>& idle = idle_[query];
  if (!idle.empty()) {
    Statement statement = std::move(idle.back());
    idle.pop_back();
    return statement;
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), kSql[query], -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return failure("prepare a statement of", code);
  return Statement(statement);
}

void SqliteConnection::give(Query query, Statement statement) {
  sqlite3_reset(statement.get());
  idle_[query].push_back(std::move(statement));
}

Status SqliteConnection::perform(Query query, std::string_view key, const std::string_view* value) {
  Result<Statement> statement = take(query);
  if (!statement) return statement.error();
  if (query == kPut || query == kErase) bind(statement->get(), 1, key);
  if (value != nullptr) bind(statement->get(), 2, *value);
  const int code = sqlite3_step(statement->get());
  const bool good = code == SQLITE_DONE || code == SQLITE_ROW;
  Status status =
      good ? Status() : failure(query == kBeginWrite ? "begin to write to" : "use", code);
  give(query, *std::move(statement));
  return status;
}

Result<bool> SqliteConnection::get(std::string_view key, std::string* value) {
  Result<Statement> statement = take(kGet);
  if (!statement) return statement.error();
  bind(statement->get(), 1, key);
  const int code = sqlite3_step(statement->get());
  Result<bool> result = code == SQLITE_ROW;
  if (code == SQLITE_ROW) {
    if (value != nullptr) value->assign(blob(statement->get(), 0));
  } else if (code != SQLITE_DONE) {
    result = failure("get from", code);
  }
  give(kGet, *std::move(statement));
  return result;
}

void SqliteConnection::be_patient(std::chrono::milliseconds patience) noexcept {
  using Milliseconds = std::chrono::milliseconds::rep;
  constexpr Milliseconds kLongest = std::numeric_limits<int>::max();
  sqlite3_busy_timeout(handle_.get(),
                       static_cast<int>(std::clamp<Milliseconds>(patience.count(), 0, kLongest)));
}

bool SqliteConnection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(handle_.get()) == 0;
}

}  // namespace tidelock::agent
