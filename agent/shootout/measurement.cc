#include "agent/shootout/measurement.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "agent/clock.h"
#include "agent/workload/fields.h"

namespace tidelock::agent::shootout {
namespace {

using Json = nlohmann::json;

// What a child writes, without a file of that name.
class Output {
 public:
  Output() : descriptor_(::memfd_create("output", MFD_CLOEXEC)) {}
  ~Output() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::string text() const {
    std::string text;
    char block[16'384];
    for (;;) {
      const ssize_t got =
          ::pread(descriptor_, block, sizeof block, static_cast<off_t>(text.size()));
      if (got <= 0) return text;
      text.append(block, static_cast<std::size_t>(got));
    }
  }

 private:
  int descriptor_;
};

int become(const std::vector<std::string>& words, const Output& out, const Output& errors) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  if (::dup2(out.descriptor(), STDOUT_FILENO) < 0) return static_cast<int>(ExitCode::kIo);
  if (::dup2(errors.descriptor(), STDERR_FILENO) < 0) return static_cast<int>(ExitCode::kIo);
  ::execv("/proc/self/exe", arguments.data());
  return static_cast<int>(ExitCode::kIo);
}

// Its exit code; an accident's if it had none.
int await(pid_t pid, const Parent& parent, bool& interrupted) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  for (;;) {
    int wait_status = 0;
    if (::waitpid(pid, &wait_status, WNOHANG) == pid) {
      return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                    : static_cast<int>(ExitCode::kAccident);
    }
    if (!parent.wait_until(now_ns() + kSecond)) {
      interrupted = true;
      ::kill(pid, SIGTERM);
    }
  }
}

std::optional<double> number(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

Figures figures_of(const Json& json) {
  const Json latency = json.value("latency_us", Json::object());
  const Json resources = json.value("resources", Json::object());
  return {.ops_per_second = number(json, "ops_per_second").value_or(0),
          .latency_us = {.p50 = number(latency, "p50").value_or(0),
                         .p99 = number(latency, "p99").value_or(0),
                         .p999 = number(latency, "p999").value_or(0),
                         .max = number(latency, "max").value_or(0)},
          .jain = number(json, "jain").value_or(1),
          .cpu_us_per_operation = number(resources, "cpu_us_per_operation"),
          .disk_bytes = number(resources, "directory_end_bytes"),
          .memory_bytes = number(resources, "memory_peak_bytes"),
          .called_per_byte = number(resources, "call_bytes_per_user_byte"),
          .dirtied_per_byte = number(resources, "storage_bytes_per_user_byte")};
}

// The problems that the report lists, or else what was said on standard error.
std::string message_of(const Json& json, std::string_view errors, int exit_code) {
  std::string message;
  const auto add = [&](std::string_view line) {
    if (!message.empty()) message += "; ";
    message += line;
  };
  if (json.is_object()) {
    for (const Json& problem : json.value("problems", Json::array())) {
      if (problem.is_string()) add(problem.get<std::string>());
    }
    for (const char* what : {"lost", "contradictions", "check_problems"}) {
      const double count = number(json, what).value_or(0);
      if (count > 0) add(std::string(what) + " = " + std::to_string(std::llround(count)));
    }
  }
  constexpr std::string_view kStart = "tidelock-agent: ";
  for (const std::string_view line : split(errors, '\n')) {
    if (line.starts_with(kStart)) add(line.substr(kStart.size()));
  }
  return message.empty() ? "ended with exit code " + std::to_string(exit_code) : message;
}

}  // namespace

std::vector<std::string> command_line(const Settings& settings, const RunOf& run) {
  std::vector<std::string> words{"tidelock-agent", "run", run.directory, "--store", run.store.name};
  const auto add = [&](const char* option, std::string value) {
    words.insert(words.end(), {option, std::move(value)});
  };
  const std::string clients = std::to_string(settings.processes);
  add("--processes", run.store.many_processes ? clients : "1");
  add("--threads", run.store.many_processes ? "1" : clients);
  add("--seconds", std::to_string(settings.seconds));
  add("--seed", std::to_string(settings.seed));
  if (run.workload != kOwnWorkload) add("--workload", run.workload);
  if (settings.records != 0) add("--key-count", std::to_string(settings.records));
  words.insert(words.end(), settings.run_options.begin(), settings.run_options.end());
  if (!run.load) words.emplace_back("--no-preload");
  words.emplace_back("--json");
  return words;
}

Measurement measure(const Settings& settings, const RunOf& run, const Parent& parent,
                    bool& interrupted) {
  const Output out, errors;
  const std::vector<std::string> words = command_line(settings, run);
  const pid_t pid = parent.fork_child([&] { return become(words, out, errors); });
  if (pid < 0) {
    return {.figures = {},
            .mix = {},
            .verify = {},
            .exit_code = ExitCode::kIo,
            .message = std::string("fork: ") + std::strerror(errno)};
  }
  const int exit_code = await(pid, parent, interrupted);
  return understand(out.text(), errors.text(), exit_code);
}

Measurement understand(std::string_view text, std::string_view errors, int exit_code) {
  Measurement measurement;
  measurement.exit_code = static_cast<ExitCode>(exit_code);
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_object()) {
    const Json settings = json.value("settings", Json::object());
    measurement.mix = settings.value("mix", "");
    measurement.verify = settings.value("verify", "");
  } else if (exit_code == 0) {
    measurement.exit_code = ExitCode::kIo;
  }
  if (measurement.exit_code == ExitCode::kGood) {
    measurement.figures = figures_of(json);
  } else {
    measurement.message = message_of(json, errors, exit_code);
  }
  return measurement;
}

}  // namespace tidelock::agent::shootout
