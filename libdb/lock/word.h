#pragma once

#include <cstdint>

// The two 64-bit words of the lock: the lock word (Q1) and the ring entry (Q4). Values only; who
// may change which, and how, is in arbiter.h and ring.h. Any 64 bits decode to something: another
// process is an input, and no field can exceed its range.
namespace tidelock::lock {

inline constexpr std::uint32_t kMemberSlots = 4096;  // 12 bits in both words

// A member: a slot and the generation under which it was attached. Never returns once dead.
struct Identity {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool operator==(const Identity&) const = default;
};

// An identity in one word that is never 0.
[[nodiscard]] constexpr std::uint64_t to_word(const Identity& who) noexcept {
  return (std::uint64_t{who.slot} + 1) << 32 | who.generation;
}
[[nodiscard]] constexpr Identity identity_of(std::uint64_t word) noexcept {
  return {.slot = static_cast<std::uint32_t>(word >> 32) - 1,
          .generation = static_cast<std::uint32_t>(word)};
}

// Q1. Bits, lowest first: state 2, has-waiters 1, hand-over-wanted 1, inconsistent 1, ticket 15,
// slot 12, generation 32. A free, consistent lock that nobody waits for is 0.
struct LockWord {
  enum class State : std::uint8_t { kFree = 0, kHeld = 1, kOffered = 2 };
  static constexpr std::uint64_t kHasWaiters = 1U << 2;
  static constexpr std::uint64_t kHandoverWanted = 1U << 3;
  static constexpr std::uint64_t kInconsistent = 1U << 4;
  static constexpr std::uint32_t kTicketMask = 0x7fff;  // an offer names its ticket's low bits

  std::uint64_t bits = 0;
  bool operator==(const LockWord&) const = default;

  [[nodiscard]] static constexpr LockWord free() { return {}; }
  [[nodiscard]] static constexpr LockWord held(Identity by) {
    return {owned(by) | static_cast<std::uint64_t>(State::kHeld)};
  }
  [[nodiscard]] static constexpr LockWord offered(Identity to, std::uint64_t ticket) {
    return {owned(to) | (ticket & kTicketMask) << 5 | static_cast<std::uint64_t>(State::kOffered)};
  }
  [[nodiscard]] constexpr LockWord with(std::uint64_t flags) const { return {bits | flags}; }
  [[nodiscard]] constexpr LockWord without(std::uint64_t flags) const { return {bits & ~flags}; }

  [[nodiscard]] constexpr State state() const {
    const std::uint64_t value = bits & 3;
    return value > 2 ? State::kFree : static_cast<State>(value);
  }
  [[nodiscard]] constexpr bool is_free() const { return state() == State::kFree; }
  [[nodiscard]] constexpr bool is_held() const { return state() == State::kHeld; }
  [[nodiscard]] constexpr bool is_offered() const { return state() == State::kOffered; }
  [[nodiscard]] constexpr bool has_waiters() const { return (bits & kHasWaiters) != 0; }
  [[nodiscard]] constexpr bool handover_wanted() const { return (bits & kHandoverWanted) != 0; }
  [[nodiscard]] constexpr bool inconsistent() const { return (bits & kInconsistent) != 0; }
  [[nodiscard]] constexpr std::uint64_t inconsistent_bit() const { return bits & kInconsistent; }
  [[nodiscard]] constexpr Identity owner() const {
    return {static_cast<std::uint32_t>(bits >> 20) & (kMemberSlots - 1),
            static_cast<std::uint32_t>(bits >> 32)};
  }
  [[nodiscard]] constexpr std::uint32_t ticket() const {
    return static_cast<std::uint32_t>(bits >> 5) & kTicketMask;
  }
  [[nodiscard]] constexpr bool held_by(Identity who) const { return is_held() && owner() == who; }
  [[nodiscard]] constexpr bool offered_to(Identity who, std::uint64_t its_ticket) const {
    return is_offered() && owner() == who && ticket() == (its_ticket & kTicketMask);
  }

 private:
  static constexpr std::uint64_t owned(Identity who) {
    return std::uint64_t{who.generation} << 32 | std::uint64_t{who.slot & (kMemberSlots - 1)} << 20;
  }
};

// Q4. Bits, lowest first: place 2, reserved 2, slot 12, generation 16, ticket 32. An empty entry
// names the next ticket that may claim it. Sixteen bits of generation are enough to tell a dead
// owner: taking it for its successor costs one lapsed offer.
struct EntryWord {
  enum class Place : std::uint8_t { kEmpty = 0, kWaiting = 1, kLapsed = 2 };

  std::uint64_t bits = 0;
  bool operator==(const EntryWord&) const = default;

  [[nodiscard]] static constexpr EntryWord empty(std::uint64_t ticket) { return {ticket << 32}; }
  [[nodiscard]] static constexpr EntryWord of(std::uint64_t ticket, Place place, Identity owner) {
    return {ticket << 32 | std::uint64_t{owner.generation & 0xffff} << 16 |
            std::uint64_t{owner.slot & (kMemberSlots - 1)} << 4 |
            static_cast<std::uint64_t>(place)};
  }
  [[nodiscard]] constexpr EntryWord with(Place place) const {
    return {(bits & ~std::uint64_t{3}) | static_cast<std::uint64_t>(place)};
  }

  [[nodiscard]] constexpr Place place() const {
    const std::uint64_t value = bits & 3;
    return value > 2 ? Place::kEmpty : static_cast<Place>(value);
  }
  [[nodiscard]] constexpr std::uint32_t ticket() const {
    return static_cast<std::uint32_t>(bits >> 32);
  }
  [[nodiscard]] constexpr std::uint32_t slot() const {
    return static_cast<std::uint32_t>(bits >> 4) & (kMemberSlots - 1);
  }
  [[nodiscard]] constexpr bool has_generation(std::uint32_t generation) const {
    return ((bits >> 16) & 0xffff) == (generation & 0xffff);
  }
  [[nodiscard]] constexpr bool belongs_to(Identity who) const {
    return place() != Place::kEmpty && slot() == who.slot && has_generation(who.generation);
  }
  // Positive: the entry is beyond `of` already. Negative: it has not come to `of` yet.
  [[nodiscard]] constexpr std::int32_t laps_ahead(std::uint64_t of) const {
    return static_cast<std::int32_t>(ticket() - static_cast<std::uint32_t>(of));
  }
};

}  // namespace tidelock::lock
