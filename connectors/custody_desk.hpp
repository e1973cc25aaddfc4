#pragma once
// The gateway's end of one server's staged scopes: hears from the supervisor in the sandbox
// (connectors/launcher/custody.hpp) what is about to change and what was refused, has it kept and
// remembered by the custodian, and notes it for the calls that are under way.
//
// A window begins when the first call is sent after none was under way: from then on, what the
// server made before is like anything else in the scope.
//
// What happens while no call is under way, or only one that no agent made, is told to the custodian
// for a record of its own, once a second and with as many notes as a call has, at most.
//
// One thread: that of the executor. What the other end says is checked: a descriptor that is not a
// regular file opened for reading, or a message of another form, ends the custody, and with it
// every change in the scopes.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/custodian.hpp"
#include "gateway/core/open_notes.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class CustodyDesk {
 public:
  // `agent`: who runs in the sandbox itself (`toolgate run`), for the records; else empty.
  CustodyDesk(asio::any_io_executor executor, ServerName server, Custodian& custodian,
              std::string agent = "");
  CustodyDesk(const CustodyDesk&) = delete;
  ~CustodyDesk();

  // Makes the pair of sockets; the sandbox's end is returned. Call once, before run().
  Result<Descriptor> open();
  // Serves until stop(), or until the sandbox has ended.
  Task<> run();
  // Tells the custodian of what no call claimed, now and then, until stop().
  Task<> report();
  void stop();

  // A call is sent to the server / nobody waits for its answer any more.
  void begin_call(BrokerId call);
  void end_call(BrokerId call);
  // What happened while it was under way, so far: from now on that is the caller's to record. Null
  // for a call that is not under way.
  std::shared_ptr<OpenNotes> notes_of(BrokerId call);

 private:
  class Line;
  struct Call {
    std::shared_ptr<OpenNotes> notes;
    bool is_claimed = false;
  };
  // Where a note was put that still lacks its id.
  using Waiting = std::vector<std::pair<std::shared_ptr<OpenNotes>, std::size_t>>;

  enum class More { none, perhaps };

  void close();
  More drain(int most);
  void hear(std::string_view message, Descriptor file);
  void hold(const FileNote& note);
  void take_answered();
  std::vector<std::shared_ptr<OpenNotes>> notebooks();
  void tell_outside();
  void give_up(const char* why);

  asio::posix::stream_descriptor socket_;
  ServerName server_;
  std::string agent_;
  Custodian& custodian_;
  std::shared_ptr<Line> line_;
  std::map<BrokerId, Call> calls_;
  std::shared_ptr<OpenNotes> outside_;  // of no call; null: nothing
  asio::steady_timer due_;
};

}  // namespace toolgate
