#include "cli/loader.h"

namespace tidelock::cli {
namespace {

// A batch of large values is written early: one record of the log, one share of the memtable.
constexpr std::size_t kBatchBytes = 1 << 20;

}  // namespace

Status Loader::store(const Block& block) {
  std::uint64_t line_number = block.first_line;
  const std::string_view bytes = block.bytes;
  for (std::size_t begin = 0; begin < bytes.size(); ++line_number) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const Status added = add(bytes.substr(begin, end - begin), line_number);
    if (!added.ok()) {
      const Status written = write();
      return written.ok() ? added : written;
    }
    begin = end + 1;
  }
  return write();
}

Status Loader::add(std::string_view line, std::uint64_t line_number) {
  const auto record = parse_record(plan_.format, line, line_number);
  if (!record) {
    return Status(record.error().code(), plan_.input_name + ":" + std::to_string(line_number) +
                                             ": " + record.error().message());
  }
  if (!record->has_value()) return Status();
  const Entry& entry = **record;
  if (entry.key.size() > kKeySizeMax || entry.value.size() > kValueSizeMax) {
    return Status(StatusCode::kTooLarge, plan_.input_name + ":" + std::to_string(line_number) +
                                             ": key or value beyond its limit");
  }
  if (batch_.size() + entry.key.size() + entry.value.size() > kBatchBytes) {
    if (const Status status = write(); !status.ok()) return status;
  }
  batch_.put(entry.key, entry.value);
  return batch_.count() < plan_.batch_count_max ? Status() : write();
}

Status Loader::write() {
  if (batch_.empty()) return Status();
  const Status status = db_.write(batch_, plan_.write);
  if (status.ok()) stored_ += batch_.count();
  batch_.clear();
  return status;
}

}  // namespace tidelock::cli
