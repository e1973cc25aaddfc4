#pragma once
// How names are kept in a scope of the mode rw-no-delete that is staged: no name disappears or is
// replaced, and yet git works, and what saves by renaming.
//
// The files are the host's own all the time: there is no copy that could be out of date, and
// nothing to be committed. What the supervisor knows is which names the server made itself in this
// *window*, the time since the gateway last said that no call had been under way. Those it may
// remove and move as it likes. A file of its own may be moved over an older one: then the older
// one's content changes, as if it had been written to. Everything else that would make a name
// disappear is refused with EPERM and told to the gateway, which asks a person.
//
// Before the first change of an older file's content in a window, its content goes to the gateway,
// as an open descriptor, and the call waits until it is kept. Without the gateway nothing changes.
//
// What it does not hold: a change through a descriptor that was opened for writing in an earlier
// window is kept as it was when it was opened; and what the host renames in the moment between a
// check and a call.
//
// Messages over the socket (SOCK_SEQPACKET), one datagram each. From the supervisor: a CustodySays,
// then an absolute path and a NUL; for `move` and `replace` a second path and a NUL; with `keep` a
// descriptor that reads the file. From the gateway: 'w': a window begins; 'y': it is kept; 'n' and
// an errno in decimal: it is not.

#include "connectors/launcher/argument.hpp"
#include "connectors/launcher/made_names.hpp"
#include "connectors/launcher/orders.hpp"

namespace toolgate {

class Custody {
 public:
  // -1 where no scope is staged.
  explicit Custody(int socket) : socket_(socket) {}
  Custody(const Custody&) = delete;

  // To be called before a call is looked at: a window that began before it counts for it.
  void look();

  // The name stands for what was made in this window.
  bool has_made(const Argument& at) const;
  // The content of this file was kept in this window, or made in it.
  bool knows(const FileId& file) const { return contents_.has(file, "", file); }

  void made(const Argument& at);
  void gone(const Argument& at);
  void know(const FileId& file) { contents_.add(file, "", file); }
  void unknow(const FileId& file) { contents_.remove(file, ""); }

  // Waits until the content of the open file is kept. 0 or an errno.
  int keep(int file, const char* path);
  // Something was refused.
  void held(CustodySays what, const char* path, const char* to = nullptr);

 private:
  bool send(CustodySays what, const char* path, const char* to, int file);
  void begin_window();

  int socket_;
  bool window_begins_ = false;
  MadeNames names_;
  MadeNames contents_;  // under no name, in themselves
};

}  // namespace toolgate
