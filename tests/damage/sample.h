#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tidelock/options.h"

// The database that is damaged, and what is known of it.
namespace tidelock::test {

using Entries = std::map<std::string, std::string>;
using Files = std::map<std::string, std::string>;  // name and bytes

enum class Shape : std::uint8_t {
  kTablesAndLog,  // tables on several levels, a log with batches, puts and erases
  kTables,        // all of it flushed, so that the log is empty
  kLog,           // nothing flushed, and nothing but the seal says what was durable
};

// Small, closed in order.
struct Sample {
  Entries entries;                                       // what it answers
  std::map<std::string, std::set<std::string>> history;  // every value that a key ever had
  Files files;                                           // the lasting ones, see below
  std::vector<Files> earlier;                            // the same at earlier times
};

// Makes one in `directory`, which must not exist.
[[nodiscard]] Sample make_sample(const std::string& directory, Compression compression,
                                 Shape shape);

// All that is no cache: without STATE, QUEUE, LOCK and arenas; logs without most unused bytes.
[[nodiscard]] Files lasting_files(const std::string& directory);
[[nodiscard]] std::string read_file(const std::string& path);
// In place: the inode stays what it was, if there is a file.
void write_file(const std::string& path, const std::string& bytes);
// As the next, with holes in place of zeroes.
void write_sparse_files(const std::string& directory, const Files& files);
// Makes `directory` and puts the files there.
void write_files(const std::string& directory, const Files& files);

}  // namespace tidelock::test
