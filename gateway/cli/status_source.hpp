#pragma once
// What running gateways know of their servers, as `status` sees it.
//
// Each gateway process writes run/PID.json (any name will do) into the home and removes it at its
// end:
//   {"pid": 4711, "servers": [{"server": "files", "state": "ready", "pid": 4712,
//                              "revision": "2026-07-28", "restarts": 0, "last_error": ""}]}
// A file whose process is gone is what a killed gateway left behind, and is not looked at.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace toolgate {

struct RunningServer {
  std::string server;
  std::string state;                // "starting", "ready", "waiting", "held", ...
  std::string isolation;            // that it has for want of the one asked for; else empty
  std::string missing;              // what this host lacks of the one asked for; else empty
  std::string limits;               // "tree", "process"; empty without a sandbox
  std::string no_tree;              // why they hold for each process alone
  std::optional<std::int64_t> pid;  // nothing for a remote server
  std::string revision;             // of MCP, that it speaks; empty while that is not known
  std::int64_t restarts = 0;
  std::string last_error;
  std::string last_words;    // of a local server on stderr, before it ended
  std::int64_t gateway = 0;  // the process id of its gateway
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  // Of all gateways on this home. Never fails: what cannot be read is left out.
  virtual std::vector<RunningServer> running() = 0;
};

std::unique_ptr<StatusSource> run_files(std::filesystem::path home);

}  // namespace toolgate
