#pragma once

#include <cstdint>
#include <memory>

#include "agent/random.h"
#include "agent/reader.h"
#include "agent/run_context.h"
#include "agent/stores/store.h"

namespace tidelock::agent {

// What a client does now and then besides its reads and writes: it flushes, compacts, closes the
// database and opens it again, or forks. A forked child lives on for a while, past its parent's
// death if that comes first, and leaves the handle that it has inherited alone; or it runs another
// program. Neither may keep anything of the parent's: not its locks, not its place in the queue.
class Churn {
 public:
  Churn(const Run& run, std::unique_ptr<Store>& store, std::unique_ptr<Session>& session,
        Reader& reader, WriterStats& stats)
      : run_(run), store_(store), session_(session), reader_(reader), stats_(stats) {}

  // One of these; being told that others are at it (busy, timed out) is no error. Nobody else may
  // use the store meanwhile.
  [[nodiscard]] Status stir(Random& random);

 private:
  [[nodiscard]] Status reopen();
  void fork_child(bool other_program, std::uint64_t life_ns);
  // Runs a call that may take its time.
  template <typename Call>
  [[nodiscard]] Status job(Call call);

  const Run& run_;
  std::unique_ptr<Store>& store_;
  std::unique_ptr<Session>& session_;
  Reader& reader_;
  WriterStats& stats_;
};

}  // namespace tidelock::agent
