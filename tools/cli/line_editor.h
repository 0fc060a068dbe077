#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/completion.h"

namespace tidelock::cli {

// Reads lines from a terminal: editing, a history that outlives the program, completion by the tab
// key. The history is in ~/.tidelock_history, readable by its owner alone, for it holds keys and
// values; each line is saved as it is entered. One a process, one thread.
class LineEditor {
 public:
  LineEditor(std::string prompt, KeySource keys);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  // Without its newline; empty if Ctrl-C cancelled it; nullopt at the end of the input.
  [[nodiscard]] std::optional<std::string> read_line();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidelock::cli
