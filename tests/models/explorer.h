#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

// Explores every reachable state of a small model of a protocol, breadth first, and checks that
//   - no reachable state breaks an invariant, and
//   - from every reachable state a goal is reachable by steps of the processes alone. What the
//     world does (kill, stop, resume, cancel) may not be needed to get out of a state, so a
//     deadlock, a livelock without exit and a lost wake-up are all found.
// Steps are atomic and interleave freely: the models assume sequential consistency.
//
// A model is a type with
//   using State = ...;                        bytes only: trivially copyable, no padding
//   State initial() const;
//   void steps(const State&, Steps<State>&) const;     emits every successor
//   std::string violation(const State&) const;         empty while the invariants hold
//   bool goal(const State&) const;                     what must stay reachable
namespace tidelock::models {

enum class StepKind : std::uint8_t {
  kProcess = 0,  // a process executes one atomic instruction, or a time-out of its own ends
  kWorld = 1,    // nothing the protocol may rely on to happen
};

// Collects the successors of one state.
template <typename State>
class Steps {
 public:
  struct Step {
    const char* name;  // a literal
    int who;           // the process, or -1
    StepKind kind;
    State next;
  };
  void process(const char* name, int who, const State& next) {
    steps_.push_back({name, who, StepKind::kProcess, next});
  }
  void world(const char* name, int who, const State& next) {
    steps_.push_back({name, who, StepKind::kWorld, next});
  }
  void clear() { steps_.clear(); }
  const std::vector<Step>& all() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

struct Exploration {
  std::size_t states = 0;
  std::size_t transitions = 0;
  std::string violation;           // empty: all holds; else what is broken
  std::vector<std::string> trace;  // a shortest way from the initial state to it
  bool complete = false;           // false: stopped at a violation, or at `states_max`
};

template <typename Model>
class Explorer {
  using State = typename Model::State;
  static_assert(std::is_trivially_copyable_v<State>);
  static_assert(std::has_unique_object_representations_v<State>, "the state has padding");

 public:
  Explorer(const Model& model, std::size_t states_max)
      : model_(model), states_max_(states_max), index_(1024, Hash{this}, Equal{this}) {}
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  Exploration run() {
    Exploration result;
    visit(model_.initial(), {0, "initial", -1});
    Steps<State> steps;
    for (Id at = 0; at < states_.size() && states_.size() <= states_max_; ++at) {
      if (auto broken = model_.violation(states_[at]); !broken.empty()) {
        return failed(std::move(result), std::move(broken), at);
      }
      steps.clear();
      const State from = states_[at];
      model_.steps(from, steps);
      result.transitions += steps.all().size();
      for (const auto& step : steps.all()) {
        const Id to = visit(step.next, {at, step.name, step.who});
        if (step.kind == StepKind::kProcess && to != at) backward_.push_back({to, at});
      }
    }
    result.complete = states_.size() <= states_max_;
    if (result.complete) {
      if (const Id stuck = first_stuck(); stuck != kNone) {
        return failed(std::move(result), "no goal can be reached any more", stuck);
      }
    }
    result.states = states_.size();
    return result;
  }

 private:
  using Id = std::uint32_t;
  static constexpr Id kNone = ~Id{0};
  struct Arrival {
    Id from;
    const char* name;
    int who;
  };
  struct Hash {
    const Explorer* explorer;
    std::size_t operator()(Id id) const {
      return std::hash<std::string_view>{}(explorer->bytes(id));
    }
  };
  struct Equal {
    const Explorer* explorer;
    bool operator()(Id a, Id b) const { return explorer->bytes(a) == explorer->bytes(b); }
  };

  std::string_view bytes(Id id) const {
    return {reinterpret_cast<const char*>(&states_[id]), sizeof(State)};
  }

  Id visit(const State& state, Arrival arrival) {
    const Id id = static_cast<Id>(states_.size());
    states_.push_back(state);
    const auto [at, fresh] = index_.insert(id);
    if (fresh) {
      arrivals_.push_back(arrival);
    } else {
      states_.pop_back();
    }
    return *at;
  }

  // The first state from which no goal is reachable by process steps: a backward search from all
  // goals marks the others.
  Id first_stuck() const {
    const std::size_t count = states_.size();
    std::vector<std::uint32_t> first(count + 1, 0);
    for (const auto& [to, from] : backward_) ++first[to + 1];
    for (std::size_t i = 0; i < count; ++i) first[i + 1] += first[i];
    std::vector<Id> sources(backward_.size());
    auto next = first;
    for (const auto& [to, from] : backward_) sources[next[to]++] = from;

    std::vector<bool> good(count, false);
    std::vector<Id> open;
    const auto mark = [&](Id id) {
      if (!good[id]) {
        good[id] = true;
        open.push_back(id);
      }
    };
    for (Id id = 0; id < count; ++id) {
      if (model_.goal(states_[id])) mark(id);
    }
    while (!open.empty()) {
      const Id to = open.back();
      open.pop_back();
      for (auto i = first[to]; i < first[to + 1]; ++i) mark(sources[i]);
    }
    for (Id id = 0; id < count; ++id) {
      if (!good[id]) return id;
    }
    return kNone;
  }

  Exploration failed(Exploration result, std::string what, Id at) const {
    result.states = states_.size();
    result.violation = std::move(what);
    for (Id id = at; id != 0; id = arrivals_[id].from) {
      const auto& arrival = arrivals_[id];
      std::string line = arrival.name;
      if (arrival.who >= 0) line = "p" + std::to_string(arrival.who) + ": " + line;
      result.trace.insert(result.trace.begin(), std::move(line));
    }
    return result;
  }

  const Model& model_;
  std::size_t states_max_;
  std::vector<State> states_;
  std::vector<Arrival> arrivals_;
  std::unordered_set<Id, Hash, Equal> index_;
  std::vector<std::pair<Id, Id>> backward_;  // process steps only: {to, from}
};

template <typename Model>
Exploration explore(const Model& model, std::size_t states_max = 20'000'000) {
  return Explorer<Model>(model, states_max).run();
}

}  // namespace tidelock::models
