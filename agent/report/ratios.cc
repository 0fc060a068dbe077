#include "agent/report/ratios.h"

#include <algorithm>
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

using Side = std::vector<Json>;

// What any of the reports knows.
void add_row(std::vector<FigureRow>& rows, const std::vector<Side>& sides, std::string name,
             const std::string& pointer) {
  FigureRow row{.name = std::move(name), .values = {}};
  bool any = false;
  for (const Side& side : sides) {
    std::vector<double> known;
    for (const Json& report : side) {
      if (const auto value = number_at(report, pointer)) known.push_back(*value);
    }
    any = any || !known.empty();
    row.values.push_back(known.empty() ? std::nullopt : std::optional(spread_of(known)));
  }
  if (any) rows.push_back(std::move(row));
}

bool any_repeated(const CompareSettings& settings) {
  return std::ranges::any_of(settings.sides, [](const auto& side) { return side.size() > 1; });
}

std::string range(const std::string& least, const std::string& greatest) {
  return least == greatest ? "" : least + "-" + greatest;
}

// The cells of a line, right-aligned but for the first.
class Columns {
 public:
  explicit Columns(bool wide) : value_(wide ? 24 : 15), ratio_(wide ? 15 : 9) {}
  void name(const std::string& text) { add(text, -28); }
  void value(const std::string& text) { add(text, value_); }
  void ratio(const std::string& text) { add(text, ratio_); }
  void end(std::ostream& out) {
    out << line_.substr(0, line_.find_last_not_of(' ') + 1) << '\n';
    line_.clear();
  }

 private:
  void add(const std::string& text, int width) {
    char padded[80];
    std::snprintf(padded, sizeof padded, "%*s", width, text.c_str());
    line_ += padded;
  }
  const int value_, ratio_;
  std::string line_;
};

void print_medians(std::ostream& out, Columns& columns, const FigureRow& row) {
  columns.name(row.name);
  for (std::size_t side = 0; side < row.values.size(); ++side) {
    const auto& value = row.values[side];
    columns.value(value ? rounded(value->median) : "-");
    const auto ratio = row.ratio(side);
    if (side != 0) columns.ratio(ratio ? with_decimals(ratio->medians, 3) : "-");
  }
  columns.end(out);
}

void print_ranges(std::ostream& out, Columns& columns, const FigureRow& row) {
  columns.name("");
  for (std::size_t side = 0; side < row.values.size(); ++side) {
    const auto& value = row.values[side];
    columns.value(value ? range(rounded(value->minimum), rounded(value->maximum)) : "");
    const auto ratio = row.ratio(side);
    if (side == 0) continue;
    columns.ratio(ratio ? range(with_decimals(ratio->least, 2), with_decimals(ratio->greatest, 2))
                        : "");
  }
  columns.end(out);
}

void print_json(std::ostream& out, const CompareSettings& settings,
                const std::vector<FigureRow>& rows) {
  Json figures = Json::array();
  for (const FigureRow& row : rows) {
    Json values = Json::array(), ratios = Json::array();
    for (std::size_t side = 0; side < row.values.size(); ++side) {
      const auto& value = row.values[side];
      const auto ratio = row.ratio(side);
      values.push_back(value ? Json{{"median", value->median},
                                    {"minimum", value->minimum},
                                    {"maximum", value->maximum}}
                             : Json());
      ratios.push_back(ratio ? Json{{"medians", ratio->medians},
                                    {"least", ratio->least},
                                    {"greatest", ratio->greatest}}
                             : Json());
    }
    figures.push_back({{"figure", row.name}, {"values", values}, {"ratios", ratios}});
  }
  const Json json{{"sides", settings.sides}, {"figures", figures}};
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace

std::optional<FigureRow::Ratio> FigureRow::ratio(std::size_t side) const noexcept {
  const auto &first = values.front(), &other = values[side];
  if (!first || !other || first->minimum == 0) return std::nullopt;
  if (side == 0) return Ratio{1, 1, 1};
  return Ratio{.medians = other->median / first->median,
               .least = other->minimum / first->maximum,
               .greatest = other->maximum / first->minimum};
}

Result<std::vector<FigureRow>> read_figures(const std::vector<std::vector<std::string>>& sides) {
  std::vector<Side> reports;
  for (const std::vector<std::string>& files : sides) {
    Side& side = reports.emplace_back();
    for (const std::string& file : files) {
      Result<Json> report = read_report(file);
      if (!report) return report.error();
      side.push_back(*std::move(report));
    }
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
  const auto letter = [](std::size_t side) {
    return std::string(1, static_cast<char>('A' + side));
  };
  for (std::size_t side = 0; side < settings.sides.size(); ++side) {
    out << letter(side) << ' ';
    for (const std::string& file : settings.sides[side]) out << ' ' << file;
    out << '\n';
  }
  const bool repeated = any_repeated(settings);
  Columns columns(repeated);
  out << '\n';
  columns.name("");
  for (std::size_t side = 0; side < settings.sides.size(); ++side) {
    columns.value(letter(side));
    if (side != 0) columns.ratio(letter(side) + "/A");
  }
  columns.end(out);
  for (const FigureRow& row : rows) {
    print_medians(out, columns, row);
    if (repeated) print_ranges(out, columns, row);
  }
}

int run_compare(const CompareSettings& settings) {
  const Result<std::vector<FigureRow>> rows = read_figures(settings.sides);
  if (!rows) {
    std::cerr << "tidelock-agent: " << rows.error().message() << '\n';
    return static_cast<int>(exit_code(rows.error()));
  }
  print_ratios(std::cout, settings, *rows);
  return static_cast<int>(ExitCode::kGood);
}

}  // namespace tidelock::agent
