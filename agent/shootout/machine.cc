#include "agent/shootout/machine.h"

#include <sys/utsname.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace tidelock::agent::shootout {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

bool is_below(const std::string& path, const std::string& mount) {
  if (mount == "/" || path == mount) return true;
  return path.starts_with(mount) && path[mount.size()] == '/';
}

// The type of the deepest mount above the path; of equal ones the last, which covers the others.
std::string file_system_of(const std::filesystem::path& directory) {
  std::error_code ignored;
  const std::string path = std::filesystem::canonical(directory, ignored).string();
  std::ifstream file("/proc/self/mountinfo");
  std::string type, deepest;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string field, mount, its_type;
    for (int i = 0; i < 4; ++i) fields >> field;
    fields >> mount;
    while (fields >> field && field != "-") continue;
    fields >> its_type;
    if (!is_below(path, mount) || mount.size() < deepest.size()) continue;
    deepest = mount;
    type = its_type;
  }
  return type;
}

}  // namespace

Machine look_at_machine(const std::filesystem::path& directory) {
  Machine machine;
  machine.cpu = cpu_model();
  machine.cpus = std::thread::hardware_concurrency();
  ::utsname name{};
  if (::uname(&name) == 0) machine.kernel = std::string(name.sysname) + " " + name.release;
  machine.file_system = file_system_of(directory);
  return machine;
}

}  // namespace tidelock::agent::shootout
