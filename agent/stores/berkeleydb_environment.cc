#include "agent/stores/berkeleydb_environment.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr int kMode = 0666;
constexpr std::uint32_t kLocksMax = 100'000;        // of each kind
constexpr std::uint32_t kTransactionsMax = 20'000;  // snapshots too, while their pages are kept

StatusCode code_of(int error) noexcept {
  switch (error) {
    case DB_LOCK_DEADLOCK:
    case DB_LOCK_NOTGRANTED:
      return StatusCode::kBusy;
    case DB_NOTFOUND:
      return StatusCode::kNotFound;
    case DB_PAGE_NOTFOUND:
    case DB_SECONDARY_BAD:
    case DB_VERIFY_BAD:
      return StatusCode::kCorruption;
    case DB_VERSION_MISMATCH:
    case DB_OLD_VERSION:
      return StatusCode::kUnsupported;
    default:
      return error > 0 ? code_of_errno(error) : StatusCode::kIo;
  }
}

// Its messages come as codes, too.
void say_nothing(const DB_ENV*, const char*, const char*) {}

std::uint32_t in_us(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds::rep kLongest = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(
      std::clamp(time.count(), decltype(kLongest){1}, kLongest / 1'000) * 1'000);
}

}  // namespace

Dbt::~Dbt() {
  if ((dbt_.flags & DB_DBT_REALLOC) != 0) std::free(dbt_.data);
}

void Dbt::set(std::string_view bytes) {
  if ((dbt_.flags & DB_DBT_REALLOC) != 0) {  // the cursor exchanges it for what it finds
    dbt_.data = std::realloc(dbt_.data, std::max<std::size_t>(bytes.size(), 1));
    std::copy(bytes.begin(), bytes.end(), static_cast<char*>(dbt_.data));
  } else {
    dbt_.data = const_cast<char*>(bytes.data());
  }
  dbt_.size = static_cast<std::uint32_t>(bytes.size());
}

Status BerkeleyDbEnvironment::failure(std::string_view operation, int error) const {
  return site_.failure(code_of(error), operation, db_strerror(error));
}

int BerkeleyDbEnvironment::open_env(const StoreOptions& options) {
  if (const int error = db_env_create(&env_, 0)) return error;
  env_->set_errcall(env_, say_nothing);
  env_->set_cachesize(env_, 0, kCacheSize, 1);
  env_->set_lk_detect(env_, DB_LOCK_MINWRITE);
  env_->set_lk_max_locks(env_, kLocksMax);
  env_->set_lk_max_objects(env_, kLocksMax);
  env_->set_lk_max_lockers(env_, kLocksMax);
  env_->set_tx_max(env_, kTransactionsMax);
  env_->log_set_config(env_, DB_LOG_AUTO_REMOVE, 1);
  if (options.wait == Wait::Policy::kQueue && options.deadline != Wait::kForEver) {
    env_->set_timeout(env_, in_us(options.deadline), DB_SET_LOCK_TIMEOUT);
  }
  if (options.durability != Durability::kDurable) env_->set_flags(env_, DB_TXN_WRITE_NOSYNC, 1);
  constexpr std::uint32_t kFlags = DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_TXN |
                                   DB_THREAD | DB_REGISTER | DB_RECOVER | DB_CREATE;
  return env_->open(env_, site_.directory.c_str(), kFlags, kMode);
}

int BerkeleyDbEnvironment::open_db(const StoreOptions& options) {
  if (const int error = db_create(&db_, env_, 0)) return error;
  const std::uint32_t flags =
      DB_AUTO_COMMIT | DB_MULTIVERSION | DB_THREAD | (options.create ? unsigned{DB_CREATE} : 0u);
  return db_->open(db_, nullptr, "entries.db", nullptr, DB_BTREE, flags, kMode);
}

Status BerkeleyDbEnvironment::open(const StoreOptions& options) {
  int error = open_env(options);
  if (error == 0) error = open_db(options);
  return error == 0 ? Status() : failure("open", error);
}

Status BerkeleyDbEnvironment::checkpoint(std::uint32_t kilobytes) {
  const int error = env_->txn_checkpoint(env_, kilobytes, 0, 0);
  return error == 0 ? Status() : failure("checkpoint", error);
}

// A database is closed without a sync: the log has it all.
Status BerkeleyDbEnvironment::close() {
  DB* const db = std::exchange(db_, nullptr);
  DB_ENV* const env = std::exchange(env_, nullptr);
  int error = db != nullptr ? db->close(db, DB_NOSYNC) : 0;
  const int error_of_env = env != nullptr ? env->close(env, 0) : 0;
  if (error == 0) error = error_of_env;
  return error == 0 ? Status() : failure("close", error);
}

}  // namespace tidelock::agent
