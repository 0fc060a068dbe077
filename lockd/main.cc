#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "lockd/daemon.h"
#include "lockd/log.h"
#include "lockd/options.h"

namespace {

using namespace tidelock::lockd;

int give(const Answer& answer) {
  if (answer.exit_code == ExitCode::kOk) {
    std::cout << answer.text;
  } else {
    std::cerr << "tidelock-lockd: " << answer.text << "\nRun with --help for more information.\n";
  }
  return static_cast<int>(answer.exit_code);
}

int perform(int argc, char** argv) {
  const auto read = [argc, argv] { return parse_command_line(argc, argv); };
  const auto request = read();
  if (const Answer* answer = std::get_if<Answer>(&request)) return give(*answer);
  const Settings& settings = std::get<Settings>(request);
  Log log(settings.log_level, settings.log_format);
  return settings.once ? run_once(settings, log) : run_daemon(settings, log, read);
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
  return perform(argc, argv);
}
