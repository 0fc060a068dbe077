#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "agent/contend/contend.h"
#include "agent/options.h"
#include "agent/report.h"
#include "agent/run.h"

namespace {

int perform(int argc, char** argv) {
  const auto request = tidelock::agent::parse_command_line(argc, argv);
  if (const int* exit_code = std::get_if<int>(&request)) return *exit_code;
  if (const auto* settings = std::get_if<tidelock::agent::contend::Settings>(&request)) {
    return tidelock::agent::contend::run_contend(*settings);
  }
  if (const auto* settings = std::get_if<tidelock::agent::CompareSettings>(&request)) {
    return tidelock::agent::run_compare(*settings);
  }
  return tidelock::agent::run_agent(std::get<tidelock::agent::Settings>(request));
}

// Whoever closed a standard stream gets errors on it: else the first file that is opened would
// take its number, and be written to.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) {
      (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  const int exit_code = perform(argc, argv);
  if (std::cout.flush()) return exit_code;
  std::cerr << "tidelock-agent: write standard output: " << std::strerror(errno) << '\n';
  // What the run found counts more.
  return exit_code != 0 ? exit_code : static_cast<int>(tidelock::agent::ExitCode::kIo);
}
