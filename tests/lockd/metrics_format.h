#pragma once

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

// Prometheus' text format, read as strictly as its description says.
namespace tidelock::test {

struct Metrics {
  std::map<std::string, double> samples;  // by name and labels, as they stand there
  std::vector<std::string> faults;
};

inline Metrics parse_metrics(const std::string& text) {
  static const std::regex comment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)",
                                  std::regex::optimize);
  static const std::regex sample(
      "([a-zA-Z_:][a-zA-Z0-9_:]*)"
      "(\\{([a-zA-Z_][a-zA-Z0-9_]*=\"([^\"\\\\]|\\\\[\\\\\"n])*\",?)*\\})? (-?[0-9.e+-]+)",
      std::regex::optimize);
  Metrics metrics;
  std::set<std::string> helped;
  std::map<std::string, std::string> types;
  std::string family;
  std::istringstream lines(text);
  std::smatch part;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, part, comment)) {
      const std::string name = part[2];
      family = name;
      const bool fresh =
          part[1] == "HELP" ? helped.insert(name).second : types.emplace(name, part[3]).second;
      if (!fresh) metrics.faults.push_back("twice: " + line);
      if (part[1] == "TYPE" && part[3] != "counter" && part[3] != "gauge") {
        metrics.faults.push_back("type: " + line);
      }
    } else if (std::regex_match(line, part, sample)) {
      const std::string name = part[1];
      if (name != family || !types.contains(name)) metrics.faults.push_back("stray: " + line);
      if ((types[name] == "counter") != name.ends_with("_total")) {
        metrics.faults.push_back("name: " + line);
      }
      if (!metrics.samples.emplace(name + std::string(part[2]), std::stod(part[5])).second) {
        metrics.faults.push_back("twice: " + line);
      }
    } else {
      metrics.faults.push_back("neither comment nor sample: " + line);
    }
  }
  if (!text.ends_with('\n')) metrics.faults.push_back("no newline at the end");
  return metrics;
}

}  // namespace tidelock::test
