// The benchmark: what a call costs through the gateway, with everything that it checks and records,
// against a direct connection to the same server, in the same run. See --help.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/scene.hpp"
#include "tests/bench/upstream.hpp"

namespace toolgate::bench {
namespace {

constexpr std::string_view help =
    "bench [OPTIONS]\n"
    "\n"
    "Measures calls of a fast MCP server directly, through the gateway and, over HTTP and where it "
    "is\n"
    "installed, through nginx as a plain reverse proxy. The targets take turns, round by round, "
    "since\n"
    "only ratios of one run mean something on a shared machine; figures are medians over the "
    "rounds.\n"
    "Each caller has one call outstanding; every answer is checked. Over HTTP a caller is an MCP\n"
    "session on its own connection. Over stdio the callers share pipes, 250 at most to each: "
    "through\n"
    "the gateway, each pipe is a `toolgate stdio`.\n"
    "\n"
    "  --quick            three short rounds: under a minute instead of under ten\n"
    "  --json             one object a line, for each case and target\n"
    "  --toolgate PATH    the program to measure; by default the one of the same build\n"
    "  --rounds N         5 by default\n"
    "  --slice-ms N       how long a target is measured in a round; 1500 by default\n"
    "  --transport NAME   http or stdio; both by default\n"
    "  --target NAME      direct, gateway or nginx; all by default. Ratios need direct\n"
    "  --bytes N          a result's size; with --callers, instead of the usual cases. Repeatable\n"
    "  --callers N        how many call at once. Repeatable\n"
    "  --upstream KIND    be the MCP server: http (prints its port) or stdio\n";

constexpr std::size_t callers_on_a_pipe = 250;  // below what the gateway lets one session have open

struct Options {
  bool is_json = false;
  std::filesystem::path self;
  std::filesystem::path toolgate;
  std::size_t rounds = 5;
  std::chrono::milliseconds slice{1'500};
  std::optional<Transport> transport;
  std::optional<std::string> target;
  std::vector<std::size_t> bytes;
  std::vector<std::size_t> callers;
  std::optional<std::string> upstream;
};

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int) { interrupted = 1; }

// Whom the callers call, and the programs in between.
struct Target {
  explicit Target(std::string name, std::string tool)
      : name(std::move(name)), load(std::move(tool)) {}

  std::chrono::microseconds cpu() const {
    std::chrono::microseconds sum{};
    for (const auto& process : between) sum += process->cpu();
    return sum;
  }
  std::uint64_t resident_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& process : between) sum += process->resident_bytes();
    return sum;
  }

  std::string name;
  std::vector<std::unique_ptr<Process>> between;
  std::vector<std::unique_ptr<Process>> servers;  // the direct stdio servers
  Load load;
  double start_ms = 0;
  std::vector<Round> rounds;
};

class Benchmark {
 public:
  explicit Benchmark(const Options& options) : options_(options), nginx_(find_nginx()) {}

  std::vector<Row> run() {
    std::vector<Row> rows;
    for (const Case& what : cases()) {
      std::fprintf(stderr, "%s %zu B, %zu callers\n",
                   what.transport == Transport::http ? "http" : "stdio", what.bytes, what.callers);
      measure(what, rows);
    }
    return rows;
  }
  bool has_nginx() const { return nginx_.has_value(); }

 private:
  using Clock = std::chrono::steady_clock;
  using Targets = std::vector<std::unique_ptr<Target>>;

  bool wanted(std::string_view target) const {
    return !options_.target || *options_.target == target;
  }

  // The callers vary at 4 KB, and the sizes at 16 callers.
  std::vector<Case> cases() const {
    constexpr std::size_t kilobyte = 1024;
    std::vector<Case> all;
    for (Transport transport : {Transport::http, Transport::stdio}) {
      if (options_.transport && *options_.transport != transport) continue;
      if (!options_.bytes.empty() || !options_.callers.empty()) {
        for (std::size_t bytes : options_.bytes) {
          for (std::size_t callers : options_.callers) all.push_back({transport, bytes, callers});
        }
        continue;
      }
      for (std::size_t callers : {1UL, 16UL, 128UL, 1000UL}) {
        all.push_back({transport, 4 * kilobyte, callers});
      }
      for (std::size_t bytes : {std::size_t{200}, 64 * kilobyte, largest_text}) {
        all.push_back({transport, bytes, 16});
      }
    }
    return all;
  }

  void measure(const Case& what, std::vector<Row>& rows) {
    Targets targets = what.transport == Transport::http ? over_http(what) : over_stdio(what);
    for (const auto& target : targets) target->load.run(options_.slice / 4, what.bytes);  // warm up
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      for (const auto& target : targets) {
        if (interrupted != 0) throw std::runtime_error("interrupted");
        const auto cpu = target->cpu();
        Round figures = summarise(target->load.run(options_.slice, what.bytes));
        figures.cpu = target->cpu() - cpu;
        figures.resident_bytes = target->resident_bytes();
        target->rounds.push_back(figures);
      }
    }
    for (const auto& target : targets) {
      target->load.end();
      Row row = make_row(what, target->name, target->rounds, targets.front()->rounds);
      row.processes = target->between.size();
      row.start_ms = target->start_ms;
      rows.push_back(std::move(row));
    }
  }

  void add_http(Targets& targets, std::string name, Listening listening, std::size_t callers,
                Clock::time_point started) {
    const bool is_gateway = name == "gateway";
    auto target = std::make_unique<Target>(std::move(name),
                                           is_gateway ? Home::tool() : std::string(tool_name));
    target->start_ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
    if (listening.process) target->between.push_back(std::move(listening.process));
    for (std::size_t i = 0; i < callers; ++i) target->load.add_http(listening.port);
    target->load.begin();
    targets.push_back(std::move(target));
  }

  Targets over_http(const Case& what) {
    if (!upstream_.process) upstream_ = start_upstream(options_.self);
    if (!http_home_) {
      http_home_.emplace(options_.toolgate, options_.self, folder_.path() / "http", Transport::http,
                         upstream_.port);
    }
    Targets targets;
    if (wanted("direct")) {
      add_http(targets, "direct", Listening{nullptr, upstream_.port}, what.callers, Clock::now());
    }
    if (wanted("gateway")) {
      const auto started = Clock::now();
      add_http(targets, "gateway", http_home_->serve(), what.callers, started);
    }
    if (nginx_ && wanted("nginx")) {
      const auto started = Clock::now();
      add_http(targets, "nginx", start_nginx(*nginx_, folder_.path() / "nginx", upstream_.port),
               what.callers, started);
    }
    return targets;
  }

  Targets over_stdio(const Case& what) {
    if (!stdio_home_) {
      stdio_home_.emplace(options_.toolgate, options_.self, folder_.path() / "stdio",
                          Transport::stdio, std::uint16_t{0});
    }
    Targets targets;
    for (const std::string name : {"direct", "gateway"}) {
      if (!wanted(name)) continue;
      const bool is_gateway = name == "gateway";
      auto target =
          std::make_unique<Target>(name, is_gateway ? Home::tool() : std::string(tool_name));
      const auto started = Clock::now();
      for (std::size_t left = what.callers; left > 0;) {
        const std::size_t here = std::min(left, callers_on_a_pipe);
        auto process = is_gateway ? stdio_home_->stdio() : start_stdio_upstream(options_.self);
        target->load.add_pipe(process->input(), process->output(), here);
        (is_gateway ? target->between : target->servers).push_back(std::move(process));
        left -= here;
      }
      target->load.begin();
      target->start_ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
      targets.push_back(std::move(target));
    }
    return targets;
  }

  const Options& options_;
  std::optional<std::filesystem::path> nginx_;
  TemporaryFolder folder_;
  Listening upstream_;
  std::optional<Home> http_home_;
  std::optional<Home> stdio_home_;
};

Transport transport_named(std::string_view name) {
  if (name == "http") return Transport::http;
  if (name == "stdio") return Transport::stdio;
  throw std::invalid_argument("--transport is http or stdio");
}

Options read_options(const std::vector<std::string>& arguments) {
  Options options;
  options.self = std::filesystem::read_symlink("/proc/self/exe");
  options.toolgate = options.self.parent_path().parent_path() / "toolgate";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--quick") {
      options.rounds = 3;
      options.slice = std::chrono::milliseconds(250);
      continue;
    }
    if (option == "--json") {
      options.is_json = true;
      continue;
    }
    if (i + 1 == arguments.size())
      throw std::invalid_argument(option + ": unknown, or has no value");
    const std::string& value = arguments[++i];
    if (option == "--toolgate")
      options.toolgate = value;
    else if (option == "--rounds")
      options.rounds = std::max(1UL, std::stoul(value));
    else if (option == "--slice-ms")
      options.slice = std::chrono::milliseconds(std::stoul(value));
    else if (option == "--transport")
      options.transport = transport_named(value);
    else if (option == "--target")
      options.target = value;
    else if (option == "--bytes")
      options.bytes.push_back(std::clamp(std::stoul(value), 64UL, largest_text));
    else if (option == "--callers")
      options.callers.push_back(std::stoul(value));
    else if (option == "--upstream")
      options.upstream = value;
    else
      throw std::invalid_argument(option + ": unknown");
  }
  if (options.bytes.empty() != options.callers.empty()) {
    throw std::invalid_argument("--bytes and --callers go together");
  }
  return options;
}

int run(const Options& options) {
  if (options.upstream) return *options.upstream == "stdio" ? serve_stdio() : serve_http();
  if (!std::filesystem::exists(options.toolgate)) {
    throw std::runtime_error("there is no " + options.toolgate.string() +
                             ": build it, or name it with --toolgate");
  }
  struct sigaction action{};
  action.sa_handler = interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Benchmark benchmark(options);
  const std::vector<Row> rows = benchmark.run();
  std::fputs((options.is_json ? json_lines(rows) : table(rows)).c_str(), stdout);
  if (!benchmark.has_nginx()) {
    std::fputs("nginx is not installed, so it was not measured (apt-get install nginx-light)\n",
               stderr);
  }
  return 0;
}

}  // namespace
}  // namespace toolgate::bench

int main(int argc, char** argv) {
  using namespace toolgate::bench;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::fputs(help.data(), stdout);
    return 0;
  }
  try {
    return run(read_options(arguments));
  } catch (const std::invalid_argument& wrong) {
    std::fprintf(stderr, "bench: %s; see --help\n", wrong.what());
    return 2;
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "bench: %s\n", fault.what());
    return 1;
  }
}
