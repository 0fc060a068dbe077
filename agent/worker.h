#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/churn.h"
#include "agent/key_chooser.h"
#include "agent/key_space.h"
#include "agent/random.h"
#include "agent/reader.h"
#include "agent/run_context.h"
#include "agent/stores/store.h"

namespace tidelock::agent {

// The work of one writer.
struct Assignment {
  std::uint32_t writer = 0;
  std::uint64_t operations = 0;  // to be done in all, predecessors included
  std::uint32_t read_percent = 0;
  std::uint32_t erase_percent = 0;
  std::uint32_t batch_percent = 0;
  std::uint32_t durable_percent = 0;
  std::uint32_t snapshot_percent = 0;
  std::uint32_t churn_every = 0;
  KeyOrder keys = KeyOrder::kUniform;
  KeyChooser::Place place{};
};

// Does one writer's operations, notes each in its journal, judges each read, and tries refused
// writes again. One thread; the store may be shared with others, unless there is churn, which
// closes it now and then and puts another in its place.
class Worker {
 public:
  Worker(const Run& run, std::unique_ptr<Store>& store, std::unique_ptr<Session> session,
         const Assignment& assignment, std::uint64_t seed);

  // Until everything is done, the run is stopped, or an error (reported to the run's state) makes
  // it senseless to go on: then false.
  [[nodiscard]] bool work();

 private:
  struct Attempts {  // how a write went
    Status status;
    std::uint64_t begin_ns = 0;  // of the last attempt
    std::uint64_t end_ns = 0;
  };
  [[nodiscard]] bool operate();
  [[nodiscard]] bool write(std::uint32_t key);
  void choose_steps(std::uint32_t key);
  void make_changes(std::uint64_t counter);
  [[nodiscard]] Attempts attempt(std::uint64_t counter, std::uint64_t begin_ns);
  [[nodiscard]] bool give_up(std::uint32_t attempts, std::uint64_t waited_ns) const noexcept;
  // False: the client is to end.
  [[nodiscard]] bool conclude(const Status& status, std::uint64_t latency_ns);
  [[nodiscard]] bool succeeds(const Status& status);
  [[nodiscard]] bool fail(const Status& status);

  const Run& run_;
  std::unique_ptr<Session> session_;
  const Assignment assignment_;
  Journal& journal_;
  WriterStats& stats_;
  std::uint64_t deadline_ns_;
  Random random_;
  KeyChooser chooser_;
  Reader reader_;
  Churn churn_;
  std::vector<Step> steps_;  // of the write in hand
  bool durable_ = false;     // as well
  std::vector<Change> changes_;
  std::vector<std::string> names_, values_;  // of the steps
};

}  // namespace tidelock::agent
