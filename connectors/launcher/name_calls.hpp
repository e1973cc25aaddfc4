#pragma once
// The system calls that come to the supervisor, one function each: read the arguments, find the
// place, judge it, make the call there. Which calls those are: supervised_calls_filter()
// (connectors/sandbox/system_calls.hpp); one that is not known here is refused with ENOSYS.

#include <cstdint>

#include "connectors/launcher/custody.hpp"
#include "connectors/launcher/guard.hpp"
#include "connectors/launcher/place.hpp"

namespace toolgate {

struct NameCallResult {
  int error = 0;  // an errno, for the caller
  OpenFile file;  // of an open: what the caller gets
  bool close_on_exec = false;
  bool empties = false;  // once the caller has it: empty_file()
  // The kernel makes the call after all: only where nothing that the caller can still change makes
  // a name or opens for writing.
  bool goes_on = false;

  NameCallResult() = default;
  explicit NameCallResult(int number) : error(number) {}
};

// What calls are judged by.
struct Rules {
  const Guard& guard;
  Custody& custody;
};

// The arguments are those of the system call, as the kernel has them.
NameCallResult make_name_call(const Caller& caller, const Rules& rules, int number,
                              const std::uint64_t* arguments);

}  // namespace toolgate
