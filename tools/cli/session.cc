#include "cli/session.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tidelock::cli {
namespace {

Json busy_facts(const BusyInfo& busy) {
  static constexpr std::array<const char*, 4> kReasons = {"writer lock", "write stall", "sync",
                                                          "open"};
  Json facts;
  facts["reason"] = kReasons.at(static_cast<std::size_t>(busy.reason));
  facts["holder_pid"] = busy.holder_pid;
  facts["holder_label"] = printable(busy.holder_label);
  facts["held_ms"] = std::chrono::duration<double, std::milli>(busy.held_for).count();
  facts["queue_place"] = busy.queue_place;
  facts["waiters"] = busy.waiters;
  return facts;
}

}  // namespace

Result<Db*> Session::db() {
  if (!db_) {
    auto opened = Db::open(settings_.path, settings_.open);
    if (!opened) return opened.error();
    db_.emplace(*std::move(opened));
  }
  return &*db_;
}

Status Session::close() {
  Status closed;
  if (db_) closed = db_->close();
  db_.reset();
  const Status flushed = flush();
  return closed.ok() ? flushed : closed;
}

Status Session::flush() {
  if (std::fflush(stdout) != 0 && output_error_ == 0) output_error_ = errno;
  if (output_error_ == 0) return Status();
  return Status(StatusCode::kIo,
                std::string("write standard output: ") + std::strerror(output_error_));
}

WriteOptions Session::write_options() const {
  return {.durability = settings_.open.durability, .wait = settings_.open.wait};
}

Result<std::string> Session::key(std::string_view argument) const {
  auto bytes = decode(argument, settings_.key_format);
  if (!bytes) return Status(StatusCode::kInvalid, "key: " + bytes.error().message());
  return bytes;
}

Result<std::string> Session::value(std::string_view argument) const {
  auto bytes = decode(argument, settings_.value_format);
  if (!bytes) return Status(StatusCode::kInvalid, "value: " + bytes.error().message());
  return bytes;
}

void Session::print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written && output_error_ == 0) output_error_ = errno;
}

void Session::print_json(const Json& json) {
  print(json.dump() + "\n");
}

std::string Session::shown(std::string_view bytes, ByteFormat format) const {
  switch (format) {
    case ByteFormat::kHex:
      return to_hex(bytes);
    case ByteFormat::kBase64:
      return to_base64(bytes);
    case ByteFormat::kText:
      break;
  }
  return settings_.raw ? std::string(bytes) : escape(bytes);
}

void Session::print_entry(std::optional<std::string_view> key,
                          std::optional<std::string_view> value) {
  if (settings_.json) {
    Json entry = Json::object();
    if (key) set_bytes(entry, "key", *key, settings_.key_format);
    if (value) set_bytes(entry, "value", *value, settings_.value_format);
    print_json(entry);
    return;
  }
  std::string line;
  if (key) line += shown(*key, settings_.key_format);
  if (key && value) line += '\t';
  if (value) line += shown(*value, settings_.value_format);
  print(line + '\n');
}

void Session::print_value(std::string_view value) {
  const bool as_it_is = settings_.value_format == ByteFormat::kText && !settings_.json &&
                        (settings_.raw || ::isatty(STDOUT_FILENO) == 0);
  if (!as_it_is) {
    print_entry(std::nullopt, value);
    return;
  }
  print(value);
  if (!settings_.raw) print("\n");
}

void Session::report(const Status& status) {
  std::string line = (place_.empty() ? "" : place_ + ": ") + printable(status.to_string());
  line.insert(0, "tidelock: ");
  if (settings_.json) {
    Json error;
    error["error"] = to_string(status.code());
    error["message"] = printable(status.message());
    if (!place_.empty()) error["place"] = place_;
    if (const BusyInfo* busy = status.busy()) error["busy"] = busy_facts(*busy);
    line = error.dump();
  }
  (void)flush();  // remembered for close()
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Session::note(const std::string& text) {
  if (settings_.json) return;
  (void)flush();
  const std::string place = place_.empty() ? "" : place_ + ": ";
  std::fprintf(stderr, "tidelock: %s%s\n", place.c_str(), printable(text).c_str());
}

}  // namespace tidelock::cli
