#pragma once
// Every queue, line, depth, count and wait has a limit; here they stand together, with the unit in
// the name.

#include <chrono>
#include <cstddef>

namespace toolgate {

using Milliseconds = std::chrono::milliseconds;

// What the strict codec accepts.
struct JsonLimits {
  std::size_t bytes = std::size_t{8} << 20;
  std::size_t depth = 64;
  std::size_t values = 1'000'000;    // values in one text: bounds the memory of the index
  std::size_t batch_messages = 256;  // messages in one JSON-RPC batch
};

// Whether limits hold for all processes of a sandbox together.
enum class TreeLimit {
  none,         // for each alone
  if_possible,  // where the host gives a cgroup
  required,     // or it does not start
};

// What one sandboxed server may use up. Enforced by rlimits (setrlimit(2)), so `memory_mb` and
// `cpu_s` count for each of its processes; the sizes of /tmp and /dev/shm are a quarter of it.
// Where the host lets the gateway have cgroups, `memory_mb` and `processes` count for all of them
// together as well (connectors/sandbox/process_tree.hpp).
struct SandboxLimits {
  std::size_t memory_mb = 4'096;  // private memory that a process may write (RLIMIT_DATA)
  std::size_t processes = 512;    // and threads, together
  std::size_t cpu_s = 0;          // 0: no limit; a server may live for weeks
  std::size_t open_files = 4'096;
  std::size_t file_mb = 1'024;  // the longest file that it can write
  TreeLimit tree = TreeLimit::if_possible;

  bool operator==(const SandboxLimits&) const = default;
};
// In the tier `vm` `memory_mb` is the memory of the whole machine; its kernel needs some of it.
inline constexpr std::size_t least_machine_mb = 192;

// One server; its keys stand under "limits" in its configuration.
struct ServerLimits {
  Milliseconds start_ms{60'000};  // spawn or connect, handshake and first listing
  Milliseconds call_ms{300'000};  // one request; progress does not extend it
  Milliseconds stop_ms{2'000};    // stdin close -> this -> SIGTERM -> this -> SIGKILL
  std::size_t result_bytes = std::size_t{8} << 20;
  std::size_t in_flight = 128;                       // requests sent and not answered
  std::size_t queued_bytes = std::size_t{32} << 20;  // written and not yet taken by the server
  std::size_t stderr_bytes = std::size_t{64} << 10;  // kept per server, oldest dropped
  std::size_t list_items = 20'000;                   // items of one kind over all pages
  std::size_t list_pages = 1'000;
  std::size_t key_bytes = 4'096;   // a name or URI of an item
  Milliseconds relist_ms{60'000};  // between two readings of the lists, at most
  std::size_t list_failures = 3;   // in a row, and all of the server is held until one succeeds
};

// In the tier `vm` two machines may have to start, the canary's too, on an emulated processor.
inline constexpr Milliseconds machine_start_ms{180'000};

// One agent session.
struct SessionLimits {
  std::size_t in_flight = 256;                       // requests not answered
  std::size_t queued_bytes = std::size_t{64} << 20;  // sent and not yet taken by the agent
  std::size_t replay_bytes = std::size_t{4} << 20;   // kept for Last-Event-ID, a session
  std::size_t replay_events = 1'024;
  std::size_t subscriptions = 1'024;
  Milliseconds idle_ms{1'800'000};     // a session without a request or stream ends
  Milliseconds sse_after_ms{5'000};    // an HTTP answer that takes longer becomes a stream
  Milliseconds keep_alive_ms{15'000};  // SSE comment on a silent stream
};

// The HTTP endpoint.
struct DoorLimits {
  std::size_t connections = 4'096;
  std::size_t sessions = 10'000;
  std::size_t header_bytes = std::size_t{32} << 10;
  Milliseconds header_ms{15'000};  // from the first byte of a request to the end of its header
  Milliseconds body_ms{60'000};
  Milliseconds idle_ms{120'000};  // a keep-alive connection without a request
};

struct Limits {
  JsonLimits json;
  SessionLimits session;
  DoorLimits door;
  std::size_t page_items = 1'000;      // items on one page of an aggregated list
  Milliseconds first_list_ms{15'000};  // a first listing waits so long for servers that still start
  // An approved item that is not offered for so long is missing, and held when it comes back: a
  // server that is just starting may not have all of its tools yet.
  Milliseconds missing_ms{2'000};
  Milliseconds drain_ms{3'000};  // shutdown: how long calls in flight may still finish
};

}  // namespace toolgate
