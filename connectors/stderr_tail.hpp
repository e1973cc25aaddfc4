#pragma once
// What a server wrote to stderr: the last bytes of it are kept, its lines go to the log.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "connectors/line_reader.hpp"
#include "gateway/core/names.hpp"

namespace toolgate {

class StderrTail {
 public:
  StderrTail(ServerName server, std::size_t kept_bytes);

  // Where the next bytes go, and how many of it were filled.
  std::span<char> space() { return space_ = lines_.space(); }
  void filled(std::size_t bytes);

  // The last bytes, at most as many as are kept. Untrusted.
  std::string text() const;
  std::uint64_t lines() const { return count_; }

 private:
  ServerName server_;
  std::size_t kept_bytes_;
  LineReader lines_;
  std::span<char> space_;
  std::string kept_;
  std::uint64_t count_ = 0;
};

// Lets one event a second pass, and counts the rest.
class OncePerSecond {
 public:
  // How many events there were since the last that passed, this one included; 0: not now.
  std::uint64_t count();

 private:
  std::chrono::steady_clock::time_point next_{};
  std::uint64_t held_ = 0;
};

}  // namespace toolgate
