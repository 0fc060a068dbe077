#include "models/lock_model.h"

#include <algorithm>

namespace tidelock::models {

namespace {

using Model = LockModel;
using State = Model::State;
using Process = Model::Process;
using Word = Model::Word;
using Entry = Model::Entry;
using Pc = Model::Pc;
using Lock = Model::Lock;
using Place = Model::Place;
using Life = Model::Life;
using Purpose = Model::Purpose;

// Tickets are compared modulo this; the implementation's modulus is 2^32.
constexpr int kTickets = 32;

std::uint8_t plus(std::uint8_t ticket, int distance) {
  return static_cast<std::uint8_t>((ticket + distance + kTickets) % kTickets);
}

// How far `a` is behind (negative) or ahead of `b`.
int distance(std::uint8_t a, std::uint8_t b) {
  const int forward = (a - b + kTickets) % kTickets;
  return forward < kTickets / 2 ? forward : forward - kTickets;
}

// One step of one process: the constructor's caller picks the process, `run` emits what can follow.
class Stepper {
 public:
  Stepper(const Model& model, const State& now, int who, Steps<State>& emit)
      : model_(model), now_(now), who_(who), emit_(emit), next_(now) {}

  void run() {
    // clang-format off
    switch (me().pc) {
      case Pc::kBumpGeneration: return bump_generation();
      case Pc::kLoad: return load();
      case Pc::kTake: return take();
      case Pc::kTail: return tail();
      case Pc::kSlot: return slot();
      case Pc::kClaim: return claim();
      case Pc::kAdvanceTail: return advance_tail();
      case Pc::kMakeRoom: return make_room();
      case Pc::kPollFull: return go("poll a full ring", Pc::kJudge), retry_ring();
      case Pc::kOwnEntry: return own_entry();
      case Pc::kReturn: return return_from_lapse();
      case Pc::kLook: return look();
      case Pc::kAccept: return accept();
      case Pc::kSetWaiters: return set_bit("set has-waiters", &Word::waiters);
      case Pc::kSetWanted: return set_bit("want the hand-over", &Word::wanted);
      case Pc::kFallAsleep: return fall_asleep();
      case Pc::kLastLook: return last_look();
      case Pc::kAsleep: return sleep();
      case Pc::kJudge: return judge();
      case Pc::kJudgeGeneration: return judge_generation();
      case Pc::kJudgeByte: return judge_byte();
      case Pc::kRecover: return recover();
      case Pc::kRecoverLook: return recover_look();
      case Pc::kTakeOver: return take_over();
      case Pc::kDropRecovery: return drop_recovery();
      case Pc::kLapse: return lapse();
      case Pc::kLapseEntry: return lapse_entry();
      case Pc::kScanHead: return scan_head();
      case Pc::kScanFirst: return scan_first();
      case Pc::kHelpScan: return help_scan();
      case Pc::kScanEntry: return scan_entry();
      case Pc::kPass: return pass();
      case Pc::kOfferCheck: return offer_check();
      case Pc::kWake: return wake();
      case Pc::kOvertakeEntry: return overtake_entry();
      case Pc::kRecycle: return recycle();
      case Pc::kHelpHead: return help_head();
      case Pc::kHelpHeadEntry: return help_head_entry();
      case Pc::kHelpHeadAdvance: return help_head_advance();
      case Pc::kInside: return inside();
      case Pc::kRelease: return release();
      case Pc::kCancelLook: return cancel_look();
      case Pc::kDone: return done();
    }
    // clang-format on
  }

  // The deadline passed: give up the place, then look at the word (Q8).
  void cancel() {
    me().asleep = false;
    me().after = Pc::kCancelLook;
    emit_.world("deadline passes", who_, at(me().queued ? Pc::kRecycle : Pc::kCancelLook));
  }

 private:
  Process& me() { return next_.processes[who_]; }
  Entry& entry_of(std::uint8_t ticket) { return next_.entries[ticket % model_.ring]; }
  bool broken(Broken rule) const { return model_.broken == rule; }
  bool fail_fast() const { return model_.fail_fast[who_]; }
  bool is_mine(const Word& word) { return word.slot == who_ && word.generation == me().generation; }
  bool offered_to_me(const Word& word) {
    return word.lock == Lock::kOffered && is_mine(word) && me().queued &&
           word.ticket == me().ticket;
  }
  bool is_my_entry(const Entry& entry) {
    return entry.place != Place::kEmpty && entry.ticket == me().ticket && entry.slot == who_ &&
           entry.generation == me().generation;
  }

  // Places where nothing of what was remembered is used again: forgetting it makes states equal.
  void forget_at(Pc pc) {
    Process& process = me();
    const bool hub = pc == Pc::kLoad || pc == Pc::kTail || pc == Pc::kOwnEntry ||
                     pc == Pc::kAsleep || pc == Pc::kInside || pc == Pc::kDone ||
                     pc == Pc::kRelease || pc == Pc::kFallAsleep || pc == Pc::kJudge;
    if (!hub) return;
    process.after = Pc::kDone;
    process.purpose = Purpose::kNone;
    process.judged_dead = false;
    process.seen = {};
    process.entry = {};
    process.scan = 0;
    process.has_found = false;
    if (!process.queued) process.ticket = 0;
  }

  const State& at(Pc pc) {
    me().pc = pc;
    forget_at(pc);
    return next_;
  }

  void go(const char* name, Pc pc) {
    const State saved = next_;
    emit_.process(name, who_, at(pc));
    next_ = saved;
  }

  // Where a caller that did not get the lock goes on.
  Pc resume() {
    if (me().queued) return Pc::kOwnEntry;
    return fail_fast() ? Pc::kDone : Pc::kTail;
  }

  bool swap_word(const Word& expected, const Word& desired) {
    if (next_.word != expected) return false;
    next_.word = desired;
    return true;
  }

  Word held_by_me(const Word& before) {
    return {.lock = Lock::kHeld,
            .waiters = before.waiters || me().queued,
            .inconsistent = before.inconsistent,
            .slot = static_cast<std::uint8_t>(who_),
            .generation = me().generation};
  }

  void enter(const char* name, Pc pc) {
    me().holding = true;
    me().after = Pc::kInside;
    go(name, pc);
  }
  Pc dequeue_or_inside() { return me().queued ? Pc::kRecycle : Pc::kInside; }

  void start_scan(const char* name, Purpose purpose, Pc after) {
    me().purpose = purpose;
    me().after = after;
    me().has_found = false;
    go(name, Pc::kScanHead);
  }

  // --- attach, arrive -------------------------------------------------------------------------

  void bump_generation() {
    me().generation = ++next_.generations[who_];
    go("bump the generation", Pc::kLoad);
  }

  void load() {
    const Word word = next_.word;
    me().seen = word;
    if (word.lock == Lock::kFree && (!model_.strict || !word.waiters)) {
      return go("see it free", Pc::kTake);
    }
    go("see it taken", fail_fast() ? Pc::kJudge : Pc::kTail);
  }

  void take() {
    if (swap_word(me().seen, held_by_me(me().seen))) return enter("take it", dequeue_or_inside());
    go("miss it", me().queued ? Pc::kOwnEntry : Pc::kLoad);
  }

  // --- enqueue (Q4) ---------------------------------------------------------------------------

  void tail() {
    me().ticket = next_.tail;
    go("read tail", Pc::kSlot);
  }

  void slot() {
    me().entry = entry_of(me().ticket);
    const int ahead = distance(me().entry.ticket, me().ticket);
    if (ahead == 0 && me().entry.place == Place::kEmpty) return go("see it empty", Pc::kClaim);
    const bool helps = ahead == 0 || !broken(Broken::kTailHelpedOnlyWhileClaimed);
    if (ahead >= 0) return go("see tail lag", helps ? Pc::kAdvanceTail : Pc::kTail);
    go("see the ring full", Pc::kMakeRoom);
  }

  void claim() {
    Entry& entry = entry_of(me().ticket);
    if (entry != me().entry) return go("lose the entry", Pc::kTail);
    entry = {.ticket = me().ticket,
             .place = Place::kWaiting,
             .slot = static_cast<std::uint8_t>(who_),
             .generation = me().generation};
    me().queued = true;
    go("claim the entry", Pc::kAdvanceTail);
  }

  void advance_tail() {
    if (next_.tail == me().ticket) next_.tail = plus(next_.tail, 1);
    go("advance tail", me().queued ? Pc::kOwnEntry : Pc::kTail);
  }

  // The entry of the last lap is in the way: recycle it if its owner is dead or was passed over.
  void make_room() {
    Entry& entry = entry_of(me().ticket);
    const bool removable =
        me().entry.place == Place::kLapsed || !alive(me().entry.slot, me().entry.generation);
    if (!removable) return go("ring is full", Pc::kPollFull);
    if (entry == me().entry) entry = {.ticket = plus(entry.ticket, model_.ring)};
    go("make room", Pc::kTail);
  }
  void retry_ring() { go("try the ring again", Pc::kTail); }

  // --- wait -----------------------------------------------------------------------------------

  void own_entry() {
    const Entry entry = entry_of(me().ticket);
    if (!is_my_entry(entry)) {
      me().queued = false;
      return go("was moved out", Pc::kTail);
    }
    me().entry = entry;
    go("see own entry", entry.place == Place::kLapsed ? Pc::kReturn : Pc::kLook);
  }

  void return_from_lapse() {
    Entry& entry = entry_of(me().ticket);
    if (entry == me().entry) entry.place = Place::kWaiting;
    go("wait again", Pc::kOwnEntry);
  }

  void look() {
    const Word word = next_.word;
    me().seen = word;
    if (offered_to_me(word)) return go("see the offer", Pc::kAccept);
    if (word.lock == Lock::kFree) {
      if (!model_.strict) return go("see it free", Pc::kTake);
      return start_scan("see it free", Purpose::kAmIFirst, Pc::kFallAsleep);
    }
    if (!word.waiters) return go("see no has-waiters", Pc::kSetWaiters);
    if (word.lock == Lock::kHeld && !word.wanted) go("have waited long", Pc::kSetWanted);
    go("see it taken", Pc::kFallAsleep);
  }

  void accept() {
    if (swap_word(me().seen, held_by_me(me().seen))) return enter("accept", Pc::kRecycle);
    go("offer is gone", Pc::kOwnEntry);
  }

  void set_bit(const char* name, bool Word::*bit) {
    Word changed = me().seen;
    changed.*bit = true;
    swap_word(me().seen, changed);
    go(name, Pc::kOwnEntry);
  }

  void fall_asleep() {
    me().asleep = true;
    go("announce sleep", Pc::kLastLook);
  }

  void last_look() {
    const Word& word = next_.word;
    if (word.lock == Lock::kFree || offered_to_me(word) || !word.waiters) {
      me().asleep = false;
      return go("stay awake", Pc::kOwnEntry);
    }
    go("sleep", Pc::kAsleep);
  }

  void sleep() {
    if (!me().asleep) return go("wake up", Pc::kOwnEntry);
    if (!model_.slices || broken(Broken::kNoSlices)) return;
    me().asleep = false;
    go("slice ends", Pc::kJudge);
  }

  // --- after a slice, or instead of waiting: look at the word oneself (Q6) ----------------------

  void judge() {
    const Word word = next_.word;
    me().seen = word;
    if (word.lock == Lock::kFree) {
      return start_scan("find it free", Purpose::kOvertake, Pc::kTake);
    }
    if (offered_to_me(word)) return go("see the offer", Pc::kAccept);
    go("find it taken", Pc::kJudgeGeneration);
  }

  bool alive(std::uint8_t slot, std::uint8_t generation) const {
    const Process& owner = now_.processes[slot];
    if (broken(Broken::kStealFromStopped) && owner.life == Life::kStopped) return false;
    if (now_.generations[slot] != generation && !broken(Broken::kProbeIgnoresGeneration)) {
      return false;
    }
    return owner.life != Life::kDead;
  }

  void judge_generation() {
    const Word& word = me().seen;
    if (next_.generations[word.slot] == word.generation ||
        broken(Broken::kProbeIgnoresGeneration)) {
      return go("generation is current", Pc::kJudgeByte);
    }
    dead();
  }

  void judge_byte() {
    if (!alive(me().seen.slot, me().seen.generation)) return dead();
    if (me().seen.lock == Lock::kOffered && !broken(Broken::kOffersNeverLapse)) {
      go("offer stood long", Pc::kLapse);
    }
    go("its owner lives", resume());
  }

  void dead() {
    me().judged_dead = true;
    const bool held = me().seen.lock == Lock::kHeld;
    if (!held && broken(Broken::kOffersNeverLapse)) return go("its owner is dead", resume());
    go("its owner is dead", held ? Pc::kRecover : Pc::kLapse);
  }

  // --- recovery (Q7) ----------------------------------------------------------------------------

  void recover() {
    if (next_.recovery == 0) {
      next_.recovery = static_cast<std::uint8_t>(who_ + 1);
      return go("lock recovery", Pc::kRecoverLook);
    }
    if (!broken(Broken::kRecoveryByteRequired)) go("recover without", Pc::kRecoverLook);
    go("another recovers", resume());
  }

  void recover_look() {
    if (next_.word == me().seen || broken(Broken::kTakeoverByStore)) {
      return go("word is the same", Pc::kTakeOver);
    }
    me().after = resume();
    go("word has changed", Pc::kDropRecovery);
  }

  void take_over() {
    Word mine = held_by_me(me().seen);
    mine.waiters = true;
    mine.inconsistent = true;
    if (broken(Broken::kTakeoverByStore)) next_.word = me().seen;
    if (swap_word(me().seen, mine)) {
      me().holding = true;
      me().after = dequeue_or_inside();
      return go("take over", Pc::kDropRecovery);
    }
    me().after = resume();
    go("another took over", Pc::kDropRecovery);
  }

  void drop_recovery() {
    if (next_.recovery == who_ + 1) next_.recovery = 0;
    const Pc after = me().after;
    if (me().holding) me().after = Pc::kInside;
    go("drop recovery", after);
  }

  // --- lapse an offer (Q6) ----------------------------------------------------------------------

  void lapse() {
    me().after = fail_fast() ? Pc::kLoad : resume();
    const Entry entry = entry_of(me().seen.ticket);
    if (entry.place == Place::kWaiting && entry.ticket == me().seen.ticket &&
        entry.slot == me().seen.slot && entry.generation == me().seen.generation) {
      me().entry = entry;
      return go("see the entry offered to", Pc::kLapseEntry);
    }
    start_scan("entry has moved on", Purpose::kPassOn, me().after);
  }

  void lapse_entry() {
    Entry& entry = entry_of(me().entry.ticket);
    if (entry == me().entry) {
      if (me().judged_dead) {
        entry = {.ticket = plus(entry.ticket, model_.ring)};
      } else {
        entry.place = Place::kLapsed;
      }
    }
    me().judged_dead = false;
    me().entry = {};
    start_scan("lapse the entry", Purpose::kPassOn, me().after);
  }

  // --- the first waiting entry, and passing the lock on ------------------------------------------

  void scan_head() {
    me().scan = next_.head;
    go("read head", Pc::kScanFirst);
  }

  void scan_first() {
    if (distance(entry_of(me().scan).ticket, me().scan) > 0) {
      return go("head lags", Pc::kHelpScan);
    }
    scan_entry();
  }

  void help_scan() {
    if (next_.head == me().scan) next_.head = plus(next_.head, 1);
    me().scan = 0;
    go("help head", Pc::kScanHead);
  }

  void scan_entry() {
    const Entry entry = entry_of(me().scan);
    const int ahead = distance(entry.ticket, me().scan);
    if (ahead < 0 || (ahead == 0 && entry.place == Place::kEmpty)) return scanned(nullptr);
    if (ahead == 0 && entry.place == Place::kWaiting) return scanned(&entry);
    const bool lapsed = ahead == 0;
    me().scan = plus(me().scan, 1);
    go("skip an entry", Pc::kScanEntry);
    if (!lapsed || now_.evictions == model_.evictions) return;
    ++next_.evictions;
    entry_of(entry.ticket) = {.ticket = plus(entry.ticket, model_.ring)};
    go("move out a lapsed entry", Pc::kScanEntry);
  }

  void scanned(const Entry* found) {
    me().has_found = found != nullptr;
    me().scan = 0;
    if (me().purpose == Purpose::kAmIFirst) {
      const bool first = found != nullptr && found->ticket == me().ticket;
      // A first one that does not take it is dead or stopped, and is not waited for long (Q6).
      if (!first && model_.slices) go("it stood free for long", Pc::kJudge);
      return go(first ? "am first" : "am not first", first ? Pc::kTake : me().after);
    }
    if (me().purpose == Purpose::kOvertake) {
      const bool another = found != nullptr && !(me().queued && found->ticket == me().ticket);
      if (another) me().entry = *found;
      return go("find the first", another ? Pc::kOvertakeEntry : Pc::kTake);
    }
    if (me().purpose == Purpose::kWake) {
      if (found == nullptr) return go("nobody to wake", me().after);
      me().entry = *found;
      return go("find one to wake", Pc::kWake);
    }
    me().entry = found != nullptr ? *found : Entry{};
    go("end the scan", Pc::kPass);
  }

  // From held by me, or an offer that may be taken back, to what comes next.
  void pass() {
    const Word before = me().seen;
    const bool releasing = before.lock == Lock::kHeld;
    Word after{.lock = Lock::kFree, .inconsistent = before.inconsistent};
    if (broken(Broken::kInconsistentEndsAtRelease)) after.inconsistent = false;
    const bool offer =
        me().has_found && (model_.strict || before.wanted || before.lock == Lock::kOffered);
    after.waiters = me().has_found;
    if (offer) {
      after.lock = Lock::kOffered;
      after.slot = me().entry.slot;
      after.generation = me().entry.generation;
      after.ticket = me().entry.ticket;
    }
    if (!swap_word(before, after)) {
      return go("word has changed", releasing ? Pc::kRelease : me().after);
    }
    if (releasing) me().holding = false;
    me().seen = after;
    if (offer) {
      return go("offer it", broken(Broken::kNoCheckAfterOffer) ? Pc::kWake : Pc::kOfferCheck);
    }
    if (!before.waiters || (!me().has_found && broken(Broken::kNoLookAfterClearing))) {
      return go("free it", me().after);
    }
    start_scan("free it", Purpose::kWake, me().after);
  }

  // The waiter may have cancelled before it could see the offer: then revoke it (Q8).
  void offer_check() {
    if (entry_of(me().entry.ticket) == me().entry) return go("it still waits", Pc::kWake);
    start_scan("it waits no more", Purpose::kPassOn, me().after);
  }

  // Where nobody is asleep who had announced it, a probe tells the dead, and the next one is meant.
  void wake() {
    if (!alive(me().entry.slot, me().entry.generation)) {
      Entry& entry = entry_of(me().entry.ticket);
      if (entry == me().entry) entry = {.ticket = plus(entry.ticket, model_.ring)};
      const bool offered = me().seen.lock == Lock::kOffered;
      const State saved = next_;
      start_scan("find it dead", offered ? Purpose::kPassOn : Purpose::kWake, me().after);
      next_ = saved;
      return;
    }
    Process& waiter = next_.processes[me().entry.slot];
    if (waiter.queued && waiter.ticket == me().entry.ticket) waiter.asleep = false;
    go("wake it", me().after);
  }

  // The first waiting has let a free lock stand; now it is taken by this one.
  void overtake_entry() {
    Entry& entry = entry_of(me().entry.ticket);
    if (entry == me().entry) {
      if (alive(entry.slot, entry.generation)) {
        entry.place = Place::kLapsed;
      } else {
        entry = {.ticket = plus(entry.ticket, model_.ring)};
      }
    }
    me().entry = {};
    go("overtake the first", Pc::kTake);
  }

  // --- leave the queue (Q4) ---------------------------------------------------------------------

  void recycle() {
    if (broken(Broken::kHeadBeforeRecycling) && next_.head == me().ticket) {
      next_.head = plus(next_.head, 1);
      return go("advance head first", Pc::kRecycle);
    }
    Entry& entry = entry_of(me().ticket);
    if (is_my_entry(entry)) entry = {.ticket = plus(entry.ticket, model_.ring)};
    go("recycle own entry", Pc::kHelpHead);
  }

  void help_head() {
    me().scan = next_.head;
    go("read head", Pc::kHelpHeadEntry);
  }

  void help_head_entry() {
    const bool passed = distance(entry_of(me().scan).ticket, me().scan) > 0;
    if (passed) return go("head lags", Pc::kHelpHeadAdvance);
    me().scan = 0;
    // The ticket is kept for the look after a cancel.
    if (me().after == Pc::kInside) me().queued = false;
    go("head stands", me().after);
  }

  void help_head_advance() {
    if (next_.head == me().scan) next_.head = plus(next_.head, 1);
    go("advance head", Pc::kHelpHead);
  }

  // --- inside, release, cancel ------------------------------------------------------------------

  void inside() {
    if (next_.word.inconsistent) {
      const State saved = next_;
      next_.word.inconsistent = false;
      next_.damaged = false;
      go("mark consistent", Pc::kInside);
      next_ = saved;
    }
    go("leave", Pc::kRelease);
  }

  void release() {
    me().seen = next_.word;
    me().after = Pc::kDone;
    if (!me().seen.waiters) {
      me().purpose = Purpose::kPassOn;
      return go("see no waiters", Pc::kPass);
    }
    start_scan("see waiters", Purpose::kPassOn, Pc::kDone);
  }

  void cancel_look() {
    const Word word = next_.word;
    const bool mine = offered_to_me(word);
    me().queued = false;
    me().ticket = 0;
    if (broken(Broken::kNoLookAfterCancel)) return go("give up", Pc::kDone);
    if (mine) {
      me().seen = word;
      return start_scan("decline the offer", Purpose::kPassOn, Pc::kDone);
    }
    if (word.lock == Lock::kFree) {
      return start_scan("pass the wake-up on", Purpose::kWake, Pc::kDone);
    }
    go("give up", Pc::kDone);
  }

  void done() {
    if (me().turns_left <= 1) return;
    --me().turns_left;
    go("come again", Pc::kLoad);
  }

  const Model& model_;
  const State& now_;
  const int who_;
  Steps<State>& emit_;
  State next_;
};

// The protocol looks at tickets only modulo the ring and relative to each other, so states that
// differ by whole laps are one.
void normalise(State& state, int ring) {
  const int shift = -(state.head - state.head % ring);
  if (shift == 0) return;
  state.head = plus(state.head, shift);
  state.tail = plus(state.tail, shift);
  const auto move_word = [&](Word& word) {
    if (word.lock == Lock::kOffered) word.ticket = plus(word.ticket, shift);
  };
  move_word(state.word);
  for (int i = 0; i < ring; ++i) state.entries[i].ticket = plus(state.entries[i].ticket, shift);
  for (Process& process : state.processes) {
    const auto move = [&](std::uint8_t& ticket, bool used) {
      if (used) ticket = plus(ticket, shift);
    };
    const Pc pc = process.pc;
    const bool claiming =
        pc == Pc::kSlot || pc == Pc::kClaim || pc == Pc::kAdvanceTail || pc == Pc::kMakeRoom;
    move(process.ticket, process.queued || claiming);
    move_word(process.seen);
    move(process.entry.ticket, process.entry.place != Place::kEmpty || pc == Pc::kClaim);
    const bool scanning = pc == Pc::kScanFirst || pc == Pc::kHelpScan || pc == Pc::kScanEntry ||
                          pc == Pc::kHelpHeadEntry || pc == Pc::kHelpHeadAdvance;
    move(process.scan, scanning);
  }
}

void kill_process(State& state, int who) {
  Process& process = state.processes[who];
  if (process.holding) state.damaged = true;
  if (state.recovery == who + 1) state.recovery = 0;
  process = {.pc = Pc::kDone, .life = Life::kDead, .generation = process.generation};
}

}  // namespace

State LockModel::initial() const {
  State state;
  for (int i = 0; i < ring; ++i) state.entries[i].ticket = static_cast<std::uint8_t>(i);
  for (int i = 0; i < kProcessesMax; ++i) {
    auto& process = state.processes[i];
    process.turns_left = turns[i];
    if (i >= processes) process = {.pc = Pc::kDone, .life = Life::kDead};
  }
  return state;
}

void LockModel::steps(const State& now, Steps<State>& emit) const {
  Steps<State> raw;
  for (int who = 0; who < processes; ++who) {
    const Process& process = now.processes[who];
    if (process.life == Life::kRuns) {
      Stepper(*this, now, who, raw).run();
      const bool waits = process.pc == Pc::kAsleep || process.pc == Pc::kPollFull;
      if (waits && now.cancels < cancels) {
        State cancelled = now;
        ++cancelled.cancels;
        Stepper(*this, cancelled, who, raw).cancel();
      }
    }
    State next = now;
    if (process.life != Life::kDead && process.pc != Pc::kDone && now.kills < kills) {
      ++next.kills;
      kill_process(next, who);
      raw.world("is killed", who, next);
    }
    next = now;
    if (process.life == Life::kRuns && process.pc != Pc::kDone && now.stops < stops) {
      ++next.stops;
      next.processes[who].life = Life::kStopped;
      raw.world("is stopped", who, next);
    }
    next = now;
    if (process.life == Life::kStopped) {
      next.processes[who].life = Life::kRuns;
      raw.world("is resumed", who, next);
    }
    if (process.life == Life::kDead && now.restarts < restarts) {
      ++next.restarts;
      next.processes[who] = {.pc = Pc::kBumpGeneration, .life = Life::kRuns, .turns_left = 1};
      raw.world("attaches again", who, next);
    }
  }
  for (auto step : raw.all()) {
    normalise(step.next, ring);
    if (step.kind == StepKind::kProcess) {
      emit.process(step.name, step.who, step.next);
    } else {
      emit.world(step.name, step.who, step.next);
    }
  }
}

std::string LockModel::violation(const State& now) const {
  const Word& word = now.word;
  bool anybody_inside = false;
  for (int who = 0; who < processes; ++who) {
    const Process& process = now.processes[who];
    if (process.holding) {
      if (anybody_inside) return "two processes hold the lock";
      anybody_inside = true;
      const bool named =
          word.lock == Lock::kHeld && word.slot == who && word.generation == process.generation;
      if (!named) return "a process is inside and the word does not name it";
    }
  }
  const bool dead_inside = word.lock == Lock::kHeld && !anybody_inside;
  if (now.damaged && !word.inconsistent && !dead_inside) return "the news of a death is lost";

  for (int i = 0; i < ring; ++i) {
    const Entry& entry = now.entries[i];
    if (entry.place != Place::kEmpty && distance(entry.ticket, now.head) < 0) {
      return "an entry in use lies before head";
    }
  }

  const auto waits = [&](int who) { return now.processes[who].queued; };
  bool quiet = true;  // nobody is in the middle of anything but waiting
  for (int who = 0; who < processes; ++who) {
    const Pc pc = now.processes[who].pc;
    quiet = quiet && (pc == Pc::kDone || pc == Pc::kAsleep);
  }
  if (quiet && now.kills == 0) {
    if (word.lock == Lock::kOffered && !waits(word.slot)) return "a canceller keeps an offer";
    const bool all_done = std::none_of(now.processes.begin(), now.processes.end(),
                                       [](const Process& p) { return p.pc == Pc::kAsleep; });
    const bool empty = std::all_of(now.entries.begin(), now.entries.begin() + ring,
                                   [](const Entry& e) { return e.place == Place::kEmpty; });
    if (all_done && word.lock != Lock::kFree) return "all are done and the lock is not free";
    if (all_done && !empty) return "all are done and the queue is not empty";
  }
  return "";
}

// Everybody who runs gets through, unless a stopped process holds the lock (Q9), or has locked the
// member byte of a dead holder and not yet bumped its generation.
bool LockModel::goal(const State& now) const {
  const Process& owner = now.processes[now.word.slot];
  if (now.word.lock == Lock::kHeld && owner.life == Life::kStopped &&
      now.generations[now.word.slot] == now.word.generation) {
    return true;
  }
  return std::all_of(now.processes.begin(), now.processes.end(), [](const Process& process) {
    return process.life != Life::kRuns || (process.pc == Pc::kDone && process.turns_left <= 1);
  });
}

}  // namespace tidelock::models
