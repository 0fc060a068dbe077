#include "agent/report/ratios.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/report.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

using Json = nlohmann::ordered_json;

struct Place {
  const char* name;
  const char* pointer;  // into a report
};

constexpr Place kPlaces[] = {
    {"operations/s", "/ops_per_second"},
    {"reads/s, median", "/reads_per_second/median"},
    {"writes/s, median", "/writes_per_second/median"},
    {"retries", "/retries"},
    {"backed off s", "/backed_off_s"},
    {"fairness (Jain)", "/jain"},
    {"fairness in windows", "/jain_in_windows"},
    {"longest gap ms", "/longest_gap_ms"},
    {"CPU us/operation", "/resources/cpu_us_per_operation"},
    {"switches/operation", "/resources/switches_per_operation"},
    {"in write calls/byte", "/resources/call_bytes_per_user_byte"},
    {"dirtied pages/byte", "/resources/storage_bytes_per_user_byte"},
    {"bytes on disk", "/resources/directory_end_bytes"},
    {"bytes of memory", "/resources/memory_peak_bytes"},
};
constexpr Place kLatencies[] = {{"p50 us", "/latency_us/p50"},
                                {"p99 us", "/latency_us/p99"},
                                {"p99.9 us", "/latency_us/p999"},
                                {"max us", "/latency_us/max"}};

std::optional<double> number_at(const Json& json, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  if (!json.contains(place) || !json.at(place).is_number()) return std::nullopt;
  return json.at(place).get<double>();
}

bool is_report(const Json& json) {
  return json.is_object() && json.contains("operations") && json["operations"].is_number() &&
         json.contains("ops_per_second") && json["ops_per_second"].is_number() &&
         json.contains("settings") && json["settings"].is_object();
}

Result<Json> read_report(const std::string& file) {
  std::ifstream in(file);
  std::string text;
  std::getline(in, text, '\0');  // which JSON does not hold
  if (!in.is_open() || in.bad()) {
    const int error = errno != 0 ? errno : EIO;
    return Status(StatusCode::kIo, "read " + file + ": " + std::strerror(error));
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Status(StatusCode::kInvalid, file + ": is no JSON");
  if (!is_report(json)) {
    return Status(StatusCode::kInvalid,
                  file + ": is no report of a run (tidelock-agent run --json prints one)");
  }
  return json;
}

// What any of the reports knows.
void add_row(std::vector<FigureRow>& rows, const std::vector<Json>& reports, std::string name,
             const std::string& pointer) {
  FigureRow row{.name = std::move(name), .values = {}};
  bool any = false;
  for (const Json& report : reports) {
    row.values.push_back(number_at(report, pointer));
    any = any || row.values.back();
  }
  if (any) rows.push_back(std::move(row));
}

std::string text_of(const std::optional<double>& value) {
  return value ? rounded(*value) : "-";
}

Json json_of(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

void print_json(std::ostream& out, const CompareSettings& settings,
                const std::vector<FigureRow>& rows) {
  Json figures = Json::array();
  for (const FigureRow& row : rows) {
    Json values = Json::array(), ratios = Json::array();
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      values.push_back(json_of(row.values[i]));
      ratios.push_back(json_of(row.ratio(i)));
    }
    figures.push_back({{"figure", row.name}, {"values", values}, {"ratios", ratios}});
  }
  const Json json{{"files", settings.files}, {"figures", figures}};
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace

std::optional<double> FigureRow::ratio(std::size_t report) const noexcept {
  const std::optional<double>& first = values.front();
  if (!first || *first == 0 || !values[report]) return std::nullopt;
  return *values[report] / *first;
}

Result<std::vector<FigureRow>> read_figures(const std::vector<std::string>& files) {
  std::vector<Json> reports;
  for (const std::string& file : files) {
    Result<Json> report = read_report(file);
    if (!report) return report.error();
    reports.push_back(*std::move(report));
  }
  std::vector<FigureRow> rows;
  for (const Place& place : kPlaces) add_row(rows, reports, place.name, place.pointer);
  for (const std::string_view action : kActionNames) {
    const std::string name(action);
    for (const Place& place : kLatencies) {
      add_row(rows, reports, name + " " + place.name, "/actions/" + name + place.pointer);
    }
  }
  return rows;
}

void print_ratios(std::ostream& out, const CompareSettings& settings,
                  const std::vector<FigureRow>& rows) {
  if (settings.json) return print_json(out, settings, rows);
  for (std::size_t i = 0; i < settings.files.size(); ++i) {
    out << static_cast<char>('A' + i % 26) << "  " << settings.files[i] << '\n';
  }
  const auto print = [&](const std::string& text, int width) {
    char padded[80];
    std::snprintf(padded, sizeof padded, "%*s", width, text.c_str());
    out << padded;
  };
  out << '\n';
  print("", -28);
  for (std::size_t i = 0; i < settings.files.size(); ++i) {
    const std::string letter(1, static_cast<char>('A' + i % 26));
    print(letter, 15);
    if (i != 0) print(letter + "/A", 9);
  }
  out << '\n';
  for (const FigureRow& row : rows) {
    print(row.name, -28);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      print(text_of(row.values[i]), 15);
      const std::optional<double> ratio = row.ratio(i);
      if (i != 0) print(ratio ? with_decimals(*ratio, 3) : "-", 9);
    }
    out << '\n';
  }
}

int run_compare(const CompareSettings& settings) {
  const Result<std::vector<FigureRow>> rows = read_figures(settings.files);
  if (!rows) {
    std::cerr << "tidelock-agent: " << rows.error().message() << '\n';
    return static_cast<int>(exit_code(rows.error()));
  }
  print_ratios(std::cout, settings, *rows);
  return static_cast<int>(ExitCode::kGood);
}

}  // namespace tidelock::agent
