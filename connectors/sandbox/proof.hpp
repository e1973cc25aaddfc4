#pragma once
// The proof that a sandbox on this machine holds: attacks that are run inside one, made and started
// exactly as a server's, before the first server is (connectors/launcher/canary.cpp). Each form of
// sandbox is proven once, with writable scopes and without; whoever comes while a proof runs waits
// for it. A sandbox in which one attack succeeds is not used, and neither is one that cannot be
// made.
//
// One thread: used from the event loop's alone.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <string>

#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class ChildProcess;

class SandboxProof {
 public:
  explicit SandboxProof(asio::any_io_executor executor,
                        std::string keeper_program = "/proc/self/exe")
      : executor_(std::move(executor)), keeper_program_(std::move(keeper_program)) {}
  SandboxProof(const SandboxProof&) = delete;

  // Refused: with the names of the attacks that succeeded or with what the host lacks
  // (`uncontained`), or with the step that failed (`unavailable`). A refusal is not kept: the next
  // caller tries again.
  Task<Status> require(SandboxForm form);
  // For good: what runs is ended now, and whoever waits or comes is refused (`cancelled`).
  void stop();

 private:
  struct OfForm {
    bool holds = false;
    bool running = false;
    ChildProcess* canary = nullptr;  // while its process runs
    std::list<asio::steady_timer*> waiting;
  };
  class Running;
  Task<Status> run_canary(SandboxForm form);

  asio::any_io_executor executor_;
  std::string keeper_program_;
  bool stopping_ = false;
  std::map<SandboxForm, OfForm> forms_;  // stays where it is while somebody waits
};

}  // namespace toolgate
