#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stores/journal.h"
#include "tidelock/db.h"

// Who comes after a death.
namespace tidelock::test {

[[nodiscard]] Options database_options();

// Holds what it finds against what there may be, which grows less with every look: what was seen to
// be there stays, and what was seen to be missing at a write never comes.
class Successor {
 public:
  Successor(std::string path, const Journal& journal);

  // Each yields what is wrong, or "".

  // Opens it for reading, and reads.
  std::string read();
  // With a handle that was open all the time, or a new one: reads, writes, flushes, checks, closes,
  // opens it again, and leaves it without a file that it does not need.
  std::string go_on(Db db);
  std::string open_and_go_on();
  // What earlier dead writers have committed, it must find at once.
  void expect_what_is_committed();

 private:
  std::string look(Db& db);
  std::string write(Db& db, Deed deed, Durability durability);
  std::string write_and_flush(Db& db);
  std::string check(Db& db);
  std::string left_overs() const;

  std::string path_;
  std::vector<Model> possible_;
  std::size_t uncommitted_ = 0;  // that many of them lack what earlier dead writers have committed
  int written_ = 0;
};

}  // namespace tidelock::test
