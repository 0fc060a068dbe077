#pragma once

#include <db.h>

#include <memory>
#include <string_view>

#include "agent/stores/adapter.h"

namespace tidelock::agent {

// Bytes that Berkeley DB reads, or a buffer of its own making (DB_THREAD asks for one).
class Dbt {
 public:
  Dbt() { dbt_.flags = DB_DBT_REALLOC; }
  explicit Dbt(std::string_view bytes) { set(bytes); }
  Dbt(const Dbt&) = delete;
  Dbt& operator=(const Dbt&) = delete;
  ~Dbt();

  void set(std::string_view bytes);
  [[nodiscard]] DBT* get() { return &dbt_; }
  [[nodiscard]] std::string_view view() const {
    return {static_cast<const char*>(dbt_.data), dbt_.size};
  }

 private:
  DBT dbt_{};
};

// A transactional environment and the one database in it.
class BerkeleyDbEnvironment {
 public:
  explicit BerkeleyDbEnvironment(Site site) : site_(std::move(site)) {}
  BerkeleyDbEnvironment(const BerkeleyDbEnvironment&) = delete;
  BerkeleyDbEnvironment& operator=(const BerkeleyDbEnvironment&) = delete;
  ~BerkeleyDbEnvironment() { (void)close(); }

  [[nodiscard]] Status open(const StoreOptions& options);
  [[nodiscard]] Status close();
  [[nodiscard]] Status failure(std::string_view operation, int error) const;
  // The log's older files are of no use after it, and removed.
  [[nodiscard]] Status checkpoint(std::uint32_t kilobytes);
  [[nodiscard]] DB_ENV* env() const { return env_; }
  [[nodiscard]] DB* db() const { return db_; }

 private:
  [[nodiscard]] int open_env(const StoreOptions& options);
  [[nodiscard]] int open_db(const StoreOptions& options);

  const Site site_;
  DB_ENV* env_ = nullptr;
  DB* db_ = nullptr;
};

}  // namespace tidelock::agent
