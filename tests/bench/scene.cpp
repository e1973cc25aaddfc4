#include "tests/bench/scene.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "tests/bench/upstream.hpp"

namespace toolgate::bench {
namespace {

constexpr std::chrono::seconds start_limit(30);

std::uint16_t port_behind(const std::string& line, std::string_view mark) {
  return static_cast<std::uint16_t>(std::stoul(line.substr(line.find(mark) + mark.size())));
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "toolgate-bench.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::system_category(), "making " + pattern);
  }
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Listening start_upstream(const std::filesystem::path& self) {
  Listening upstream;
  upstream.process =
      std::make_unique<Process>(std::vector<std::string>{self.string(), "--upstream", "http"});
  upstream.port = port_behind(upstream.process->await_output_line(start_limit), "");
  return upstream;
}

std::unique_ptr<Process> start_stdio_upstream(const std::filesystem::path& self) {
  return std::make_unique<Process>(std::vector<std::string>{self.string(), "--upstream", "stdio"});
}

Home::Home(std::filesystem::path toolgate, std::filesystem::path self, std::filesystem::path folder,
           Transport transport, std::uint16_t upstream_port)
    : toolgate_(std::move(toolgate)), folder_(std::move(folder)) {
  command({"init"});
  if (transport == Transport::http) {
    command({"server", "add", "up", "--url",
             "http://127.0.0.1:" + std::to_string(upstream_port) + "/mcp"});
  } else {
    command(
        {"server", "add", "up", "--isolation", "none", "--", self.string(), "--upstream", "stdio"});
  }
  command({"review", "up"});
  command({"approve", "up"});
}

std::unique_ptr<Process> Home::start(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), toolgate_.string());
  Process::Options options;
  options.environment.push_back("TOOLGATE_HOME=" + folder_.string());
  return std::make_unique<Process>(std::move(arguments), std::move(options));
}

void Home::command(std::vector<std::string> arguments) const {
  const std::string name = arguments.front();
  auto process = start(std::move(arguments));
  const int status = process->wait(start_limit);
  if (status != 0) {
    throw std::runtime_error("toolgate " + name + " ended with status " + std::to_string(status) +
                             ": " + process->said());
  }
}

Listening Home::serve() const {
  Listening gateway;
  gateway.process = start({"serve", "--listen", "127.0.0.1:0"});
  const std::string_view mark = "url=http://127.0.0.1:";
  gateway.port = port_behind(gateway.process->await_error_line(mark, start_limit), mark);
  return gateway;
}

std::unique_ptr<Process> Home::stdio() const { return start({"stdio"}); }

std::string Home::tool() { return "up__" + std::string(tool_name); }

std::optional<std::filesystem::path> find_nginx() {
  for (const char* path : {"/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return std::nullopt;
}

Listening start_nginx(const std::filesystem::path& program, const std::filesystem::path& folder,
                      std::uint16_t upstream_port) {
  std::filesystem::create_directories(folder);
  // nginx cannot choose a free port by itself. Somebody may take this one between the two; nginx
  // says so then.
  const std::uint16_t port = listen_on_loopback().port;
  const std::filesystem::path configuration = folder / "nginx.conf";
  std::string paths;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    paths += "  " + std::string(kind) + "_temp_path " + (folder / kind).string() + ";\n";
  }
  std::ofstream(configuration)
      << "daemon off;\nmaster_process off;\nworker_rlimit_nofile 16384;\npid "
      << (folder / "pid").string() << ";\nerror_log stderr notice;\n"
      << "events { worker_connections 8192; }\nhttp {\n"
      << paths << "  access_log off;\n  keepalive_requests 100000000;\n"
      << "  upstream up { server 127.0.0.1:" << upstream_port
      << "; keepalive 1024; keepalive_requests 100000000; }\n"
      << "  server {\n    listen 127.0.0.1:" << port << ";\n"
      << "    location / {\n      proxy_pass http://up;\n      proxy_http_version 1.1;\n"
      << "      proxy_set_header Connection \"\";\n    }\n  }\n}\n";
  std::vector<std::string> argv{program.string(), "-p", folder.string(), "-c",
                                configuration.string()};
  auto process = std::make_unique<Process>(std::move(argv));
  process->await_error_line("getrlimit", start_limit);  // it listens by then
  return Listening{std::move(process), port};
}

}  // namespace toolgate::bench
