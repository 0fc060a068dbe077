#include "agent/stores/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "agent/stores/sqlite_connection.h"

// SQLite in WAL mode, as many processes share it: a table WITHOUT ROWID of two blobs, BEGIN
// IMMEDIATE for each write, automatic checkpoints as it comes. A session has a connection; a view
// has one of its own, with a read transaction, and leaves it to the next. Fail-fast is a busy
// timeout of 0 for BEGIN IMMEDIATE, the queue one of the deadline, in which SQLite sleeps and looks
// again: nobody is served in turn. Reads wait as long as need be: they meet a lock only while
// somebody recovers the log. `process` is synchronous = OFF, `durable` FULL; a durable write of a
// store with OFF sets FULL for its time, which is as much as SQLite has to offer: a checkpoint by a
// connection with OFF can undo that promise. The cache is a connection's own, 64 MiB at most.
namespace tidelock::agent {
namespace {

using Query = SqliteConnection::Query;
using Statement = SqliteConnection::Statement;
using namespace std::chrono_literals;

// The time that a read waits for somebody to recover the log.
constexpr auto kReadPatience = 60s;

// Moves the other way by another statement.
class SqliteCursor final : public Cursor {
 public:
  SqliteCursor(std::shared_ptr<SqliteConnection> connection, const Span& span)
      : connection_(std::move(connection)), first_(span.first) {
    if (span.last) last_ = *span.last;
  }
  SqliteCursor(const SqliteCursor&) = delete;
  SqliteCursor& operator=(const SqliteCursor&) = delete;
  ~SqliteCursor() override { stop(); }

  void seek_first() override { start(Query::kFrom, first_); }
  void seek_last() override { last_ ? start(Query::kDownTo, *last_) : start(Query::kDown, {}); }
  void next() override { upwards() ? step() : start(Query::kAfter, std::string(key())); }
  void prev() override { upwards() ? start(Query::kBefore, std::string(key())) : step(); }
  [[nodiscard]] bool valid() const override { return valid_; }
  [[nodiscard]] std::string_view key() const override { return blob(statement_.get(), 0); }
  [[nodiscard]] std::string_view value() const override { return blob(statement_.get(), 1); }
  [[nodiscard]] Status status() const override { return status_; }

 private:
  [[nodiscard]] bool upwards() const { return query_ == Query::kFrom || query_ == Query::kAfter; }
  void stop() {
    if (statement_) connection_->give(query_, std::move(statement_));
  }
  void start(Query query, std::string from) {
    stop();
    valid_ = false;
    Result<Statement> statement = connection_->take(query);
    status_ = statement.status();
    if (!statement) return;
    query_ = query;
    from_ = std::move(from);
    statement_ = *std::move(statement);
    if (query != Query::kDown) bind(statement_.get(), 1, from_);
    step();
  }
  void step() {
    const int code = sqlite3_step(statement_.get());
    valid_ = code == SQLITE_ROW;
    if (!valid_ && code != SQLITE_DONE) status_ = connection_->failure("walk over", code);
  }

  const std::shared_ptr<SqliteConnection> connection_;
  const std::string first_;
  std::optional<std::string> last_;
  std::string from_;  // bound
  Query query_ = Query::kFrom;
  Statement statement_;
  bool valid_ = false;
  Status status_;
};

class SqliteView final : public View {
 public:
  explicit SqliteView(std::shared_ptr<SqliteConnection> connection)
      : connection_(std::move(connection)) {}
  Result<bool> get(std::string_view key, std::string& value) override {
    return connection_->get(key, &value);
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    return std::unique_ptr<Cursor>(std::make_unique<SqliteCursor>(connection_, span));
  }

 private:
  const std::shared_ptr<SqliteConnection> connection_;  // shared with cursors
};

struct Manners {
  std::chrono::milliseconds patience;  // of writes
  bool synced;                         // each commit
};

class SqliteSession final : public Session {
 public:
  SqliteSession(const Site& site, std::unique_ptr<SqliteConnection> connection,
                const Manners& manners)
      : site_(site), connection_(std::move(connection)), manners_(manners) {}

  Result<bool> get(std::string_view key, std::string& value) override {
    return connection_->get(key, &value);
  }
  Result<bool> exists(std::string_view key) override { return connection_->get(key, nullptr); }
  Status write(std::span<const Change> changes, bool durable) override {
    if (!durable || manners_.synced) return write(changes);
    if (Status status = connection_->execute("PRAGMA synchronous = FULL"); !status.ok()) {
      return status;
    }
    Status status = write(changes);
    const Status back = connection_->execute("PRAGMA synchronous = OFF");
    return status.ok() ? back : status;
  }
  Result<std::unique_ptr<View>> view() override {
    Result<std::unique_ptr<SqliteConnection>> reading = reading_connection();
    if (!reading) return reading.error();
    Status status = (*reading)->perform(Query::kBegin);
    if (status.ok()) status = (*reading)->perform(Query::kTouch);
    if (!status.ok()) return status;
    const auto end = [this](SqliteConnection* ended) {
      std::unique_ptr<SqliteConnection> connection(ended);
      if (connection->perform(Query::kRollback).ok()) idle_.push_back(std::move(connection));
    };
    return std::unique_ptr<View>(
        std::make_unique<SqliteView>(std::shared_ptr<SqliteConnection>(reading->release(), end)));
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    const Result<std::unique_ptr<View>> at_once = view();
    if (!at_once) return at_once.error();
    return (*at_once)->cursor(span);
  }

 private:
  Status write(std::span<const Change> changes) {
    connection_->be_patient(manners_.patience);
    Status status = connection_->perform(Query::kBeginWrite);
    if (status.code() == StatusCode::kBusy && manners_.patience > 0ms) {
      status = Status(StatusCode::kTimedOut, status.message());
    }
    connection_->be_patient(kReadPatience);
    for (const Change& change : changes) {
      if (!status.ok()) break;
      status = change.value ? connection_->perform(Query::kPut, change.key, &*change.value)
                            : connection_->perform(Query::kErase, change.key);
    }
    if (status.ok()) status = connection_->perform(Query::kCommit);
    if (!status.ok() && connection_->in_transaction()) {
      (void)connection_->perform(Query::kRollback);  // what went wrong before is told
    }
    return status;
  }
  Result<std::unique_ptr<SqliteConnection>> reading_connection() {
    if (!idle_.empty()) {
      std::unique_ptr<SqliteConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    auto connection = std::make_unique<SqliteConnection>(site_);
    if (Status status = connection->open(0, kReadPatience); !status.ok()) return status;
    return connection;
  }

  const Site& site_;
  const std::unique_ptr<SqliteConnection> connection_;
  const Manners manners_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_;  // of views that are gone
};

class SqliteStore final : public Store {
 public:
  SqliteStore(Site site, const Manners& manners) : site_(std::move(site)), manners_(manners) {}

  Status create() {
    SqliteConnection connection(site_);
    Status status = connection.open(SQLITE_OPEN_CREATE, kReadPatience);
    if (status.ok()) status = connection.execute("PRAGMA journal_mode = WAL");
    if (!status.ok()) return status;
    return connection.execute(
        "CREATE TABLE IF NOT EXISTS entries"
        " (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID");
  }
  Result<std::unique_ptr<Session>> session() override {
    auto connection = std::make_unique<SqliteConnection>(site_);
    Status status = connection->open(0, kReadPatience);
    if (status.ok()) status = connection->execute("PRAGMA cache_size = -65536");  // KiB
    if (status.ok()) {
      status = connection->execute(manners_.synced ? "PRAGMA synchronous = FULL"
                                                   : "PRAGMA synchronous = OFF");
    }
    if (!status.ok()) return status;
    return std::unique_ptr<Session>(
        std::make_unique<SqliteSession>(site_, std::move(connection), manners_));
  }
  Status flush() override {
    SqliteConnection connection(site_);
    Status status = connection.open(0, kReadPatience);
    return status.ok() ? connection.execute("PRAGMA wal_checkpoint") : status;
  }
  Result<Inspection> inspect() override;
  Status close() override { return {}; }  // it is the sessions that have it open

 private:
  const Site site_;
  const Manners manners_;
};

Result<Inspection> SqliteStore::inspect() {
  SqliteConnection connection(site_);
  if (Status status = connection.open(0, kReadPatience); !status.ok()) return status;
  Inspection inspection;
  const auto note = [](void* to, int, char** row, char**) {
    if (std::string_view(row[0]) != "ok") static_cast<Inspection*>(to)->problems.push_back(row[0]);
    return 0;
  };
  const auto count = [](void* to, int, char** row, char**) {
    static_cast<Inspection*>(to)->entries = std::stoull(row[0]);
    return 0;
  };
  sqlite3* const handle = connection.handle();
  int code = sqlite3_exec(handle, "PRAGMA integrity_check", note, &inspection, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(handle, "SELECT count(*) FROM entries", count, &inspection, nullptr);
  }
  if (code != SQLITE_OK) return connection.failure("inspect", code);
  return inspection;
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const StoreOptions& options) {
  Result<Site> site = enter("sqlite", options);
  if (!site) return site.error();
  const bool waits = options.wait == Wait::Policy::kQueue;
  const Manners manners{.patience = waits ? options.deadline : 0ms,
                        .synced = options.durability == Durability::kDurable};
  auto store = std::make_unique<SqliteStore>(*std::move(site), manners);
  if (options.create) {
    if (Status status = store->create(); !status.ok()) return status;
  }
  return std::unique_ptr<Store>(std::move(store));
}

std::string sqlite_version() {
  return sqlite3_libversion();
}

}  // namespace tidelock::agent
