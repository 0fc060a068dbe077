#include "lockd/daemon.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lockd/death_watch.h"
#include "lockd/holder_watch.h"
#include "lockd/keeper.h"
#include "lockd/metrics.h"
#include "lockd/metrics_server.h"
#include "lockd/notify.h"
#include "tidelock/version.h"

namespace tidelock::lockd {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often the list of members is read: who attached since is watched from then on.
constexpr milliseconds kRefreshEvery{50};
// How often a holder is asked about while somebody is attached whom no pidfd watches.
constexpr milliseconds kProbeEvery{5};
constexpr std::uint32_t kSignalTag = 0;

// One database under watch.
struct Post {
  Post(const std::string& directory, const Settings& settings, Log& log, int epoll,
       std::uint32_t tag)
      : keeper(directory, settings, log), deaths(keeper, log, epoll, tag), holders(keeper, log) {}

  // The list of members: deaths, newcomers, who holds the lock.
  void look(const Settings& settings) {
    const std::shared_ptr<Db> database = keeper.database();
    const Result<LockInfo> info =
        database != nullptr ? database->lock_info() : Status(StatusCode::kClosed, "not open");
    if (!info) {
      deaths.forget_all();
      holders.forget();
      return;
    }
    deaths.refresh(*info);
    holders.look(*info, settings);
  }

  Keeper keeper;
  DeathWatch deaths;
  HolderWatch holders;
};

class Daemon {
 public:
  Daemon(const Settings& settings, Log& log, const ReadSettings& read_again)
      : settings_(settings), log_(log), read_again_(read_again) {}
  ~Daemon();

  int run();

 private:
  bool listen_for_signals();
  bool serve_metrics();
  void loop();
  void on_signal();
  void reload();
  void keep_these(const std::vector<std::string>& directories);
  void tick(Clock::time_point now);
  [[nodiscard]] int wait_ms(Clock::time_point now) const;
  [[nodiscard]] std::string metrics();

  Settings settings_;
  Log& log_;
  const ReadSettings& read_again_;
  int epoll_ = -1;
  int signals_ = -1;
  bool stopping_ = false;
  std::uint32_t last_tag_ = kSignalTag;
  std::mutex posts_mutex_;  // the main thread changes the map under it, metrics read under it
  std::map<std::uint32_t, std::unique_ptr<Post>> posts_;
  std::vector<std::jthread> dismissals_;
  Clock::time_point next_look_;
  Clock::time_point next_watchdog_;
  std::unique_ptr<MetricsServer> server_;  // last: its threads use the above
};

Daemon::~Daemon() {
  server_.reset();
  for (const auto& [tag, post] : posts_) post->keeper.stop_soon();
  posts_.clear();
  dismissals_.clear();
  for (const int fd : {epoll_, signals_}) {
    if (fd >= 0) ::close(fd);
  }
}

// Blocked here, before there are threads, they come to nobody but the descriptor.
bool Daemon::listen_for_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = std::uint64_t{kSignalTag} << 32;
  const bool ready =
      epoll_ >= 0 && signals_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, signals_, &event) == 0;
  if (!ready) log_.error("cannot wait for events", {{"errno", errno}});
  return ready;
}

bool Daemon::serve_metrics() {
  if (!settings_.metrics) return true;
  auto server = MetricsServer::start(*settings_.metrics, [this] { return metrics(); });
  if (!server) {
    log_.error("cannot serve metrics", {{"cause", server.error().to_string()}});
    return false;
  }
  server_ = std::move(*server);
  log_.info("serving metrics", {{"address", server_->where()}});
  return true;
}

std::string Daemon::metrics() {
  const std::lock_guard guard(posts_mutex_);
  std::vector<DatabaseFacts> facts;
  for (const auto& [tag, post] : posts_) facts.push_back(gather(post->keeper));
  return metrics_text(facts);
}

int Daemon::run() {
  if (!listen_for_signals() || !serve_metrics()) return static_cast<int>(ExitCode::kFailed);
  keep_these(settings_.directories);
  log_.info("ready", {{"version", version()}, {"databases", posts_.size()}});
  notify_service_manager("READY=1");
  loop();
  notify_service_manager("STOPPING=1");
  log_.info("stopping");
  return static_cast<int>(ExitCode::kOk);
}

// A directory that is kept already goes on undisturbed. One that is dismissed may be at a job that
// takes long, which must not keep the others from being watched.
void Daemon::keep_these(const std::vector<std::string>& directories) {
  const std::lock_guard guard(posts_mutex_);
  std::vector<std::string> missing = directories;
  for (auto at = posts_.begin(); at != posts_.end();) {
    const auto next = std::next(at);
    if (std::erase(missing, at->second->keeper.directory()) == 0) {
      at->second->keeper.stop_soon();
      dismissals_.emplace_back([post = std::move(at->second)] {});
      posts_.erase(at);
    }
    at = next;
  }
  for (const std::string& directory : missing) {
    ++last_tag_;
    posts_[last_tag_] = std::make_unique<Post>(directory, settings_, log_, epoll_, last_tag_);
  }
}

void Daemon::reload() {
  notify_reloading();
  const auto read = read_again_();
  if (const Settings* settings = std::get_if<Settings>(&read)) {
    if (settings->metrics != settings_.metrics || settings->log_format != settings_.log_format ||
        settings->sync_period != settings_.sync_period ||
        settings->allow_unsafe_file_system != settings_.allow_unsafe_file_system) {
      log_.warning("some settings change with the next start only");
    }
    settings_.warn_held_after = settings->warn_held_after;
    settings_.kill_stuck_after = settings->kill_stuck_after;
    settings_.directories = settings->directories;
    log_.set_level(settings->log_level);
    keep_these(settings_.directories);
    log_.info("reloaded", {{"databases", posts_.size()}});
  } else {
    log_.error("cannot reload: going on as before", {{"cause", std::get<Answer>(read).text}});
  }
  notify_service_manager("READY=1");
}

void Daemon::on_signal() {
  signalfd_siginfo facts{};
  while (::read(signals_, &facts, sizeof facts) == static_cast<ssize_t>(sizeof facts)) {
    if (facts.ssi_signo == SIGHUP) {
      reload();
    } else {
      stopping_ = true;
    }
  }
}

void Daemon::loop() {
  std::array<epoll_event, 64> events{};
  const auto watchdog = watchdog_period();
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), wait_ms(Clock::now()));
    for (int i = 0; i < count; ++i) {
      const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
      const auto tag = static_cast<std::uint32_t>(data >> 32);
      if (tag == kSignalTag) {
        on_signal();
        continue;
      }
      const auto post = posts_.find(tag);
      if (post == posts_.end()) continue;
      post->second->deaths.on_event(static_cast<std::uint32_t>(data));
      next_look_ = Clock::now();
    }
    const Clock::time_point now = Clock::now();
    tick(now);
    if (watchdog && now >= next_watchdog_) {
      next_watchdog_ = now + *watchdog;
      notify_service_manager("WATCHDOG=1");
    }
  }
}

void Daemon::tick(Clock::time_point now) {
  const bool look = now >= next_look_;
  if (look) next_look_ = now + kRefreshEvery;
  for (const auto& [tag, post] : posts_) {
    if (look) {
      post->look(settings_);
    } else if (post->deaths.must_probe()) {
      post->deaths.probe();
    }
  }
}

int Daemon::wait_ms(Clock::time_point now) const {
  auto wait = std::chrono::ceil<milliseconds>(next_look_ - now);
  for (const auto& [tag, post] : posts_) {
    if (post->deaths.must_probe()) wait = std::min(wait, kProbeEvery);
  }
  return static_cast<int>(std::max(wait, milliseconds(0)).count());
}

// A descriptor for each member, and a few for each database.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_daemon(const Settings& settings, Log& log, const ReadSettings& read_again) {
  raise_descriptor_limit();
  return Daemon(settings, log, read_again).run();
}

}  // namespace tidelock::lockd
