#include "agent/report/file_output.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace tidelock::agent {
namespace {

bool fail(const std::string& file) {
  std::cerr << "tidelock-agent: write " << file << ": " << std::strerror(errno) << '\n';
  return false;
}

}  // namespace

// Appending leaves what is there as it is until there is something to replace it by.
bool can_write(const std::string& file) {
  if (file.empty() || file == "-") return true;
  return std::ofstream(file, std::ios::app).is_open() || fail(file);
}

bool write_to(const std::string& file, const std::function<void(std::ostream&)>& print) {
  if (file.empty()) return true;
  if (file == "-") {
    print(std::cout);
    return true;
  }
  std::ofstream out(file);
  if (out) print(out);
  return out.flush().good() || fail(file);
}

}  // namespace tidelock::agent
