#include "lockd/keeper.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace tidelock::lockd {

namespace {

constexpr std::chrono::seconds kRetryEvery{1};

}  // namespace

Options keeper_options(const Settings& settings) {
  Options options;
  options.mode = OpenMode::kOpen;
  options.background = Background::kUpkeep;
  options.sync_period = settings.sync_period;
  options.label = "tidelock-lockd";
  options.allow_unsafe_file_system = settings.allow_unsafe_file_system;
  options.wait.deadline = std::chrono::milliseconds(5'000);
  return options;
}

Keeper::Keeper(std::string directory, const Settings& settings, Log& log)
    : directory_(std::move(directory)),
      options_(keeper_options(settings)),
      log_(log),
      thread_([this] { run(); }) {}

Keeper::~Keeper() {
  stop_soon();
  thread_.join();
}

void Keeper::stop_soon() {
  const std::lock_guard guard(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::shared_ptr<Db> Keeper::database() const {
  const std::lock_guard guard(mutex_);
  return database_;
}

void Keeper::run() {
  for (;;) {
    {
      const std::lock_guard guard(mutex_);
      if (stopping_) break;
    }
    if (open()) {
      keep();
      close();
    }
    rest(kRetryEvery);
  }
}

void Keeper::rest(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

bool Keeper::open() {
  Result<Db> opened = Db::open(directory_, options_);
  if (!opened) {
    complain("cannot open", opened.error());
    return false;
  }
  last_complaint_.clear();
  {
    const std::lock_guard guard(mutex_);
    database_ = std::make_shared<Db>(std::move(*opened));
  }
  log_.info("opened", {{"database", directory_}});  // and metrics tell of it
  warn_of_ownership();
  return true;
}

// Files that it makes get the group and mode of those that are there, but not their owner.
void Keeper::warn_of_ownership() {
  struct stat facts {};
  if (::stat((directory_ + "/CURRENT").c_str(), &facts) != 0 || facts.st_uid == ::geteuid()) return;
  log_.warning("runs as another user than the database belongs to",
               {{"database", directory_}, {"own_uid", ::geteuid()}, {"its_uid", facts.st_uid}});
}

void Keeper::close() {
  std::shared_ptr<Db> database;
  {
    const std::lock_guard guard(mutex_);
    database = std::exchange(database_, nullptr);
  }
  const Status status = database->close();
  if (status.ok()) {
    log_.info("closed", {{"database", directory_}});
  } else {
    log_.warning("closed with an error", {{"database", directory_}, {"cause", status.to_string()}});
  }
}

// Until it is told to stop, or the database cannot be kept any more.
void Keeper::keep() {
  const std::shared_ptr<Db> database = this->database();
  for (;;) {
    Result<Upkeep> done = database->upkeep();
    if (!done) {
      counts_.failures.fetch_add(1, std::memory_order_relaxed);
      complain("lost", done.error());
      return;
    }
    tell(*done);
    std::unique_lock lock(mutex_);
    const auto stop = [this] { return stopping_; };
    if (changed_.wait_for(lock, done->next, stop)) return;
  }
}

void Keeper::tell(const Upkeep& done) {
  const auto add = [](std::atomic<std::uint64_t>& counter, std::uint64_t count) {
    counter.fetch_add(count, std::memory_order_relaxed);
  };
  add(counts_.recoveries, done.recovered ? 1 : 0);
  add(counts_.flushes, done.flushes);
  add(counts_.compactions, done.compactions);
  add(counts_.sweeps, done.swept ? 1 : 0);
  if (done.recovered) log_.info("recovered the lock of a dead holder", {{"database", directory_}});
  untold_.flushes += done.flushes;
  untold_.compactions += done.compactions;
  if (done.next.count() != 0 && untold_.flushes + untold_.compactions != 0) {
    log_.info("did what was due", {{"database", directory_},
                                   {"flushes", untold_.flushes},
                                   {"compactions", untold_.compactions}});
    untold_ = {};
  }
  if (done.swept) log_.debug("swept", {{"database", directory_}});
  if (done.hindered.ok()) {
    last_complaint_.clear();
  } else {
    add(counts_.failures, 1);
    complain("cannot do what is due", done.hindered);
  }
}

void Keeper::complain(const char* event, const Status& status) {
  std::string text = event + (": " + status.to_string());
  if (text == last_complaint_) return;
  last_complaint_ = std::move(text);
  log_.warning(event, {{"database", directory_}, {"cause", status.to_string()}});
}

}  // namespace tidelock::lockd
