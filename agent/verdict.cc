#include "agent/verdict.h"

namespace tidelock::agent {

Finding interpret(std::uint32_t key, std::optional<std::string_view> value,
                  const Evidence& evidence) noexcept {
  using Kind = Finding::Kind;
  if (!value) return Finding{.kind = Kind::kNothing};
  const std::optional<Stamp> stamp = read_stamp(*value);
  if (!stamp || stamp->run != evidence.run) return Finding{.kind = Kind::kForeign};

  Finding finding{.kind = Kind::kImpossible, .stamp = *stamp};
  if (stamp->writer >= evidence.journals.size()) return finding;
  const std::optional<Operation> operation = evidence.journals[stamp->writer].find(stamp->counter);
  if (!operation || operation->key != key || operation->kind != OperationKind::kPut ||
      !intact(*value, *stamp, key, *evidence.values)) {
    return finding;
  }
  finding.kind = Kind::kOperation;
  finding.operation = *operation;
  return finding;
}

Verdict judge(const Finding& finding, const KeyFacts& facts) noexcept {
  const std::uint64_t newest = facts.newest_begin_ns;
  const auto unless = [](bool stale) { return stale ? Verdict::kStale : Verdict::kSound; };
  switch (finding.kind) {
    case Finding::Kind::kNothing:
      return unless(facts.latest_erase_ns < newest);
    case Finding::Kind::kForeign:
      return unless(newest != 0);
    case Finding::Kind::kOperation:
      if (finding.operation.outcome == Outcome::kRefused) return Verdict::kImpossible;
      return unless(finding.operation.latest_effect_ns() < newest);
    case Finding::Kind::kSomething:
      return unless(facts.latest_put_ns < facts.newest_erase_begin_ns);
    case Finding::Kind::kImpossible:
      break;
  }
  return Verdict::kImpossible;
}

}  // namespace tidelock::agent
