#include "agent/workload/trace.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <ostream>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/workload/fields.h"
#include "tidelock/options.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kClientsMax = 4'096;
constexpr std::uint64_t kBatchMax = 255, kViewMax = 4'096;  // steps
constexpr std::uint32_t kValueSizeElse = 100;
constexpr double kSecond = 1e9;  // ns

bool has_steps(Action action) noexcept {
  return action == Action::kBatch || action == Action::kView;
}
bool has_value(Action action) noexcept {
  return action == Action::kPut || action == Action::kInsert || action == Action::kReadModifyWrite;
}

std::uint64_t amount_max(Action action) noexcept {
  if (action == Action::kBatch) return kBatchMax;
  if (action == Action::kView) return kViewMax;
  return has_value(action) ? kValueSizeMax : UINT32_MAX;
}

std::string escaped(std::string_view key) {
  std::string text;
  for (const char c : key) {
    if (c == '\t') {
      text += "\\t";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\\') {
      text += "\\\\";
    } else {
      text += c;
    }
  }
  return text;
}

std::string unescaped(std::string_view text) {
  std::string key;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      key += text[i];
      continue;
    }
    const char next = text[++i];
    key += next == 't' ? '\t' : next == 'n' ? '\n' : next;
  }
  return key;
}

// Puts the lines of a file together.
class TraceReader {
 public:
  // The result says what is wrong with the line.
  std::string take(std::string_view line) {
    const std::vector<std::string_view> fields = split(line, '\t');
    if (fields.size() != 5 && fields.size() != 6) return "has not five fields, or six";
    const auto seconds = parse_decimal(fields[0]);
    const auto client = parse_count(fields[1]);
    if (!seconds || *seconds > 1e9) return "has no time";
    if (!client || *client >= kClientsMax) return "has no client below 4096";
    const bool step = fields[2].starts_with('+');
    const auto action = action_of(fields[2].substr(step ? 1 : 0));
    if (!action) return "has no action";
    const auto amount = parse_count(fields[4]);
    if (!amount || *amount > amount_max(*action) || (has_steps(*action) && *amount == 0)) {
      return "has an amount that is none from " + std::string(has_steps(*action) ? "1" : "0") +
             " to " + std::to_string(amount_max(*action));
    }
    const bool durable = fields.size() == 6 && fields[5] == "durable";
    if (fields.size() == 6 && !durable && fields[5] != "-") return "is neither durable nor -";
    if (std::string complaint = check_step(*client, *action, step); !complaint.empty()) {
      return complaint;
    }
    trace.largest_amount = std::max(trace.largest_amount, static_cast<std::uint32_t>(*amount));
    missing_[*client] = step ? missing_[*client] - 1 : has_steps(*action) ? *amount : 0;
    trace.clients[*client].add({.at_ns = static_cast<std::uint64_t>(*seconds * kSecond),
                                .client = static_cast<std::uint32_t>(*client),
                                .key = has_steps(*action) ? 0 : index_of_key(unescaped(fields[3])),
                                .amount = static_cast<std::uint32_t>(*amount),
                                .action = *action,
                                .durable = durable,
                                .step = step});
    return {};
  }
  [[nodiscard]] bool is_whole() const {
    return std::ranges::all_of(missing_, [](std::uint64_t steps) { return steps == 0; });
  }

  Trace trace;

 private:
  std::string check_step(std::uint64_t client, Action action, bool step) {
    if (trace.clients.size() <= client) {
      trace.clients.resize(client + 1);
      missing_.resize(client + 1);
    }
    if (!step) return missing_[client] == 0 ? "" : "comes before the last step of another";
    if (missing_[client] == 0) return "is a step of nothing";
    const ClientTrace& known = trace.clients[client];
    const bool fits = known[known.size() - 1].action == Action::kView
                          ? action == Action::kGet
                          : action == Action::kPut || action == Action::kErase;
    return fits ? "" : "is no step of what comes before it";
  }
  std::uint32_t index_of_key(std::string key) {
    const auto index = static_cast<std::uint32_t>(trace.keys.size());
    const auto [found, is_new] = known_.try_emplace(std::move(key), index);
    if (is_new) trace.keys.push_back(found->first);
    return found->second;
  }

  std::unordered_map<std::string, std::uint32_t> known_;
  std::vector<std::uint64_t> missing_;  // steps, by client
};

}  // namespace

Result<TraceLog> TraceLog::create(const std::string& directory, std::size_t reserved) {
  static_assert(sizeof(TraceEntry) == 24);
  Result<EntryFile> file = EntryFile::create(directory, sizeof(TraceEntry), reserved);
  if (!file) return std::move(file).error();
  return TraceLog(*std::move(file));
}

Status TraceLog::add(std::span<const TraceEntry> entries) {
  std::uint64_t index = size();
  if (Status status = file_.make_room(index + entries.size()); !status.ok()) return status;
  for (const TraceEntry& entry : entries) {
    *reinterpret_cast<TraceEntry*>(file_.at(index++)) = entry;
  }
  file_.set_size(index);
  return Status();
}

void write_trace(std::ostream& out, std::span<const TraceLog> logs, const KeySpace& keys) {
  std::vector<TraceEntry> entries;
  for (const TraceLog& log : logs) {
    for (std::uint64_t i = 0; i < log.size(); ++i) entries.push_back(log[i]);
  }
  std::ranges::stable_sort(entries, {}, &TraceEntry::at_ns);
  out << "# seconds\tclient\taction\tkey\tamount\tdurable\n";
  std::string buffer;
  for (const TraceEntry& entry : entries) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.9f", static_cast<double>(entry.at_ns) / kSecond);
    out << seconds << '\t' << entry.client << '\t' << (entry.step ? "+" : "")
        << name_of(entry.action) << '\t'
        << (has_steps(entry.action) ? "-" : escaped(keys.at(entry.key, buffer))) << '\t'
        << entry.amount << '\t' << (entry.durable ? "durable" : "-") << '\n';
  }
}

Result<Trace> Trace::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const StatusCode code = errno == ENOENT ? StatusCode::kNotFound : StatusCode::kIo;
    return Status(code, "open " + path + ": " + std::strerror(errno));
  }
  TraceReader reader;
  std::string line;
  for (std::uint64_t number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (const std::string complaint = reader.take(line); !complaint.empty()) {
      return Status(StatusCode::kInvalid,
                    path + ": line " + std::to_string(number) + " " + complaint);
    }
  }
  if (file.bad()) return Status(StatusCode::kIo, "read " + path + ": " + std::strerror(errno));
  if (reader.trace.keys.empty()) {
    return Status(StatusCode::kInvalid, path + " holds no operation");
  }
  if (!reader.is_whole()) {
    return Status(StatusCode::kInvalid, path + " ends before the last step of a batch or view");
  }
  return std::move(reader.trace);
}

std::vector<std::uint32_t> Trace::value_sizes() const {
  std::vector<std::uint32_t> sizes(keys.size());
  std::uint64_t sum = 0, values = 0;
  for (const ClientTrace& client : clients) {
    for (const TraceEntry& entry : client.entries()) {
      if (!has_value(entry.action)) continue;
      if (sizes[entry.key] == 0) sizes[entry.key] = entry.amount;
      sum += entry.amount;
      ++values;
    }
  }
  const auto average = values == 0 ? kValueSizeElse : static_cast<std::uint32_t>(sum / values);
  std::ranges::replace(sizes, 0u, average);
  return sizes;
}

}  // namespace tidelock::agent
