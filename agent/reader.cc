#include "agent/reader.h"

#include <algorithm>

#include "agent/call_timer.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kFew = 16;          // keys
constexpr std::uint32_t kWholeMax = 4'096;  // more are never read at one point
constexpr std::uint32_t kUses = 6;          // of a snapshot, at most

}  // namespace

Reader::Reader(const Run& run, Db& db, std::uint32_t writer)
    : run_(run),
      db_(db),
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
  const Result<std::optional<PinnedValue>> value = db_.get_pinned(name);
  single_.begin_ns = call.begin_ns();
  single_.end_ns = call.finish();
  if (!value) return value.error();
  stats_.reads.add(1);
  stats_.read_latency.record(single_.end_ns - single_.begin_ns);
  std::optional<std::string_view> bytes;
  if (*value) bytes = (*value)->view();
  return note(single_, 0, bytes);
}

Status Reader::read_several(Random& random) {
  stats_.reads.add(1);
  stats_.snapshots.add(1);
  if (!kept_ && random.below(4) == 0) {  // without a snapshot
    View view = choose_keys(random);
    return walk(view, random.below(2) == 0);
  }
  if (!kept_) {
    View view = choose_keys(random);
    CallTimer call(stats_);
    Result<Snapshot> snapshot = db_.snapshot();
    view.begin_ns = call.begin_ns();
    view.end_ns = call.finish();
    if (!snapshot) return snapshot.error();
    view.snapshot = *std::move(snapshot);
    view.uses_left = 1 + random.below(kUses);
    kept_ = std::move(view);
  }
  const std::uint32_t way = random.below(3);
  Status status = way == 0 ? get_each(*kept_) : walk(*kept_, way == 1);
  if (--kept_->uses_left == 0) kept_.reset();
  return status;
}

Reader::View Reader::choose_keys(Random& random) const {
  const std::uint32_t all = run_.keys.count();
  std::uint32_t count = std::min(all, 2 + random.below(kFew));
  if (random.below(16) == 0) count = std::min(all, kWholeMax);
  const std::uint32_t first = random.below(all - count + 1);
  View view;
  for (const std::uint32_t key : run_.key_order.subspan(first, count)) {
    view.keys.push_back(key);
    view.newest_begin_ns.push_back(run_.state.ledger()[key].newest_begin_ns());
  }
  return view;
}

Status Reader::get_each(View& view) {
  for (std::size_t place = 0; place < view.keys.size(); ++place) {
    const std::string_view name = run_.keys.at(view.keys[place], key_buffer_);
    CallTimer call(stats_);
    const Result<std::optional<std::string>> value = db_.get(name, {.snapshot = &*view.snapshot});
    call.finish();
    if (!value) return value.error();
    if (Status status = note(view, place, *value); !status.ok()) return status;
  }
  return Status();
}

Status Reader::walk(View& view, bool forwards) {
  CallTimer call(stats_);
  IterateOptions options;
  options.range.lower = run_.keys.at(view.keys.front(), key_buffer_);
  options.range.upper = run_.keys.at(view.keys.back(), key_buffer_);
  *options.range.upper += '\0';  // it is within
  if (view.snapshot) options.read.snapshot = &*view.snapshot;
  Result<Iterator> iterator = db_.iterate(options);
  if (!iterator) return iterator.error();
  if (!view.snapshot) {
    view.begin_ns = call.begin_ns();
    view.end_ns = now_ns();
  }
  if (forwards) {
    iterator->seek_first();
  } else {
    iterator->seek_last();
  }
  const std::size_t count = view.keys.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = forwards ? i : count - 1 - i;
    const std::string_view key = run_.keys.at(view.keys[place], key_buffer_);
    const auto passed = [&] { return forwards ? iterator->key() < key : iterator->key() > key; };
    while (iterator->valid() && passed()) forwards ? iterator->next() : iterator->prev();
    if (Status status = iterator->status(); !status.ok()) return status;
    std::optional<std::string_view> value;
    if (iterator->valid() && iterator->key() == key) value = iterator->value();
    if (Status status = note(view, place, value); !status.ok()) return status;
  }
  return Status();
}

Status Reader::note(View& view, std::size_t place, std::optional<std::string_view> value) {
  const std::uint32_t key = view.keys[place];
  const LedgerEntry& ledger = run_.state.ledger()[key];
  const Finding finding = interpret(key, value, evidence_);
  const KeyFacts facts{.newest_begin_ns = view.newest_begin_ns[place],
                       .latest_erase_ns = ledger.latest_erase_ns()};
  const Verdict verdict = judge(finding, facts);
  if (verdict != Verdict::kSound) {
    run_.state.report_contradiction({.key = key,
                                     .reader = writer_,
                                     .finding = finding,
                                     .verdict = verdict,
                                     .newest_begin_ns = facts.newest_begin_ns,
                                     .read_begin_ns = view.begin_ns,
                                     .read_end_ns = view.end_ns});
  }
  if (log_ == nullptr || finding.kind == Finding::Kind::kImpossible) return Status();
  if (!view.point) view.point = static_cast<std::uint32_t>(log_->size());
  return log_->add({.begin_ns = view.begin_ns,
                    .end_ns = view.end_ns,
                    .sequence = view.snapshot ? view.snapshot->sequence() : Reading::kNoSequence,
                    .sight = Sight(finding),
                    .key = key,
                    .point = *view.point});
}

}  // namespace tidelock::agent
