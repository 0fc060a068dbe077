#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "damage/sample.h"

// Bytes whose damage does no harm that anybody could find: no decoder looks at them, or what they
// say then is what a death or a power cut leaves, too.
namespace tidelock::test {

class Meaningless {
 public:
  // Of the database in `directory`, which was closed in order.
  Meaningless(const std::string& directory, const Files& files);

  // Whether `bytes`, none: no such file, in place of what `file` held are no damage.
  [[nodiscard]] bool covers(const std::string& file, const std::optional<std::string>& bytes) const;

 private:
  // To the end of the file.
  struct Range {
    std::uint64_t from = 0;
    // Only if the record header there is damaged, too.
    std::optional<std::uint64_t> with{};
  };

  void add_log(const std::string& name, const std::string& bytes);
  void add_manifest(const std::string& directory);

  const Files& files_;
  std::map<std::string, std::vector<Range>> ranges_;
};

}  // namespace tidelock::test
