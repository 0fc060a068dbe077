#include "agent/reader.h"

#include <algorithm>

#include "agent/call_timer.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kFew = 16;          // keys
constexpr std::uint32_t kWholeMax = 4'096;  // more are never read at one point
constexpr std::uint32_t kUses = 6;          // of a view, at most
constexpr std::size_t kBytesKept = std::size_t{1} << 20;

// To the next entry of a scan, or the one before. `last` gets the key that is left behind: a scan
// that goes back shows entries twice, or never ends.
Status advance(Cursor& cursor, bool forwards, std::string& last) {
  last = cursor.key();
  forwards ? cursor.next() : cursor.prev();
  if (!cursor.valid() || (forwards ? cursor.key() > last : cursor.key() < last)) {
    return Status();
  }
  return Status(StatusCode::kCorruption, "a scan " + std::string(forwards ? "forwards" : "back") +
                                             " shows key \"" + std::string(cursor.key()) +
                                             "\" behind \"" + last + "\"");
}

}  // namespace

Reader::Reader(const Run& run, const std::unique_ptr<Session>& session, std::uint32_t writer)
    : run_(run),
      session_(session),
      writer_(writer),
      evidence_(run.evidence()),
      judged_(run.settings.verify != Verify::kNone),
      log_(run.reads.empty() ? nullptr : &run.reads[writer]),
      stats_(run.state.writers()[writer]) {
  single_.keys.resize(1);
  single_.known.resize(1);
}

Status Reader::get(std::uint32_t key, Took& took) {
  const std::string_view name = run_.keys.at(key, key_buffer_);
  stats_.reads.add(1);
  if (!judged_) {
    const Result<bool> found = session_->get(name, value_);
    if (took.begin_ns != 0) took.end_ns = now_ns();
    if (found && !*found) stats_.misses.add(1);
    return found.status();
  }
  single_.point.reset();
  single_.keys[0] = key;
  single_.known[0] = facts_of(key);
  CallTimer call(stats_);
  const Result<bool> found = session_->get(name, value_);
  took = {.begin_ns = call.begin_ns(), .end_ns = call.finish()};
  single_.begin_ns = took.begin_ns;
  single_.end_ns = took.end_ns;
  if (!found) return found.error();
  if (!*found) stats_.misses.add(1);
  return note(single_, 0, *found ? std::optional<std::string_view>(value_) : std::nullopt);
}

// A key that is there says nothing of which write it was.
Status Reader::exists(std::uint32_t key, Took& took) {
  const std::string_view name = run_.keys.at(key, key_buffer_);
  stats_.reads.add(1);
  if (!judged_) {
    const Result<bool> found = session_->exists(name);
    if (took.begin_ns != 0) took.end_ns = now_ns();
    if (found && !*found) stats_.misses.add(1);
    return found.status();
  }
  single_.point.reset();
  single_.keys[0] = key;
  single_.known[0] = facts_of(key);
  CallTimer call(stats_);
  const Result<bool> found = session_->exists(name);
  took = {.begin_ns = call.begin_ns(), .end_ns = call.finish()};
  single_.begin_ns = took.begin_ns;
  single_.end_ns = took.end_ns;
  if (!found) return found.error();
  if (!*found) stats_.misses.add(1);
  return note(single_, 0, {.kind = *found ? Finding::Kind::kSomething : Finding::Kind::kNothing});
}

Status Reader::scan(std::uint32_t key, std::uint32_t length, bool forwards, Took& took) {
  stats_.reads.add(1);
  if (!judged_) {
    Status status = scan_unjudged(key, length, forwards);
    if (took.begin_ns != 0) took.end_ns = now_ns();
    return status;
  }
  Look look = look_from(key, length, forwards);
  const Status status = walk(look, forwards);
  took = {.begin_ns = look.begin_ns, .end_ns = end_ns()};
  const Status noted = note_kept(look);
  return status.ok() ? noted : status;
}

Status Reader::scan_unjudged(std::uint32_t key, std::uint32_t length, bool forwards) {
  const std::string_view name = run_.keys.at(key, key_buffer_);
  const Span span = forwards ? Span{.first = name, .last = {}} : Span{.first = {}, .last = name};
  Result<std::unique_ptr<Cursor>> opened = session_->cursor(span);
  if (!opened) return opened.error();
  Cursor& cursor = **opened;
  forwards ? cursor.seek_first() : cursor.seek_last();
  for (std::uint32_t i = 0; i < length && cursor.valid(); ++i) {
    value_.assign(cursor.value());
    forwards ? cursor.next() : cursor.prev();
  }
  return cursor.status();
}

Status Reader::read_several(Random& random, Took& took) {
  stats_.reads.add(1);
  stats_.snapshots.add(1);
  return read_at_one_point(random, took);
}

Status Reader::read_together(std::vector<std::uint32_t> keys, Took& took) {
  stats_.reads.add(1);
  stats_.snapshots.add(1);
  Look look = look_at(std::move(keys));
  if (!run_.recorded.empty()) last_keys_ = look.keys;
  if (Status status = take_view(look); !status.ok()) return status;
  if (judged_) took.begin_ns = look.begin_ns;
  return judge_after(look, took, [this](Look& at) { return get_each(at); });
}

Status Reader::take_view(Look& look) {
  CallTimer call(stats_);
  Result<std::unique_ptr<View>> view = session_->view();
  look.begin_ns = call.begin_ns();
  look.end_ns = call.finish();
  if (!view) return view.error();
  look.view = *std::move(view);
  return Status();
}

template <typename Read>
Status Reader::judge_after(Look& look, Took& took, Read read) {
  const Status status = read(look);
  if (took.begin_ns != 0) took.end_ns = end_ns();
  const Status noted = note_kept(look);
  return status.ok() ? noted : status;
}

Status Reader::read_at_one_point(Random& random, Took& took) {
  const bool may_do_without = run_.settings.hold_view.count() == 0;
  if (!kept_ && may_do_without && random.below(4) == 0) {
    Look look = choose_keys(random);
    if (!run_.recorded.empty()) last_keys_ = look.keys;
    const bool forwards = random.below(2) == 0;
    if (judged_) took.begin_ns = now_ns();
    return judge_after(look, took, [&](Look& at) { return walk(at, forwards); });
  }
  if (judged_ && kept_) took.begin_ns = now_ns();
  if (!kept_) {
    Look look = choose_keys(random);
    if (Status status = take_view(look); !status.ok()) return status;
    if (judged_) took.begin_ns = look.begin_ns;
    look.uses_left = 1 + random.below(kUses);
    look.keep_until_ns = look.end_ns + in_ns(run_.settings.hold_view);
    kept_ = std::move(look);
  }
  if (!run_.recorded.empty()) last_keys_ = kept_->keys;
  const std::uint32_t way = random.below(3);
  Status status = judge_after(
      *kept_, took, [&](Look& look) { return way == 0 ? get_each(look) : walk(look, way == 1); });
  const bool held = run_.settings.hold_view.count() != 0;
  if (held ? now_ns() >= kept_->keep_until_ns : --kept_->uses_left == 0) kept_.reset();
  return status;
}

Reader::Look Reader::choose_keys(Random& random) const {
  const std::uint32_t all = run_.keys.count();
  std::uint32_t count = std::min(all, 2 + random.below(kFew));
  if (random.below(16) == 0) count = std::min(all, kWholeMax);
  return look_at(random.below(all - count + 1), count);
}

Reader::Look Reader::look_at(std::uint32_t place, std::uint32_t count) const {
  const auto keys = run_.key_order.subspan(place, count);
  return look_at({keys.begin(), keys.end()});
}

// Keys that nobody has inserted yet are passed over, as a scan that is not judged would.
Reader::Look Reader::look_from(std::uint32_t key, std::uint32_t count, bool forwards) const {
  const std::uint32_t population = run_.state.population().count();
  const std::size_t places = run_.key_order.size();
  std::vector<std::uint32_t> keys;
  for (std::size_t place = run_.key_places[key]; place < places && keys.size() < count;
       forwards ? ++place : --place) {  // before the first there is none either
    if (run_.key_order[place] < population) keys.push_back(run_.key_order[place]);
  }
  if (!forwards) std::reverse(keys.begin(), keys.end());
  return look_at(std::move(keys));
}

Reader::Look Reader::look_at(std::vector<std::uint32_t> keys) const {
  Look look;
  look.keys = std::move(keys);
  if (!judged_) return look;
  for (const std::uint32_t key : look.keys) look.known.push_back(facts_of(key));
  return look;
}

Status Reader::get_each(Look& look) {
  for (std::size_t place = 0; place < look.keys.size(); ++place) {
    const std::string_view name = run_.keys.at(look.keys[place], key_buffer_);
    CallTimer call(stats_);
    const Result<bool> found = look.view->get(name, value_);
    call.finish();
    if (!found) return found.error();
    const auto value = *found ? std::optional<std::string_view>(value_) : std::nullopt;
    if (Status status = keep(look, place, value); !status.ok()) return status;
  }
  return Status();
}

Status Reader::walk(Look& look, bool forwards) {
  CallTimer call(stats_);
  const Span span{.first = run_.keys.at(look.keys.front(), key_buffer_),
                  .last = run_.keys.at(look.keys.back(), end_buffer_)};
  Result<std::unique_ptr<Cursor>> opened =
      look.view ? look.view->cursor(span) : session_->cursor(span);
  if (!opened) return opened.error();
  Cursor& cursor = **opened;
  if (!look.view) {
    look.begin_ns = call.begin_ns();
    look.end_ns = now_ns();
  }
  forwards ? cursor.seek_first() : cursor.seek_last();
  const std::size_t count = look.keys.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = forwards ? i : count - 1 - i;
    const std::string_view key = run_.keys.at(look.keys[place], key_buffer_);
    const auto passed = [&] { return forwards ? cursor.key() < key : cursor.key() > key; };
    while (cursor.valid() && passed()) {
      if (Status status = advance(cursor, forwards, value_); !status.ok()) return status;
    }
    if (Status status = cursor.status(); !status.ok()) return status;
    std::optional<std::string_view> value;
    if (cursor.valid() && cursor.key() == key) value = cursor.value();
    if (Status status = keep(look, place, value); !status.ok()) return status;
  }
  return Status();
}

// What may have become known before the read began.
KeyFacts Reader::facts_of(std::uint32_t key) const noexcept {
  const LedgerEntry& entry = run_.state.ledger()[key];
  return {.newest_begin_ns = entry.newest_begin_ns(),
          .newest_erase_begin_ns = entry.newest_erase_begin_ns()};
}

Status Reader::keep(Look& look, std::size_t place, std::optional<std::string_view> value) {
  if (!judged_) return Status();
  if (value) kept_values_.append(*value);
  kept_findings_.push_back(
      {.place = place, .end = value ? std::optional(kept_values_.size()) : std::nullopt});
  if (kept_values_.size() < kBytesKept) return Status();
  const std::uint64_t begin = now_ns();
  const std::uint64_t paused_before = paused_ns_;
  Status status = note_kept(look);
  paused_ns_ = paused_before + now_ns() - begin;
  return status;
}

// Ends what was to be judged, and the time for which the clock stood still.
Status Reader::note_kept(Look& look) {
  Status status;
  std::size_t begin = 0;
  for (const Kept& kept : kept_findings_) {
    std::optional<std::string_view> value;
    if (kept.end) {
      value = std::string_view(kept_values_).substr(begin, *kept.end - begin);
      begin = *kept.end;
    }
    if (status.ok()) status = note(look, kept.place, value);
  }
  kept_findings_.clear();
  kept_values_.clear();
  paused_ns_ = 0;
  return status;
}

Status Reader::note(Look& look, std::size_t place, std::optional<std::string_view> value) {
  return note(look, place, interpret(look.keys[place], value, evidence_));
}

Status Reader::note(Look& look, std::size_t place, const Finding& finding) {
  const std::uint32_t key = look.keys[place];
  LedgerEntry& ledger = run_.state.ledger()[key];
  KeyFacts facts = look.known[place];
  facts.latest_erase_ns = ledger.erases().latest_ns();
  facts.latest_put_ns = ledger.puts().latest_ns();
  const Verdict verdict = judge(finding, facts);
  if (verdict != Verdict::kSound) {
    run_.state.report_contradiction({.key = key,
                                     .reader = writer_,
                                     .finding = finding,
                                     .verdict = verdict,
                                     .newest_begin_ns = facts.newest_begin_ns,
                                     .read_begin_ns = look.begin_ns,
                                     .read_end_ns = look.end_ns});
  }
  const bool logged =
      finding.kind != Finding::Kind::kImpossible && finding.kind != Finding::Kind::kSomething;
  if (log_ == nullptr || !logged) return Status();
  if (!look.point) look.point = static_cast<std::uint32_t>(log_->size());
  return log_->add({.begin_ns = look.begin_ns,
                    .end_ns = look.end_ns,
                    .sequence = look.view ? look.view->sequence().value_or(Reading::kNoSequence)
                                          : Reading::kNoSequence,
                    .sight = Sight(finding),
                    .key = key,
                    .point = *look.point});
}

}  // namespace tidelock::agent
