#pragma once
// What stands around a measurement: the upstream server, a gateway in a home of its own that was
// set up through the toolgate program alone (init, server add, review, approve), and nginx as a
// plain reverse proxy for comparison. Everything ends and vanishes with its object.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/process.hpp"

namespace toolgate::bench {

enum class Transport { stdio, http };

class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A program that listens on loopback.
struct Listening {
  std::unique_ptr<Process> process;
  std::uint16_t port = 0;
};

// This program, as the upstream server over HTTP.
Listening start_upstream(const std::filesystem::path& self);
// And over stdio: speak with it through input() and output().
std::unique_ptr<Process> start_stdio_upstream(const std::filesystem::path& self);

// One toolgate home with one approved server, "up".
class Home {
 public:
  // Runs the four commands. Over HTTP the server is the one on `upstream_port`. Throws with what
  // toolgate said when one of them fails.
  Home(std::filesystem::path toolgate, std::filesystem::path self, std::filesystem::path folder,
       Transport transport, std::uint16_t upstream_port);

  // `toolgate serve` on a free port, ready to be called.
  Listening serve() const;
  // `toolgate stdio`.
  std::unique_ptr<Process> stdio() const;
  static std::string tool();  // as the gateway lists it

 private:
  void command(std::vector<std::string> arguments) const;
  std::unique_ptr<Process> start(std::vector<std::string> arguments) const;

  std::filesystem::path toolgate_;
  std::filesystem::path folder_;
};

// Where nginx is, if it is installed.
std::optional<std::filesystem::path> find_nginx();
// One worker, keep-alive on both sides, no log.
Listening start_nginx(const std::filesystem::path& program, const std::filesystem::path& folder,
                      std::uint16_t upstream_port);

}  // namespace toolgate::bench
