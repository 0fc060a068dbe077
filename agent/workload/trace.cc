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

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kClientsMax = 4'096;
constexpr double kSecond = 1e9;  // ns

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
  // False: it is none.
  bool take(std::string_view line) {
    const std::vector<std::string_view> fields = split(line, '\t');
    if (fields.size() != 5) return false;
    const auto seconds = parse_decimal(fields[0]);
    const auto client = parse_count(fields[1]);
    const auto action = action_of(fields[2]);
    const auto amount = parse_count(fields[4]);
    if (!seconds || !client || *client >= kClientsMax || !action || !amount ||
        *amount > UINT32_MAX || *seconds > 1e9) {
      return false;
    }
    const TraceEntry entry{.at_ns = static_cast<std::uint64_t>(*seconds * kSecond),
                           .client = static_cast<std::uint32_t>(*client),
                           .key = index_of_key(unescaped(fields[3])),
                           .amount = static_cast<std::uint32_t>(*amount),
                           .action = *action};
    if (trace.clients.size() <= *client) trace.clients.resize(*client + 1);
    trace.clients[*client].push_back(entry);
    trace.largest_amount = std::max(trace.largest_amount, entry.amount);
    return true;
  }

  Trace trace;

 private:
  std::uint32_t index_of_key(std::string key) {
    const auto index = static_cast<std::uint32_t>(trace.keys.size());
    const auto [found, is_new] = known_.try_emplace(std::move(key), index);
    if (is_new) trace.keys.push_back(found->first);
    return found->second;
  }

  std::unordered_map<std::string, std::uint32_t> known_;
};

}  // namespace

Result<TraceLog> TraceLog::create(const std::string& directory, std::size_t reserved) {
  static_assert(sizeof(TraceEntry) == 24);
  Result<EntryFile> file = EntryFile::create(directory, sizeof(TraceEntry), reserved);
  if (!file) return std::move(file).error();
  return TraceLog(*std::move(file));
}

Status TraceLog::add(const TraceEntry& entry) {
  const std::uint64_t index = size();
  if (Status status = file_.make_room(index + 1); !status.ok()) return status;
  *reinterpret_cast<TraceEntry*>(file_.at(index)) = entry;
  file_.set_size(index + 1);
  return Status();
}

void write_trace(std::ostream& out, std::span<const TraceLog> logs, const KeySpace& keys) {
  std::vector<TraceEntry> entries;
  for (const TraceLog& log : logs) {
    for (std::uint64_t i = 0; i < log.size(); ++i) entries.push_back(log[i]);
  }
  std::ranges::stable_sort(entries, {}, &TraceEntry::at_ns);
  out << "# seconds\tclient\taction\tkey\tamount\n";
  std::string buffer;
  for (const TraceEntry& entry : entries) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.9f", static_cast<double>(entry.at_ns) / kSecond);
    out << seconds << '\t' << entry.client << '\t' << name_of(entry.action) << '\t'
        << escaped(keys.at(entry.key, buffer)) << '\t' << entry.amount << '\n';
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
    if (line.empty() || line[0] == '#' || reader.take(line)) continue;
    return Status(StatusCode::kInvalid,
                  path + ": line " + std::to_string(number) + " is none of a trace");
  }
  if (file.bad()) return Status(StatusCode::kIo, "read " + path + ": " + std::strerror(errno));
  if (reader.trace.keys.empty()) {
    return Status(StatusCode::kInvalid, path + " holds no operation");
  }
  return std::move(reader.trace);
}

}  // namespace tidelock::agent
