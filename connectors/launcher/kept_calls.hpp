#pragma once
// The calls of name_calls.hpp where they concern a scope in which no name disappears
// (custody.hpp). The arguments are found, judged by the guard and sound; these make the call, or
// refuse it and say so to the gateway.

#include "connectors/launcher/argument.hpp"
#include "connectors/launcher/custody.hpp"

namespace toolgate {

// What becomes of the content of a file that is opened.
enum class ContentChange { none, writes, empties };

// The descriptor, or -1 and errno. `flags` have no O_TRUNC: the content is kept, so that the file
// may be written to or emptied afterwards.
int open_kept(Custody& custody, const Argument& at, int flags, ContentChange change, mode_t mode);

// 0 or an errno.
int remove_kept(Custody& custody, const Argument& at, int flags);
int move_kept(Custody& custody, const Argument& from, const Argument& to, unsigned flags);
// Whether what stands at `from` may get a second name: then 0.
int link_kept(Custody& custody, const Argument& from);

}  // namespace toolgate
