#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "lockd/lockd.h"
#include "lockd/metrics_format.h"
#include "lsm/engine.h"
#include "os/clock.h"
#include "support/child_process.h"
#include "support/open_database.h"
#include "support/shared_value.h"
#include "tidelock/db.h"

namespace tidelock::test {

// A database, a daemon that keeps it, and clients.
class KeptDatabaseTest : public DatabaseTest {
 protected:
  [[nodiscard]] static Options client() {
    Options options;
    options.background = Background::kNone;
    options.wait.deadline = std::chrono::seconds(60);  // on a machine with much else to do
    return options;
  }
  [[nodiscard]] std::string socket() const { return directory_.file("socket"); }

  // Opened and ready.
  [[nodiscard]] Lockd keep(std::vector<std::string> arguments = {}) const {
    arguments.push_back(path());
    Lockd lockd(arguments);
    EXPECT_TRUE(lockd.says("opened database=" + path())) << lockd.log();
    return lockd;
  }
  [[nodiscard]] Lockd keep_with_metrics(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.end(), {"--metrics", "unix:" + socket()});
    return keep(arguments);
  }

  // One number of this database; -1 if it is not there.
  [[nodiscard]] double metric(const std::string& name) const {
    const std::string answer = http_get(socket(), "/metrics");
    const std::size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos) return -1;
    const Metrics metrics = parse_metrics(answer.substr(body + 4));
    const auto at = metrics.samples.find(name + "{database=\"" + path() + "\"}");
    return at == metrics.samples.end() ? -1 : at->second;
  }

  // A process that holds the writer lock until it is told to let go.
  [[nodiscard]] ChildProcess hold(Handover handover = Handover::kBounded) {
    acts_->holds = false;
    acts_->let_go = false;
    ChildProcess child([this, handover] {
      Options options = client();
      options.handover = handover;
      options.label = "holder";
      auto engine = lsm::Engine::open(path(), options);
      if (!engine) return 2;
      auto guard = (*engine)->context().queue->acquire(Wait{});
      if (!guard) return 3;
      acts_->identity = lock::to_word((*engine)->context().queue->self());
      acts_->holds = true;
      while (!acts_->let_go) os::sleep_for(std::chrono::milliseconds(1));
      return 0;
    });
    EXPECT_TRUE(comes_true([this] { return acts_->holds.load(); }));
    return child;
  }
  [[nodiscard]] lock::Identity holder() const { return lock::identity_of(acts_->identity); }

  struct Acts {
    std::atomic<bool> holds{false};
    std::atomic<bool> let_go{false};
    std::atomic<std::uint64_t> identity{0};
  };
  SharedValue<Acts> acts_;
};

}  // namespace tidelock::test
