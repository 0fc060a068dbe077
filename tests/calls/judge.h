#pragma once

#include <functional>
#include <string>

#include "calls/journal.h"
#include "calls/life.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

// What must be true of a database wherever its life was cut short.
namespace tidelock::test {

// A small database to start from: copied, and so opened as after a reboot.
class Image {
 public:
  Image();
  // Nothing, or a copy of it, and of its journal.
  void prepare(const std::string& path, Start start, Journal& journal) const;

 private:
  TemporaryDirectory directory_{Where::kMemory};
  SharedValue<Journal> empty_;
  SharedValue<Journal> closed_;
  SharedValue<Journal> unsynced_;
};

// Each of these returns what is wrong, or nothing.
//
// The handle sees what the journal says, batches whole; rounds of unknown fate are settled by it.
[[nodiscard]] std::string judge_content(Db& db, Journal& journal);
// Besides, `check` finds nothing, and writes go on.
[[nodiscard]] std::string judge_handle(Db& db, Journal& journal);
// The same for whoever opens it next, and for what a repair or a destruction left.
[[nodiscard]] std::string judge_directory(const std::string& path, Journal& journal);

// Another process that has it open while `act` runs. What is wrong then.
[[nodiscard]] std::string judge_company(const std::string& path, Journal& journal,
                                        const std::function<std::string()>& act);

// As after a reboot: what is only a cache is gone.
void forget_shared_state(const std::string& path);

}  // namespace tidelock::test
