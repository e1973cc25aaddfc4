#include "gateway/cli/status_source.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr std::uintmax_t file_bytes = std::uintmax_t{1} << 20;

bool is_alive(std::int64_t pid) {
  if (pid <= 0 || pid > std::numeric_limits<pid_t>::max()) return false;
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
}

std::string text_of(const Value& object, std::string_view name) {
  const auto value = object.find(name);
  return value && value->is_string() ? value->text() : std::string();
}

std::optional<std::int64_t> number_of(const Value& object, std::string_view name) {
  const auto value = object.find(name);
  return value && value->is_number() ? value->integer() : std::nullopt;
}

void read_file(const std::filesystem::path& file, std::vector<RunningServer>& all) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed || size > file_bytes) return;
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  auto document = parse_document(Untrusted<std::string>(text.str()), JsonLimits{});
  if (!document) return;
  const auto gateway = number_of(document->root(), "pid");
  const auto servers = document->root().find("servers");
  if (!gateway || !is_alive(*gateway) || !servers || !servers->is_array()) return;
  for (const Value& one : servers->elements()) {
    RunningServer server;
    server.server = text_of(one, "server");
    server.state = text_of(one, "state");
    server.isolation = text_of(one, "isolation");
    server.missing = text_of(one, "missing");
    server.limits = text_of(one, "limits");
    server.no_tree = text_of(one, "no_tree");
    server.pid = number_of(one, "pid");
    server.revision = text_of(one, "revision");
    server.restarts = number_of(one, "restarts").value_or(0);
    server.last_error = text_of(one, "last_error");
    server.last_words = text_of(one, "last_words");
    server.gateway = *gateway;
    if (!server.server.empty()) all.push_back(std::move(server));
  }
}

class RunFiles : public StatusSource {
 public:
  explicit RunFiles(std::filesystem::path home) : folder_(std::move(home) / "run") {}

  std::vector<RunningServer> running() override {
    std::vector<std::filesystem::path> files;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    std::vector<RunningServer> all;
    for (const auto& file : files) read_file(file, all);
    return all;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace

std::unique_ptr<StatusSource> run_files(std::filesystem::path home) {
  return std::make_unique<RunFiles>(std::move(home));
}

}  // namespace toolgate
