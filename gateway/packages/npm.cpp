#include "gateway/packages/npm.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "connectors/descriptor.hpp"
#include "gateway/packages/npm_sandbox.hpp"
#include "gateway/packages/own_file.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes longest{10};
constexpr std::size_t tail_bytes = std::size_t{16} << 10;
constexpr std::size_t told_lines = 8;
constexpr int not_executed = 127;

std::optional<std::string> find_program(const std::string& name, const Environment& environment) {
  const std::string path = environment("PATH").value_or("");
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    std::string file = path.substr(at, end - at) + "/" + name;
    if (file[0] == '/' && file != "/" + name && ::access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  return std::nullopt;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

// In the child: becomes the program. Nothing here allocates.
[[noreturn]] void become(const char* program, char* const* argv, char* const* environment,
                         const char* folder, int output, pid_t parent) {
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool ready = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent &&
                     input >= 0 && ::dup2(input, STDIN_FILENO) >= 0 &&
                     ::dup2(output, STDOUT_FILENO) >= 0 && ::dup2(output, STDERR_FILENO) >= 0 &&
                     ::chdir(folder) == 0;
  ::umask(022);
  if (ready) ::execve(program, argv, environment);
  ::_exit(not_executed);
}

// Reads what the program prints, to its end or the deadline; keeps the last of it.
std::optional<std::string> read_output(int output) {
  std::string tail;
  std::string piece(tail_bytes, '\0');
  const auto end = Clock::now() + longest;
  while (Clock::now() < end) {
    pollfd ready{.fd = output, .events = POLLIN, .revents = 0};
    const int got = ::poll(&ready, 1, 1'000);
    if (got == 0 || (got < 0 && errno == EINTR)) continue;
    const ssize_t size = got < 0 ? -1 : ::read(output, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return tail;
    tail.append(piece, 0, static_cast<std::size_t>(size));
    if (tail.size() > tail_bytes) tail.erase(0, tail.size() - tail_bytes);
  }
  return std::nullopt;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string last_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (line == "npm error" || line.find("complete log of this run") != line.npos ||
        line.find("Log files were not written") != line.npos) {
      continue;
    }
    if (line.starts_with("npm error code ")) lines.clear();  // here its report begins
    lines.push_back("  " + line);
  }
  const bool has_report = !lines.empty() && lines[0].starts_with("  npm error code ");
  if (lines.size() > told_lines && !has_report) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(told_lines));
  }
  lines.resize(std::min(lines.size(), told_lines));
  std::string told;
  for (const std::string& line : lines) told += '\n' + line;
  return told;
}

std::string remedy_for(const std::string& output) {
  struct Row {
    std::string_view sign;
    std::string_view remedy;
  };
  constexpr std::string_view private_registry =
      "the registry asks for a login, and npm gets no secrets here: install the package into a "
      "folder yourself (`npm install --ignore-scripts`), and name its script as the command, "
      "`node FOLDER/node_modules/...`, which freezes as well";
  constexpr Row rows[] = {
      {"ENOSPC", "the disk is full: free some space and freeze again"},
      {"E404", "check the package's name and version in the configuration"},
      {"ETARGET", "check the package's version in the configuration"},
      {"EINTEGRITY",
       "what came is not what the registry names: freeze again, and find out why if "
       "it stays so"},
      {"bwrap: ", "its sandbox cannot be had on this host: `toolgate doctor` examines it"},
      {"E401", private_registry},
      {"E403", private_registry},
      {"EALLOW",
       "a package that it needs comes from elsewhere than a registry: it cannot be frozen"},
  };
  for (const Row& row : rows) {
    if (output.find(row.sign) != output.npos) return std::string(row.remedy);
  }
  return "check the network and npm's configuration (`npm ping`), then freeze again";
}

Refusal unavailable(const std::string& spec, const std::string& why) {
  return Refusal(Reason::unavailable, "npm could not install " + spec + ": " + why);
}

// What the user's .npmrc and the system's say of registries, where npm looks for it in its sandbox.
Status write_settings(const NpmSandbox& sandbox, const Environment& environment) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  const std::string home = environment("HOME").value_or("");
  const std::filesystem::path own = std::filesystem::path(home) / ".npmrc";
  std::error_code error;
  std::string settings;
  if (!home.empty() && std::filesystem::exists(own, error)) {
    const auto text = read_package_file(own, most_bytes);
    if (!text) return text.refusal();
    settings = registry_settings(*text);
  }
  Status written =
      write_package_file(sandbox.staging / npm_settings_of_user, settings, Replacing::yes);
  if (!written) return written;
  return write_package_file(sandbox.staging / npm_settings_of_system,
                            settings_of_system(sandbox.node), Replacing::yes);
}

}  // namespace

std::vector<std::string> npm_install_words(const std::string& spec,
                                           const std::filesystem::path& folder,
                                           const std::filesystem::path& cache) {
  std::vector<std::string> words = {"npm", "install"};
  // Into this folder, whatever the user's configuration says. (--location=project would undo
  // --no-global.)
  words.insert(words.end(), {"--no-global", "--prefix=" + folder.string(), "--workspaces=false",
                             "--cache=" + cache.string()});
  words.insert(words.end(),
               {"--ignore-scripts", "--no-dry-run", "--no-audit", "--no-fund",
                "--no-update-notifier", "--no-progress", "--loglevel=warn", "--logs-max=0"});
  words.insert(words.end(), {"--save", "--save-exact", "--save-prod", "--omit=dev",
                             "--include=optional", "--install-strategy=hoisted", "--bin-links"});
  words.insert(words.end(),
               {"--package-lock", "--lockfile-version=3", "--omit-lockfile-registry-resolved"});
  // Only packages of a registry; npm before 11 warns that it does not know these.
  words.insert(words.end(), {"--allow-git=none", "--allow-remote=none", "--allow-file=none",
                             "--allow-directory=none"});
  words.insert(words.end(), {"--", spec});
  return words;
}

Status install_package(const std::filesystem::path& folder, const std::string& spec,
                       const std::filesystem::path& staging, const Environment& environment) {
  const auto program = find_program("npm", environment);
  if (!program) return unavailable(spec, "there is no npm in PATH: install Node.js with npm");
  const NpmSandbox sandbox{*program, find_program("node", environment).value_or(""), staging,
                           folder};
  const auto inside = npm_sandbox_words(sandbox, environment);
  if (!inside) return inside.refusal();
  Status settings = write_settings(sandbox, environment);
  if (!settings) return settings;
  std::vector<std::string> words = *inside;
  const auto own = npm_install_words(spec, folder, staging / npm_cache);
  words.insert(words.end(), own.begin() + 1, own.end());  // its name is the sandbox's last word
  std::vector<std::string> variables = npm_environment(sandbox, environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> passed = pointers(variables);
  Pipe pipe = make_pipe();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return unavailable(spec, std::strerror(errno));
  if (child == 0) {
    become(argv[0], argv.data(), passed.data(), folder.c_str(), pipe.writing.number(), parent);
  }
  pipe.writing.close();
  const auto output = read_output(pipe.reading.number());
  if (!output) ::kill(child, SIGKILL);
  const int status = wait_for(child);
  if (!output) return unavailable(spec, "it did not end within ten minutes");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return done();
  return unavailable(spec, remedy_for(*output) + last_lines(*output));
}

}  // namespace toolgate
