#include "agent/reader.h"

#include <algorithm>

#include "agent/call_timer.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kFew = 16;          // keys
constexpr std::uint32_t kWholeMax = 4'096;  // more are never read at one point
constexpr std::uint32_t kUses = 6;          // of a view, at most

}  // namespace

Reader::Reader(const Run& run, const std::unique_ptr<Session>& session, std::uint32_t writer)
    : run_(run),
      session_(session),
      writer_(writer),
      evidence_(run.evidence()),
      log_(run.reads.empty() ? nullptr : &run.reads[writer]),
      stats_(run.state.writers()[writer]) {
  single_.keys.resize(1);
  single_.newest_begin_ns.resize(1);
}

Status Reader::read_one(std::uint32_t key) {
  single_.point.reset();
  single_.keys[0] = key;
  single_.newest_begin_ns[0] = run_.state.ledger()[key].newest_begin_ns();
  const std::string_view name = run_.keys.at(key, key_buffer_);
  CallTimer call(stats_);
  const Result<bool> found = session_->get(name, value_);
  single_.begin_ns = call.begin_ns();
  single_.end_ns = call.finish();
  if (!found) return found.error();
  stats_.reads.add(1);
  stats_.read_latency.record(single_.end_ns - single_.begin_ns);
  return note(single_, 0, *found ? std::optional<std::string_view>(value_) : std::nullopt);
}

Status Reader::read_several(Random& random) {
  stats_.reads.add(1);
  stats_.snapshots.add(1);
  if (!kept_ && random.below(4) == 0) {  // without a view
    Look look = choose_keys(random);
    return walk(look, random.below(2) == 0);
  }
  if (!kept_) {
    Look look = choose_keys(random);
    CallTimer call(stats_);
    Result<std::unique_ptr<View>> view = session_->view();
    look.begin_ns = call.begin_ns();
    look.end_ns = call.finish();
    if (!view) return view.error();
    look.view = *std::move(view);
    look.uses_left = 1 + random.below(kUses);
    kept_ = std::move(look);
  }
  const std::uint32_t way = random.below(3);
  Status status = way == 0 ? get_each(*kept_) : walk(*kept_, way == 1);
  if (--kept_->uses_left == 0) kept_.reset();
  return status;
}

Reader::Look Reader::choose_keys(Random& random) const {
  const std::uint32_t all = run_.keys.count();
  std::uint32_t count = std::min(all, 2 + random.below(kFew));
  if (random.below(16) == 0) count = std::min(all, kWholeMax);
  const std::uint32_t first = random.below(all - count + 1);
  Look look;
  for (const std::uint32_t key : run_.key_order.subspan(first, count)) {
    look.keys.push_back(key);
    look.newest_begin_ns.push_back(run_.state.ledger()[key].newest_begin_ns());
  }
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
    if (Status status = note(look, place, value); !status.ok()) return status;
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
    while (cursor.valid() && passed()) forwards ? cursor.next() : cursor.prev();
    if (Status status = cursor.status(); !status.ok()) return status;
    std::optional<std::string_view> value;
    if (cursor.valid() && cursor.key() == key) value = cursor.value();
    if (Status status = note(look, place, value); !status.ok()) return status;
  }
  return Status();
}

Status Reader::note(Look& look, std::size_t place, std::optional<std::string_view> value) {
  const std::uint32_t key = look.keys[place];
  const LedgerEntry& ledger = run_.state.ledger()[key];
  const Finding finding = interpret(key, value, evidence_);
  const KeyFacts facts{.newest_begin_ns = look.newest_begin_ns[place],
                       .latest_erase_ns = ledger.latest_erase_ns()};
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
  if (log_ == nullptr || finding.kind == Finding::Kind::kImpossible) return Status();
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
