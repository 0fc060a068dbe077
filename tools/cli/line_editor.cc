#include "cli/line_editor.h"

#include <histedit.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace tidelock::cli {
namespace {

constexpr int kHistorySize = 1'000;
constexpr std::size_t kShownCandidatesMax = 100;

std::string history_file() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? std::string() : std::string(home) + "/.tidelock_history";
}

// As libedit counts them, of UTF-8.
int characters(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

struct LineEditor::State {
  std::string prompt;
  KeySource keys;
  EditLine* editor = nullptr;
  History* history = nullptr;

  // libedit calls back with the editor alone; the state hangs on it as client data.
  static State& of(EditLine* editor) {
    void* data = nullptr;
    ::el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<State*>(data);
  }
  static char* show_prompt(EditLine* editor) { return of(editor).prompt.data(); }
  static unsigned char complete_here(EditLine* editor, int key);

  static unsigned char cancel_line(EditLine* editor, int key);
  static unsigned char suspend(EditLine* editor, int key);

  void remember(const std::string& line) const;
};

unsigned char LineEditor::State::complete_here(EditLine* editor, int) {
  const LineInfo* line = ::el_line(editor);
  const std::string before(line->buffer, line->cursor);
  const Completion completion = complete(before, of(editor).keys);
  if (completion.candidates.empty()) return CC_REFRESH_BEEP;
  std::string word = common_beginning(completion.candidates);
  if (completion.candidates.size() == 1) word += ' ';
  const std::string written = before.substr(completion.word_begin);
  if (word.size() > written.size()) {
    ::el_deletestr(editor, characters(written));
    ::el_insertstr(editor, word.c_str());
    return CC_REFRESH;
  }
  std::fputc('\n', stdout);
  std::size_t shown = 0;
  for (const std::string& candidate : completion.candidates) {
    std::printf("%s\n", ++shown > kShownCandidatesMax ? "..." : candidate.c_str());
    if (shown > kShownCandidatesMax) break;
  }
  return CC_REDISPLAY;
}

// The line ends, empty.
unsigned char LineEditor::State::cancel_line(EditLine* editor, int) {
  const LineInfoW* line = ::el_wline(editor);  // counts characters, as the calls below do
  ::el_cursor(editor, static_cast<int>(line->lastchar - line->cursor));
  ::el_deletestr(editor, static_cast<int>(line->lastchar - line->buffer));
  ::el_insertstr(editor, "\n");
  std::fputs("^C\n", stdout);
  return CC_NEWLINE;
}

unsigned char LineEditor::State::suspend(EditLine*, int) {
  ::raise(SIGTSTP);
  return CC_REDISPLAY;
}

void LineEditor::State::remember(const std::string& line) const {
  HistEvent event;
  if (line.find_first_not_of(" \t") != std::string::npos) {
    ::history(history, &event, H_ENTER, line.c_str());
    ::history(history, &event, H_SAVE, history_file().c_str());
  }
}

LineEditor::LineEditor(std::string prompt, KeySource keys) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.prompt = std::move(prompt);
  state.keys = std::move(keys);
  HistEvent event;
  state.history = ::history_init();
  ::history(state.history, &event, H_SETSIZE, kHistorySize);
  ::history(state.history, &event, H_SETUNIQUE, 1);
  ::history(state.history, &event, H_LOAD, history_file().c_str());
  state.editor = ::el_init("tidelock", stdin, stdout, stderr);
  ::el_set(state.editor, EL_CLIENTDATA, &state);
  ::el_set(state.editor, EL_PROMPT, &State::show_prompt);
  ::el_set(state.editor, EL_EDITOR, "emacs");
  ::el_set(state.editor, EL_SIGNAL, 1);  // gives the terminal back before a signal ends us
  ::el_set(state.editor, EL_HIST, ::history, state.history);
  ::el_set(state.editor, EL_ADDFN, "complete", "complete a command, option or key",
           &State::complete_here);
  ::el_set(state.editor, EL_BIND, "^I", "complete", nullptr);
  ::el_set(state.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // While a line is edited, Ctrl-C is a key that cancels it, not a signal that ends the program.
  // The terminal knows but one switch for all such keys, so Ctrl-Z has to be made anew.
  ::el_set(state.editor, EL_SETTY, "-d", "-isig", nullptr);
  ::el_set(state.editor, EL_ADDFN, "cancel", "cancel the line", &State::cancel_line);
  ::el_set(state.editor, EL_BIND, "^C", "cancel", nullptr);
  ::el_set(state.editor, EL_ADDFN, "suspend", "stop the program", &State::suspend);
  ::el_set(state.editor, EL_BIND, "^Z", "suspend", nullptr);
  ::el_source(state.editor, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() {
  ::el_end(state_->editor);
  ::history_end(state_->history);
}

std::optional<std::string> LineEditor::read_line() {
  // Before the prompt: a key typed at its sight is for us, not for the terminal.
  ::el_set(state_->editor, EL_PREP_TERM, 1);
  int length = 0;
  const char* text = ::el_gets(state_->editor, &length);
  if (text == nullptr || length <= 0) return std::nullopt;
  std::string line(text, static_cast<std::size_t>(length));
  if (line.back() == '\n') line.pop_back();
  state_->remember(line);
  return line;
}

}  // namespace tidelock::cli
