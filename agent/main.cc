#include "agent/options.h"
#include "agent/run.h"

int main(int argc, char** argv) {
  const auto request = tidelock::agent::parse_command_line(argc, argv);
  if (const int* exit_code = std::get_if<int>(&request)) return *exit_code;
  return tidelock::agent::run_agent(std::get<tidelock::agent::Settings>(request));
}
