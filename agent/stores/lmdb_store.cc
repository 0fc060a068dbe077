#include "agent/stores/lmdb_store.h"

#include <lmdb.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/stores/adapter.h"

// LMDB, as many processes share it: a copy-on-write tree in one mapped file, readers without locks
// (MDB_NOTLS: a reader belongs to its transaction, not to its thread), writers one after the other
// behind a robust mutex in shared memory. It always waits for that mutex, without a deadline, so
// fail-fast means nothing here. `process`: MDB_NOSYNC. A durable write of such a store is followed
// by mdb_env_sync, which syncs the commits of all. It has no cache of its own: the kernel's pages
// are mapped. The map is reserved address space, of which no byte is used before it is needed; what
// would go beyond fails with kNoSpace and is not done. Keys have at most 511 bytes. mdb_txn_id is
// no number of a view's point: a reader takes the id first and the roots afterwards, so that after
// a pause between the two it sees commits that are newer than its id.
namespace tidelock::agent {
namespace {

constexpr std::uint64_t kMapSizeMin = std::uint64_t{16} << 30;
constexpr unsigned kReadersMax = 16'384;  // transactions of all processes
constexpr mdb_mode_t kMode = 0666;

StatusCode code_of(int error) noexcept {
  switch (error) {
    case MDB_NOTFOUND:
      return StatusCode::kNotFound;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return StatusCode::kCorruption;
    case MDB_VERSION_MISMATCH:
      return StatusCode::kUnsupported;
    case MDB_MAP_FULL:
      return StatusCode::kNoSpace;
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
      return StatusCode::kLimit;
    case MDB_BAD_VALSIZE:
      return StatusCode::kTooLarge;
    default:
      return error > 0 ? code_of_errno(error) : StatusCode::kIo;
  }
}

MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

struct Environment {
  Site site;
  MDB_env* env = nullptr;
  MDB_dbi dbi = 0;
  bool synced = false;  // each commit

  // A short write, as on a disk that is full, is EIO there.
  [[nodiscard]] Status failure(std::string_view operation, int error) const {
    const bool full = error == EIO && site.is_full();
    return site.failure(full ? StatusCode::kNoSpace : code_of(error), operation,
                        mdb_strerror(error));
  }
  [[nodiscard]] Result<bool> get(MDB_txn* txn, std::string_view key, MDB_val& value) const {
    MDB_val wanted = to_val(key);
    const int error = mdb_get(txn, dbi, &wanted, &value);
    if (error == 0) return true;
    if (error == MDB_NOTFOUND) return false;
    return failure("get from", error);
  }
};

struct Abort {
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Transaction = std::unique_ptr<MDB_txn, Abort>;

Result<Transaction> begin(const Environment& environment, unsigned flags) {
  MDB_txn* txn = nullptr;
  const int error = mdb_txn_begin(environment.env, nullptr, flags, &txn);
  if (error != 0) return environment.failure("begin a transaction in", error);
  return Transaction(txn);
}

class LmdbCursor final : public Cursor {
 public:
  LmdbCursor(const Environment& environment, std::shared_ptr<MDB_txn> txn, MDB_cursor* cursor,
             const Span& span)
      : environment_(environment), txn_(std::move(txn)), cursor_(cursor), first_(span.first) {
    if (span.last) last_ = *span.last;
  }
  LmdbCursor(const LmdbCursor&) = delete;
  LmdbCursor& operator=(const LmdbCursor&) = delete;
  ~LmdbCursor() override { mdb_cursor_close(cursor_); }

  void seek_first() override {
    key_ = to_val(first_);
    move(first_.empty() ? MDB_FIRST : MDB_SET_RANGE);
  }
  void seek_last() override {
    if (!last_) return move(MDB_LAST);
    key_ = to_val(*last_);
    move(MDB_SET_RANGE);
    if (error_ == MDB_NOTFOUND) return move(MDB_LAST);
    if (valid() && key() != *last_) move(MDB_PREV);
  }
  void next() override { move(MDB_NEXT); }
  void prev() override { move(MDB_PREV); }
  [[nodiscard]] bool valid() const override { return error_ == 0; }
  [[nodiscard]] std::string_view key() const override { return to_view(key_); }
  [[nodiscard]] std::string_view value() const override { return to_view(value_); }
  [[nodiscard]] Status status() const override {
    if (error_ == 0 || error_ == MDB_NOTFOUND) return {};
    return environment_.failure("walk over", error_);
  }

 private:
  void move(MDB_cursor_op operation) {
    error_ = mdb_cursor_get(cursor_, &key_, &value_, operation);
  }

  const Environment& environment_;
  const std::shared_ptr<MDB_txn> txn_;
  MDB_cursor* const cursor_;
  const std::string first_;
  std::optional<std::string> last_;
  MDB_val key_{}, value_{};
  int error_ = MDB_NOTFOUND;
};

class LmdbView final : public View {
 public:
  LmdbView(const Environment& environment, Transaction txn)
      : environment_(environment), txn_(std::move(txn)) {}

  Result<bool> get(std::string_view key, std::string& value) override {
    MDB_val found{};
    Result<bool> result = environment_.get(txn_.get(), key, found);
    if (result && *result) value.assign(to_view(found));
    return result;
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    MDB_cursor* cursor = nullptr;
    const int error = mdb_cursor_open(txn_.get(), environment_.dbi, &cursor);
    if (error != 0) return environment_.failure("walk over", error);
    return std::unique_ptr<Cursor>(std::make_unique<LmdbCursor>(environment_, txn_, cursor, span));
  }

 private:
  const Environment& environment_;
  const std::shared_ptr<MDB_txn> txn_;
};

class LmdbSession final : public Session {
 public:
  // `reading` is at rest while no get is under way, and pins nothing.
  LmdbSession(const Environment& environment, Transaction reading)
      : environment_(environment), reading_(std::move(reading)) {
    mdb_txn_reset(reading_.get());
  }

  Result<bool> get(std::string_view key, std::string& value) override {
    return read(key, [&](const MDB_val& found) { value.assign(to_view(found)); });
  }
  Result<bool> exists(std::string_view key) override {
    return read(key, [](const MDB_val&) {});
  }
  Status write(std::span<const Change> changes, bool durable) override {
    Result<Transaction> txn = begin(environment_, 0);
    if (!txn) return txn.error();
    for (const Change& change : changes) {
      if (const int error = apply(txn->get(), change)) {
        return environment_.failure("write to", error);
      }
    }
    if (const int error = mdb_txn_commit(txn->release())) {
      return environment_.failure("commit to", error);
    }
    if (!durable || environment_.synced) return {};
    const int error = mdb_env_sync(environment_.env, 1);
    if (error == 0) return {};
    return environment_.site.failure(StatusCode::kNotDurable, "sync", mdb_strerror(error));
  }
  Result<std::unique_ptr<View>> view() override {
    Result<Transaction> txn = begin(environment_, MDB_RDONLY);
    if (!txn) return txn.error();
    return std::unique_ptr<View>(std::make_unique<LmdbView>(environment_, *std::move(txn)));
  }
  Result<std::unique_ptr<Cursor>> cursor(const Span& span) override {
    const Result<std::unique_ptr<View>> at_once = view();
    if (!at_once) return at_once.error();
    return (*at_once)->cursor(span);
  }

 private:
  template <typename Use>
  Result<bool> read(std::string_view key, Use use) {
    if (const int error = mdb_txn_renew(reading_.get())) {
      return environment_.failure("get from", error);
    }
    MDB_val found{};
    Result<bool> result = environment_.get(reading_.get(), key, found);
    if (result && *result) use(found);
    mdb_txn_reset(reading_.get());
    return result;
  }
  int apply(MDB_txn* txn, const Change& change) const {
    MDB_val key = to_val(change.key);
    if (change.value) {
      MDB_val value = to_val(*change.value);
      return mdb_put(txn, environment_.dbi, &key, &value, 0);
    }
    const int error = mdb_del(txn, environment_.dbi, &key, nullptr);
    return error == MDB_NOTFOUND ? 0 : error;
  }

  const Environment& environment_;
  const Transaction reading_;
};

class LmdbStore final : public Store {
 public:
  explicit LmdbStore(Site site) { environment_.site = std::move(site); }
  ~LmdbStore() override { (void)close(); }
  LmdbStore(const LmdbStore&) = delete;
  LmdbStore& operator=(const LmdbStore&) = delete;

  Status open(const StoreOptions& options) {
    const Site& site = environment_.site;
    environment_.synced = options.durability == Durability::kDurable;
    int error = mdb_env_create(&environment_.env);
    if (error != 0) return environment_.failure("open", error);
    const std::uint64_t map_size = std::max(kMapSizeMin, 4 * options.data_size);
    mdb_env_set_mapsize(environment_.env, map_size);
    mdb_env_set_maxreaders(environment_.env, kReadersMax);
    const unsigned flags = MDB_NOTLS | (environment_.synced ? 0u : unsigned{MDB_NOSYNC});
    error = mdb_env_open(environment_.env, site.directory.c_str(), flags, kMode);
    if (error != 0) return environment_.failure("open", error);
    // What the dead were reading would be kept for ever.
    error = mdb_reader_check(environment_.env, nullptr);
    if (error != 0) return environment_.failure("look for dead readers of", error);
    const Result<Transaction> txn = begin(environment_, MDB_RDONLY);
    if (!txn) return txn.error();
    error = mdb_dbi_open(txn->get(), nullptr, 0, &environment_.dbi);
    return error == 0 ? Status() : environment_.failure("open", error);
  }

  Result<std::unique_ptr<Session>> session() override {
    Result<Transaction> txn = begin(environment_, MDB_RDONLY);
    if (!txn) return txn.error();
    return std::unique_ptr<Session>(std::make_unique<LmdbSession>(environment_, *std::move(txn)));
  }
  Status flush() override {
    const int error = mdb_env_sync(environment_.env, 1);
    return error == 0 ? Status() : environment_.failure("sync", error);
  }
  Result<Inspection> inspect() override {
    MDB_stat stat{};
    const int error = mdb_env_stat(environment_.env, &stat);
    if (error != 0) return environment_.failure("inspect", error);
    return Inspection{.entries = stat.ms_entries, .problems = {}};
  }
  Status close() override {
    if (environment_.env != nullptr) mdb_env_close(std::exchange(environment_.env, nullptr));
    return {};
  }

 private:
  Environment environment_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_lmdb(const StoreOptions& options) {
  Result<Site> site = enter("lmdb", options);
  if (!site) return site.error();
  auto store = std::make_unique<LmdbStore>(*std::move(site));
  if (Status status = store->open(options); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

std::string lmdb_version() {
  int major = 0, minor = 0, patch = 0;
  (void)mdb_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace tidelock::agent
