#include "agent/stores/berkeleydb_store.h"

#include <utility>

#include "agent/stores/berkeleydb_environment.h"

// Berkeley DB 5.3, transactional, as many processes share it: a B-tree whose pages are locked, so
// that writers of different pages go on together, and snapshots by versions of pages. A process
// registers itself (DB_REGISTER): who opens after a death recovers, and all others have to leave
// (DB_RUNRECOVERY), so no client can be killed alone. Fail-fast is DB_TXN_NOWAIT; the queue waits
// for locks as long as the deadline, and what loses a deadlock begins again in that time. A read
// outside of a view locks a page for its time, and begins again likewise. `process` is
// DB_TXN_WRITE_NOSYNC, and a durable write DB_TXN_SYNC. Nobody checkpoints but the application: a
// session does now and then, once 64 MiB were logged. The cache, 64 MiB, is that of all processes.
namespace tidelock::agent {
namespace {

using Environment = BerkeleyDbEnvironment;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kCheckpointKilobytes = 64 * 1'024;
constexpr std::uint32_t kCheckpointLook = 256;  // writes of a session

bool lost_to_others(int error) noexcept {
  return error == DB_LOCK_DEADLOCK || error == DB_LOCK_NOTGRANTED;
}

struct Abort {
  void operator()(DB_TXN* txn) const { (void)txn->abort(txn); }
};
using Transaction = std::unique_ptr<DB_TXN, Abort>;

Result<Transaction> begin(const Environment& environment, std::uint32_t flags) {
  DB_TXN* txn = nullptr;
  const int error = environment.env()->txn_begin(environment.env(), nullptr, &txn, flags);
  if (error != 0) return environment.failure("begin a transaction in", error);
  return Transaction(txn);
}

Result<bool> get(const Environment& environment, DB_TXN* txn, std::string_view key, Dbt& value) {
  Dbt wanted(key);
  int error = 0;
  do {
    error = environment.db()->get(environment.db(), txn, wanted.get(), value.get(), 0);
  } while (txn == nullptr && lost_to_others(error));
  if (error == 0) return true;
  if (error == DB_NOTFOUND) return false;
  return environment.failure("get from", error);
}

class BerkeleyDbCursor final : public Cursor {
 public:
  BerkeleyDbCursor(const Environment& environment, std::shared_ptr<DB_TXN> txn, DBC* cursor,
                   const Span& span)
      : environment_(environment), txn_(std::move(txn)), cursor_(cursor), first_(span.first) {
    if (span.last) last_ = *span.last;
  }
  BerkeleyDbCursor(const BerkeleyDbCursor&) = delete;
  BerkeleyDbCursor& operator=(const BerkeleyDbCursor&) = delete;
  ~BerkeleyDbCursor() override { (void)cursor_->close(cursor_); }

  void seek_first() override { seek(first_); }
  void seek_last() override {
    if (!last_) return move(DB_LAST);
    seek(*last_);
    if (error_ == DB_NOTFOUND) return move(DB_LAST);
    if (valid() && key() != *last_) move(DB_PREV);
  }
  void next() override { move(DB_NEXT); }
  void prev() override { move(DB_PREV); }
  [[nodiscard]] bool valid() const override { return error_ == 0; }
  [[nodiscard]] std::string_view key() const override { return key_.view(); }
  [[nodiscard]] std::string_view value() const override { return value_.view(); }
  [[nodiscard]] Status status() const override {
    if (error_ == 0 || error_ == DB_NOTFOUND) return {};
    return environment_.failure("walk over", error_);
  }

 private:
  void seek(const std::string& key) {
    key_.set(key);
    move(DB_SET_RANGE);
  }
  void move(std::uint32_t operation) {
    error_ = cursor_->get(cursor_, key_.get(), value_.get(), operation);
  }

  const Environment& environment_;
  const std::shared_ptr<DB_TXN> txn_;
  DBC* const cursor_;
  const std::string first_;
  std::optional<std::string> last_;
  Dbt key_, value_;
  int error_ = DB_NOTFOUND;
};

class BerkeleyDbView final : public View {
 public:
  BerkeleyDbView(const Environment& environment, Transaction txn)
      : environment_(environment), txn_(std::move(txn)) {}

  Result<bool> get(std::string_view key, std::string& value) override {
    Result<bool> found = agent::get(environment_, txn_.get(), key, value_);
    if (found && *found) value.assign(value_.view());
    return found;
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    DBC* cursor = nullptr;
    DB* const db = environment_.db();
    const int error = db->cursor(db, txn_.get(), &cursor, 0);
    if (error != 0) return environment_.failure("walk over", error);
    return std::unique_ptr<Cursor>(
        std::make_unique<BerkeleyDbCursor>(environment_, txn_, cursor, span));
  }

 private:
  const Environment& environment_;
  const std::shared_ptr<DB_TXN> txn_;
  Dbt value_;
};

class BerkeleyDbSession final : public Session {
 public:
  BerkeleyDbSession(Environment& environment, Wait::Policy wait, std::chrono::milliseconds deadline)
      : environment_(environment), waits_(wait == Wait::Policy::kQueue), deadline_(deadline) {}

  Result<bool> get(std::string_view key, std::string& value) override {
    Result<bool> found = agent::get(environment_, nullptr, key, value_);
    if (found && *found) value.assign(value_.view());
    return found;
  }
  Result<bool> exists(std::string_view key) override {
    return agent::get(environment_, nullptr, key, value_);
  }
  Status write(std::span<const Change> changes, bool durable) override {
    const std::uint32_t flags =
        (waits_ ? 0u : unsigned{DB_TXN_NOWAIT}) | (durable ? unsigned{DB_TXN_SYNC} : 0u);
    const Clock::time_point begin = Clock::now();
    for (;;) {
      Status status = try_to_write(changes, flags);
      if (status.ok() && ++writes_ % kCheckpointLook == 0) {
        // Committed it is in any case: what this one could not do, the next one does.
        (void)environment_.checkpoint(kCheckpointKilobytes);
      }
      if (status.code() != StatusCode::kBusy || !waits_) return status;
      if (Clock::now() - begin >= deadline_) return {StatusCode::kTimedOut, status.message()};
    }
  }
  // A snapshot begins with what is read first.
  Result<std::unique_ptr<View>> view() override {
    Result<Transaction> txn = begin(environment_, DB_TXN_SNAPSHOT);
    if (!txn) return txn.error();
    const Result<bool> touched = agent::get(environment_, txn->get(), "", value_);
    if (!touched) return touched.error();
    return std::unique_ptr<View>(std::make_unique<BerkeleyDbView>(environment_, *std::move(txn)));
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    const Result<std::unique_ptr<View>> at_once = view();
    if (!at_once) return at_once.error();
    return (*at_once)->cursor(span);
  }

 private:
  Status try_to_write(std::span<const Change> changes, std::uint32_t flags) {
    Result<Transaction> txn = begin(environment_, flags);
    if (!txn) return txn.error();
    for (const Change& change : changes) {
      if (const int error = apply(txn->get(), change)) {
        return environment_.failure("write to", error);
      }
    }
    DB_TXN* const whole = txn->release();
    const int error = whole->commit(whole, 0);
    return error == 0 ? Status() : environment_.failure("commit to", error);
  }
  int apply(DB_TXN* txn, const Change& change) const {
    DB* const db = environment_.db();
    Dbt key(change.key);
    if (change.value) {
      Dbt value(*change.value);
      return db->put(db, txn, key.get(), value.get(), 0);
    }
    const int error = db->del(db, txn, key.get(), 0);
    return error == DB_NOTFOUND ? 0 : error;
  }

  Environment& environment_;
  const bool waits_;
  const std::chrono::milliseconds deadline_;
  std::uint32_t writes_ = 0;
  Dbt value_;
};

class BerkeleyDbStore final : public Store {
 public:
  BerkeleyDbStore(Site site, const StoreOptions& options)
      : environment_(std::move(site)), wait_(options.wait), deadline_(options.deadline) {}

  Status open(const StoreOptions& options) { return environment_.open(options); }
  Result<std::unique_ptr<Session>> session() override {
    return std::unique_ptr<Session>(
        std::make_unique<BerkeleyDbSession>(environment_, wait_, deadline_));
  }
  Status flush() override { return environment_.checkpoint(0); }
  Result<Inspection> inspect() override { return count_entries(*this); }
  Status close() override { return environment_.close(); }

 private:
  Environment environment_;
  const Wait::Policy wait_;
  const std::chrono::milliseconds deadline_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_berkeleydb(const StoreOptions& options) {
  Result<Site> site = enter("berkeleydb", options);
  if (!site) return site.error();
  auto store = std::make_unique<BerkeleyDbStore>(*std::move(site), options);
  if (Status status = store->open(options); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

std::string berkeleydb_version() {
  int major = 0, minor = 0, patch = 0;
  (void)db_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace tidelock::agent
