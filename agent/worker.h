#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/key_chooser.h"
#include "agent/key_space.h"
#include "agent/random.h"
#include "agent/run_state.h"
#include "agent/settings.h"
#include "agent/verdict.h"
#include "tidelock/db.h"

namespace tidelock::agent {

// What supervisor and clients of a run have in common. Made before the first client is forked.
struct Run {
  const Settings& settings;
  const KeySpace& keys;
  const RunState& state;
  std::span<Journal> journals;  // by writer; the last one belongs to the preload
  std::uint32_t id = 0;         // Stamp::run

  [[nodiscard]] std::uint32_t preloader() const noexcept { return settings.writers(); }
};

// The work of one writer.
struct Assignment {
  std::uint32_t writer = 0;
  std::uint64_t operations = 0;  // to be done in all, predecessors included
  std::uint32_t read_percent = 0;
  std::uint32_t erase_percent = 0;
  KeyOrder keys = KeyOrder::kUniform;
  KeyChooser::Place place{};
};

// Does one writer's operations, notes each in its journal, judges each read, and tries refused
// writes again. One thread; the `Db` may be shared with others.
class Worker {
 public:
  Worker(const Run& run, Db& db, const Assignment& assignment, std::uint64_t seed);

  // Until everything is done, the run is stopped, or an error (reported to the run's state) makes
  // it senseless to go on: then false.
  [[nodiscard]] bool work();

 private:
  struct Attempts {  // how a write went
    Status status;
    std::uint64_t begin_ns = 0;  // of the last attempt
    std::uint64_t end_ns = 0;
  };
  [[nodiscard]] bool read(std::uint32_t key);
  [[nodiscard]] bool write(std::uint32_t key, OperationKind kind);
  [[nodiscard]] Attempts attempt(std::uint64_t counter, OperationKind kind, std::string_view key,
                                 std::uint64_t begin_ns);
  [[nodiscard]] bool give_up(std::uint32_t attempts, std::uint64_t waited_ns) const noexcept;
  // False: the client is to end.
  [[nodiscard]] bool conclude(const Status& status, std::uint64_t latency_ns);
  [[nodiscard]] bool fail(const Status& status);

  const Run& run_;
  Db& db_;
  const Assignment assignment_;
  Journal& journal_;
  WriterStats& stats_;
  const Evidence evidence_;
  WriteOptions write_options_;
  std::uint64_t deadline_ns_;
  Random random_;
  KeyChooser chooser_;
  std::string key_buffer_;
  std::string value_;
};

}  // namespace tidelock::agent
