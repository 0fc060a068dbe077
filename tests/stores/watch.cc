#include "stores/watch.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

namespace tidelock::test {

namespace {

using os::SystemCall;

StoreWatch* watch = nullptr;

template <std::size_t kSize>
void copy_name(char (&out)[kSize], std::string_view name) {
  const std::size_t length = std::min(name.size(), kSize - 1);
  std::memcpy(out, name.data(), length);
  out[length] = 0;
}

#if defined(__x86_64__)

constexpr greg_t kTrapFlag = 0x100;

greg_t& register_of(void* context, int index) {
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[index];
}

// A string instruction with a repeat prefix, as memcpy and memset use it.
struct StringStore {
  bool copies = false;  // from rsi, else from rax
  std::size_t width = 1;
  std::size_t length = 0;  // of the instruction
};

bool decode(const unsigned char* code, StringStore& out) {
  if (code[0] != 0xf3) return false;
  std::size_t at = 1;
  const bool wide = (code[at] & 0xf8) == 0x48;
  if ((code[at] & 0xf0) == 0x40) ++at;
  const unsigned char operation = code[at];
  if (operation != 0xa4 && operation != 0xa5 && operation != 0xaa && operation != 0xab)
    return false;
  out.copies = operation <= 0xa5;
  out.width = (operation & 1) == 0 ? 1 : wide ? 8 : 4;
  out.length = at + 1;
  return true;
}

#endif

void handle_fault(int signal, siginfo_t* facts, void* context) {
  if (watch != nullptr && watch->on_fault(static_cast<std::byte*>(facts->si_addr), context)) return;
  ::signal(signal, SIG_DFL);  // a fault that is one: met again, it kills
}

void handle_trap(int, siginfo_t*, void* context) {
  if (watch != nullptr) watch->on_trap(context);
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = handler;
  if (::sigaction(signal, &action, nullptr) != 0) std::abort();
}

void protect(std::byte* begin, std::size_t size, int protection) {
  if (::mprotect(begin, size, protection) != 0) std::abort();
}

bool changes_files(const os::SystemCallEvent& event, bool creates) {
  switch (event.call) {
    case SystemCall::kOpen:
      return creates;
    case SystemCall::kWrite:
    case SystemCall::kAllocate:
    case SystemCall::kPunchHole:
    case SystemCall::kRename:
    case SystemCall::kUnlink:
    case SystemCall::kMakeDirectory:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string to_text(const Event& event) {
  return std::string(event.store ? "a store into " : "a system call on ") + event.file + " at " +
         std::to_string(event.offset);
}

bool StoreWatch::works() {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

StoreWatch::StoreWatch(std::string directory, Ledger& ledger, std::uint64_t die_after)
    : directory_(std::move(directory)), ledger_(ledger), die_after_(die_after) {
  watch = this;
  handle(SIGSEGV, handle_fault);
  handle(SIGTRAP, handle_trap);
  ledger_.count = 0;
}

StoreWatch::~StoreWatch() {
  end();
  watch = nullptr;
}

void StoreWatch::begin() {
  active_ = true;
  os::set_system_call_hook(this);
  find_mappings();
}

void StoreWatch::end() {
  if (!active_) return;
  active_ = false;
  os::set_system_call_hook(nullptr);
  // Some may have been unmapped meanwhile; then this does nothing to anybody.
  for (const Range& range : ranges_) {
    (void)::mprotect(range.begin, range.size, PROT_READ | PROT_WRITE);
  }
}

bool StoreWatch::is_inside(std::string_view path) const {
  return path.starts_with(directory_) &&
         (path.size() == directory_.size() || path[directory_.size()] == '/');
}

std::string_view StoreWatch::name_of(std::string_view path) const {
  return path.size() > directory_.size() ? path.substr(directory_.size() + 1) : ".";
}

os::SystemCallVerdict StoreWatch::before(const os::SystemCallEvent& event) {
  if (!is_inside(event.path)) return {};
  creates_ =
      event.call == SystemCall::kOpen && ::access(std::string(event.path).c_str(), F_OK) != 0;
  if (event.call != SystemCall::kWrite || event.length < 2) return {};
  // A process may be killed within a write.
  if (ledger_.count + 1 == die_after_) {
    torn_ = true;
    return {.length_max = event.length / 2};
  }
  note(name_of(event.path), event.offset + event.length / 2, true, false);
  return {};
}

void StoreWatch::after(const os::SystemCallEvent& event) {
  if (!is_inside(event.path)) return;
  if (event.call == SystemCall::kMap) return find_mappings();
  if (changes_files(event, creates_)) note(name_of(event.path), event.offset, true, false);
}

// Those that are writable are new, or were mapped anew.
void StoreWatch::find_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::vector<Range> found;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos || !is_inside(std::string_view(line).substr(slash))) continue;
    unsigned long begin = 0;
    unsigned long end = 0;
    char access[8] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) != 3) std::abort();
    Range range{reinterpret_cast<std::byte*>(begin), end - begin};
    copy_name(range.file, name_of(std::string_view(line).substr(slash)));
    const bool known = std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& each) {
      return each.begin == range.begin && each.size == range.size;
    });
    const bool writable = access[1] == 'w';
    if (writable) protect(range.begin, range.size, PROT_READ);
    if (writable || known) found.push_back(range);
  }
  ranges_ = std::move(found);
}

void StoreWatch::note(std::string_view file, std::uint64_t offset, bool changed, bool store) {
  if (ledger_.count >= Ledger::kEventsMax) std::abort();
  Event& event = ledger_.events[ledger_.count++];
  copy_name(event.file, file);
  event.offset = offset;
  event.changed = changed;
  event.store = store;
  if (ledger_.count == die_after_ || torn_) ::kill(::getpid(), SIGKILL);
}

#if defined(__x86_64__)

bool StoreWatch::on_fault(std::byte* address, void* context) {
  const auto range = std::find_if(ranges_.begin(), ranges_.end(), [address](const Range& each) {
    return address >= each.begin && address < each.begin + each.size;
  });
  if (!active_ || range == ranges_.end() || stepped_ != nullptr) return false;
  protect(range->begin, range->size, PROT_READ | PROT_WRITE);
  if (emulate(*range, context)) {
    protect(range->begin, range->size, PROT_READ);
    return true;
  }
  const auto offset = static_cast<std::size_t>(address - range->begin);
  const std::size_t from = offset - std::min(offset, kBefore);
  window_ = range->begin + from;
  window_size_ = std::min(kWindow, range->size - from);
  std::memcpy(window_before_.data(), window_, window_size_);
  stepped_ = &*range;
  register_of(context, REG_EFL) |= kTrapFlag;
  return true;
}

void StoreWatch::on_trap(void* context) {
  if (stepped_ == nullptr) return;
  register_of(context, REG_EFL) &= ~kTrapFlag;
  const Range& range = *std::exchange(stepped_, nullptr);
  const auto [was, is] =
      std::mismatch(window_before_.begin(), window_before_.begin() + window_size_, window_);
  note(range.file, static_cast<std::uint64_t>(is - range.begin),
       was != window_before_.begin() + window_size_, true);
  protect(range.begin, range.size, PROT_READ);
}

// The processor would be stopped after each byte. As many stores as a few parts are enough.
bool StoreWatch::emulate(const Range& range, void* context) {
  constexpr std::size_t kParts = 16;
  StringStore store;
  if (!decode(reinterpret_cast<const unsigned char*>(register_of(context, REG_RIP)), store)) {
    return false;
  }
  auto* to = reinterpret_cast<std::byte*>(register_of(context, REG_RDI));
  const auto* from = reinterpret_cast<const std::byte*>(register_of(context, REG_RSI));
  const auto count = static_cast<std::size_t>(register_of(context, REG_RCX));
  const std::size_t size = count * store.width;
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size && !store.copies; at += store.width) {
    std::memcpy(bytes.data() + at, &register_of(context, REG_RAX), store.width);
  }
  if (store.copies && size != 0) std::memcpy(bytes.data(), from, size);
  const std::size_t part = std::max<std::size_t>(8, size / kParts);
  for (std::size_t at = 0; at < size; at += part) {
    const std::size_t length = std::min(part, size - at);
    const bool changed = std::memcmp(to + at, bytes.data() + at, length) != 0;
    std::memcpy(to + at, bytes.data() + at, length);
    note(range.file, static_cast<std::uint64_t>(to + at - range.begin), changed, true);
  }
  register_of(context, REG_RDI) += static_cast<greg_t>(size);
  if (store.copies) register_of(context, REG_RSI) += static_cast<greg_t>(size);
  register_of(context, REG_RCX) = 0;
  register_of(context, REG_RIP) += static_cast<greg_t>(store.length);
  return true;
}

#else

bool StoreWatch::on_fault(std::byte*, void*) {
  return false;
}
void StoreWatch::on_trap(void*) {}
bool StoreWatch::emulate(const Range&, void*) {
  return false;
}

#endif

}  // namespace tidelock::test
