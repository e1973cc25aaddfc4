#pragma once
// The gateway's end of one server's staged scopes: hears from the supervisor in the sandbox
// (connectors/launcher/custody.hpp) what is about to change and what was refused, has it kept and
// remembered by the custodian, and notes it for the calls that are under way.
//
// A window begins when the first call is sent after none was under way: from then on, what the
// server made before is like anything else in the scope.
//
// One thread: that of the executor. What the other end says is checked: a descriptor that is not a
// regular file opened for reading, or a message of another form, ends the custody, and with it
// every change in the scopes.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <memory>

#include "connectors/custodian.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class CustodyDesk {
 public:
  CustodyDesk(asio::any_io_executor executor, ServerName server, Custodian& custodian);
  CustodyDesk(const CustodyDesk&) = delete;
  ~CustodyDesk();

  // Makes the pair of sockets; the sandbox's end is returned. Call once, before run().
  Result<Descriptor> open();
  // Serves until stop(), or until the sandbox has ended.
  Task<> run();
  void stop();

  // A call is sent to the server / nobody waits for its answer any more.
  void begin_call(BrokerId call);
  void end_call(BrokerId call);
  // What happened while it was under way, so far.
  FileNotes notes_of(BrokerId call);

 private:
  class Line;
  void drain();
  void hear(std::string_view message, Descriptor file);
  void note(const FileNote& note);
  void give_up(const char* why);

  asio::posix::stream_descriptor socket_;
  ServerName server_;
  Custodian& custodian_;
  std::shared_ptr<Line> line_;
  std::map<BrokerId, FileNotes> calls_;
};

}  // namespace toolgate
