#pragma once
// Removes files that would outlive the gateway: its status file, the socket of `serve`. A gateway
// that ends in good order removes them itself; one that is killed cannot. So a keeper
// (connectors/keeper.hpp) that has no server watches over it and cleans up after its death,
// whatever that was.
//
// A socket is removed only while nobody listens at it: a gateway that took the path over keeps it.
// What it does not protect against: a kill of the janitor itself, or a loss of power. The next
// gateway removes what was left then.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/keeper.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class Janitor {
 public:
  // `files` are absolute paths; they need not be there (yet). `program` as for start_keeper(),
  // whose faults are passed on.
  static Result<std::unique_ptr<Janitor>> start(const std::string& program,
                                                std::vector<std::string> files);
  Janitor(const Janitor&) = delete;
  // Has the files removed now, and waits until they are.
  ~Janitor();

 private:
  explicit Janitor(KeeperProcess keeper) : keeper_(std::move(keeper)) {}
  KeeperProcess keeper_;
};

// The work itself, in the keeper: plain files, folders with all that is in them and stale sockets
// go, all else is left.
void remove_leftovers(const std::vector<std::string>& files);

}  // namespace toolgate
