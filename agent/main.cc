#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "agent/compaction/benchmark.h"
#include "agent/contend/contend.h"
#include "agent/generate.h"
#include "agent/options.h"
#include "agent/report.h"
#include "agent/run.h"
#include "agent/shootout/shootout.h"

namespace {

namespace agent = tidelock::agent;

struct Perform {
  int operator()(const agent::Settings& settings) const { return agent::run_agent(settings); }
  int operator()(const agent::contend::Settings& settings) const {
    return agent::contend::run_contend(settings);
  }
  int operator()(const agent::CompareSettings& settings) const {
    return agent::run_compare(settings);
  }
  int operator()(const agent::shootout::Settings& settings) const {
    return agent::shootout::run_shootout(settings);
  }
  int operator()(const agent::compaction::Settings& settings) const {
    return agent::compaction::run_compaction(settings);
  }
  int operator()(const agent::GenerateSettings& settings) const {
    return agent::run_generate(settings);
  }
  int operator()(int exit_code) const { return exit_code; }
};

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
  const agent::Request request = agent::parse_command_line(argc, argv);
  // A reader that goes away early ends neither a run nor its judgement; example data, it does.
  if (!std::holds_alternative<agent::GenerateSettings>(request)) std::signal(SIGPIPE, SIG_IGN);
  const int exit_code = std::visit(Perform{}, request);
  if (std::cout.flush()) return exit_code;
  std::cerr << "tidelock-agent: write standard output: " << std::strerror(errno) << '\n';
  return static_cast<int>(agent::worse(agent::ExitCode{exit_code}, agent::ExitCode::kIo));
}
