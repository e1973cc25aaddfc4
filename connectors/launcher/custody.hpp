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
// Before an older file's content changes, it goes to the gateway, as an open descriptor, and the
// call waits until it is kept. Without the gateway nothing changes. Where all of it goes (the file
// is emptied, another takes its place), what is kept is what was there in that moment, whoever
// wrote it; a file that is written to again within a minute is not kept again.
//
// An older file gets no second name, under which its content would change unseen, and no two names
// change places but those that the server made: both calls fail as on a file system that has them
// not.
//
// What it does not hold:
// - What changes through a descriptor is kept as it was when that was opened, in this window or an
//   earlier one: no call is seen that writes to it, maps it, or cuts it off (ftruncate(2)); to the
//   supervisor that is a file which is written to. To make ftruncate(2) in the server's place it
//   would need the server's own open file, which nobody may take from another process here; and
//   where the kernel made the call after a look, the number could be another file's by then.
// - What somebody of the host writes in place into a file that the server made in this window is
//   the server's to change and to remove, unseen: nobody tells whose a write was. (Most editors put
//   a new file in the old one's place, which is not the server's.)
// - What the host renames in the moment between a check and a call, in which the server cannot hold
//   the supervisor up (shield.hpp).
//
// Messages over the socket (SOCK_SEQPACKET), one datagram each. From the supervisor: a CustodySays,
// then an absolute path and a NUL; for `move` and `replace` a second path and a NUL; with `keep` a
// descriptor that reads the file. From the gateway: 'w': a window begins; 'y': it is kept; 'n' and
// an errno in decimal: it is not.

#include "connectors/launcher/argument.hpp"
#include "connectors/launcher/known_contents.hpp"
#include "connectors/launcher/made_names.hpp"
#include "connectors/launcher/orders.hpp"

namespace toolgate {

class Custody {
 public:
  // -1 where no scope is staged. `root` is what every path begins with here and not at the gateway:
  // "", or the folder of a virtual machine; it outlives this.
  Custody(int socket, const char* root) : socket_(socket), root_(root) {}
  Custody(const Custody&) = delete;

  // To be called before a call is looked at: a window that began before it counts for it.
  void look();

  // The name stands for what was made in this window.
  bool has_made(const Argument& at) const;

  void made(const Argument& at);
  // The name, if it stands for this file.
  void made(const Argument& at, const FileId& file);
  void gone(const Argument& at);
  KnownContents& contents() { return contents_; }

  // Waits until the content of the open file is kept. 0 or an errno.
  int keep(int file, const char* path);
  // Something was refused.
  void held(CustodySays what, const char* path, const char* to = nullptr);

 private:
  bool send(CustodySays what, const char* path, const char* to, int file);
  const char* as_told(const char* path) const;
  void begin_window();

  int socket_;
  const char* root_;
  bool window_begins_ = false;
  MadeNames names_;
  KnownContents contents_;
};

}  // namespace toolgate
