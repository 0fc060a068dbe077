#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/encoding.h"
#include "cli/json_bytes.h"
#include "tidelock/db.h"

namespace tidelock::cli {

// What the command line says about the database, and about how to speak.
struct Settings {
  std::string path;
  std::vector<std::string> program;  // behind "--": what to run, word for word
  Options open{};
  ByteFormat key_format = ByteFormat::kText;
  ByteFormat value_format = ByteFormat::kText;
  bool json = false;
  bool raw = false;       // bytes as they are, nothing added
  bool in_shell = false;  // standard input holds commands, not data
};

// One database and one standard output, on which commands run: one by one for the program, many
// for the shell. One thread.
class Session {
 public:
  explicit Session(Settings settings) : settings_(std::move(settings)) {}

  // Opens at the first call. The handle lives as long as the session.
  [[nodiscard]] Result<Db*> db();
  // Closes the database if it is open, and flushes the output.
  [[nodiscard]] Status close();
  // What was printed is with the kernel; kIo if it, or anything before, could not be written.
  [[nodiscard]] Status flush();

  [[nodiscard]] Settings& settings() noexcept { return settings_; }
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  // How a write of the command at hand waits, and what it survives.
  [[nodiscard]] WriteOptions write_options() const;

  // The bytes that an argument stands for.
  [[nodiscard]] Result<std::string> key(std::string_view argument) const;
  [[nodiscard]] Result<std::string> value(std::string_view argument) const;

  void print(std::string_view text);
  void print_json(const Json& json);  // on one line
  // One entry on one line: KEY<tab>VALUE or JSON. Without the part that is not given.
  void print_entry(std::optional<std::string_view> key, std::optional<std::string_view> value);
  // A value alone. As it is if a program reads it, safe for the eye on a terminal.
  void print_value(std::string_view value);

  // What went wrong, to standard error, behind what was printed: as text or as one JSON object.
  void report(const Status& status);
  // Something worth knowing that is no error, to standard error; JSON answers have it already.
  void note(const std::string& text);
  // Where the command stands ("line 3"), for errors and notes to say.
  void set_place(std::string place) { place_ = std::move(place); }

 private:
  [[nodiscard]] std::string shown(std::string_view bytes, ByteFormat format) const;

  Settings settings_;
  std::optional<Db> db_;
  std::string place_;
  int output_error_ = 0;  // errno of the first failed write to standard output
};

}  // namespace tidelock::cli
