#include "gateway/packages/npm_sandbox.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>

#include "connectors/sandbox/enter.hpp"
#include "connectors/sandbox/host.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr const char* home_inside = "/tmp/home";

// To find node, to speak the user's language, to reach the network.
constexpr auto passed_on =
    std::to_array<const char*>({"LANG", "LC_ALL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
                                "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"});
// And these name files, which are shown.
constexpr auto certificates =
    std::to_array<const char*>({"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"});

constexpr auto folders = std::to_array<const char*>({"/bin", "/sbin", "/lib", "/lib32", "/lib64"});
constexpr auto settings_of_the_system = std::to_array<const char*>(
    {"/etc/ssl", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
     "/etc/ld.so.conf.d", "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
     "/etc/services"});

// As an .npmrc spells them; a scope's registry is "@scope:registry".
constexpr auto known_settings = std::to_array<std::string_view>(
    {"registry", "cafile", "proxy", "https-proxy", "noproxy", "fetch-retries", "fetch-timeout",
     "fetch-retry-mintimeout", "fetch-retry-maxtimeout", "maxsockets"});

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const auto from = text.find_first_not_of(blank);
  if (from == text.npos) return "";
  return text.substr(from, text.find_last_not_of(blank) - from + 1);
}

bool is_known(std::string_view name) {
  if (name.starts_with('@') && name.ends_with(":registry")) return true;
  return std::ranges::find(known_settings, name) != known_settings.end();
}

// "https://user:password@host/" and "user:password@host:80" are secrets; "${NAME}" may become one.
bool hides_something(std::string_view value) {
  const auto scheme = value.find("//");
  const std::string_view rest = scheme == value.npos ? value : value.substr(scheme + 2);
  return rest.substr(0, rest.find('/')).contains('@') || value.contains("${");
}

bool is_beneath(const fs::path& path, const fs::path& folder) {
  const std::string& text = path.native();
  const std::string prefix = folder.native() + "/";
  return text.starts_with(prefix);
}

bool is_within(const fs::path& path, const fs::path& folder) {
  return path == folder || is_beneath(path, folder);
}

bool is_of_system(const fs::path& path) {
  return is_within(path, "/usr") ||
         std::ranges::any_of(folders, [&](const char* folder) { return is_within(path, folder); });
}

// A path as it is written, and where it really is.
std::vector<fs::path> both(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error || real == path) return {path};
  return {path, real};
}

// A program by every name on its way: links that lead to it one after the other, and the folders
// that those really lie in.
std::vector<fs::path> names_on_the_way(fs::path program) {
  constexpr int most_links = 40;
  std::vector<fs::path> names;
  for (int link = 0; link < most_links; ++link) {
    std::error_code error;
    names.push_back(program);
    const fs::path folder = fs::canonical(program.parent_path(), error);
    if (error) break;
    names.push_back(folder / program.filename());
    const fs::path target = fs::read_symlink(program, error);
    if (error) break;  // the program itself
    program = (folder / target).lexically_normal();
  }
  return names;
}

// What a program is made of: the folder that holds bin/npm, with lib/node_modules beside it; or its
// own folder alone, where that would show this user's files; or nothing, where even that would.
std::optional<fs::path> place_of(const fs::path& program, const NpmSandbox& sandbox,
                                 const Environment& environment) {
  const fs::path home = environment("HOME").value_or("");
  auto shows_too_much = [&](const fs::path& folder) {
    auto shows = [&](const fs::path& path) { return !path.empty() && is_within(path, folder); };
    return !folder.has_relative_path() || std::ranges::any_of(both(sandbox.staging), shows) ||
           std::ranges::any_of(both(home), shows);
  };
  const fs::path bin = program.parent_path();
  if (!shows_too_much(bin.parent_path())) return bin.parent_path();
  return shows_too_much(bin) ? std::nullopt : std::optional(bin);
}

// Where npm and node lie, as far as that is not the system's; no folder within another.
std::vector<fs::path> places_of(const NpmSandbox& sandbox, const Environment& environment) {
  std::vector<fs::path> places;
  for (const fs::path& program : {sandbox.npm, sandbox.node}) {
    if (program.empty()) continue;
    for (const fs::path& name : names_on_the_way(program)) {
      const auto place = place_of(name, sandbox, environment);
      if (place && !is_of_system(*place)) places.push_back(*place);
    }
  }
  std::ranges::sort(places);
  std::vector<fs::path> outermost;
  for (const fs::path& place : places) {
    const bool is_shown = std::ranges::any_of(
        outermost, [&](const fs::path& shown) { return is_within(place, shown); });
    if (!is_shown) outermost.push_back(place);
  }
  return outermost;
}

// The system's configuration of npm, as far as the sandbox would show it.
std::vector<fs::path> settings_in_sight(const NpmSandbox& sandbox, const Environment& environment) {
  std::vector<fs::path> prefixes = {"/usr", "/usr/local"};
  for (const fs::path& place : places_of(sandbox, environment)) prefixes.push_back(place);
  std::vector<fs::path> files;
  for (const fs::path& prefix : prefixes) {
    std::error_code error;
    const fs::path file = fs::canonical(prefix / "etc/npmrc", error);
    if (!error) files.push_back(file);
  }
  return files;
}

// A proxy's address with a name or a password in it.
std::optional<std::string> proxy_with_secret(const Environment& environment) {
  for (const char* name : passed_on) {
    const bool is_proxy =
        std::string_view(name).ends_with("PROXY") || std::string_view(name).ends_with("proxy");
    if (is_proxy && environment(name).value_or("").contains('@')) return name;
  }
  return std::nullopt;
}

}  // namespace

std::string registry_settings(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = line.find('=');
    if (equals == line.npos || line.starts_with('#') || line.starts_with(';')) continue;
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (!is_known(name) || value.empty() || hides_something(value)) continue;
    kept += std::string(name) + '=' + std::string(value) + '\n';
  }
  return kept;
}

std::string settings_of_system(const fs::path& node) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  // That of distributions, and that of the node that runs npm.
  std::error_code error;
  const fs::path prefix = fs::canonical(node, error).parent_path().parent_path();
  std::string settings;
  for (const fs::path& file : {fs::path("/etc/npmrc"), prefix / "etc/npmrc"}) {
    if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > most_bytes) continue;
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    settings += registry_settings(text.str());
  }
  return settings;
}

Result<std::vector<std::string>> npm_sandbox_words(const NpmSandbox& sandbox,
                                                   const Environment& environment) {
  if (const auto lacking = lacking_bubblewrap()) {
    return Refusal(Reason::unavailable, "npm runs in a sandbox of its own alone: " + *lacking);
  }
  if (const auto proxy = proxy_with_secret(environment)) {
    return Refusal(Reason::unavailable,
                   *proxy +
                       " holds a name or a password, and npm gets no secrets here: freeze with "
                       "a proxy that asks for none (a forwarder on this machine), or install "
                       "the package into a folder yourself (`npm install --ignore-scripts`) "
                       "and name its script as the command, `node FOLDER/node_modules/...`");
  }
  std::vector<std::string> words = {bubblewrap_program,  "--unshare-user",
                                    "--unshare-pid",     "--unshare-ipc",
                                    "--unshare-uts",     "--unshare-cgroup-try",
                                    "--die-with-parent", "--new-session",
                                    "--cap-drop",        "ALL",
                                    "--hostname",        "sandbox"};
  auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  add({"--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir",
       home_inside});
  for (const char* folder : folders) {
    std::error_code error;
    if (fs::is_symlink(folder, error)) {
      add({"--symlink", fs::read_symlink(folder, error).string(), folder});
    } else if (fs::exists(folder, error)) {
      add({"--ro-bind", folder, folder});
    }
  }
  for (const char* file : settings_of_the_system) add({"--ro-bind-try", file, file});
  for (const char* name : certificates) {
    const auto file = environment(name);
    if (file && file->starts_with('/')) add({"--ro-bind-try", *file, *file});
  }
  for (const fs::path& place : places_of(sandbox, environment)) {
    add({"--ro-bind", place.string(), place.string()});
  }
  // They may hold a token: what may be seen of them is in the staging folder.
  const fs::path shown = sandbox.staging / npm_settings_of_system;
  for (const fs::path& file : settings_in_sight(sandbox, environment)) {
    add({"--ro-bind", shown.string(), file.string()});
  }
  add({"--bind", sandbox.staging.string(), sandbox.staging.string(), "--chdir",
       sandbox.folder.string(), "--", sandbox.npm.string()});
  return words;
}

std::vector<std::string> npm_environment(const NpmSandbox& sandbox,
                                         const Environment& environment) {
  // An older npm would fetch a dependency from git, and run npm again in what it fetched, before
  // anybody looks at the lock file: it gets no git, and a nested npm runs no scripts either.
  std::string search_path = sandbox.npm.parent_path().string();
  if (!sandbox.node.empty()) search_path += ':' + sandbox.node.parent_path().string();
  std::vector<std::string> all = {
      "NO_COLOR=1",
      "npm_config_git=/bin/false",
      "npm_config_ignore_scripts=true",
      std::string("HOME=") + home_inside,
      "TMPDIR=/tmp",
      "npm_config_userconfig=" + (sandbox.staging / npm_settings_of_user).string(),
      "npm_config_globalconfig=" + (sandbox.staging / npm_settings_of_system).string(),
      "PATH=" + search_path + ":/usr/local/bin:/usr/bin:/bin"};
  for (const char* name : passed_on) {
    if (const auto value = environment(name)) all.push_back(std::string(name) + '=' + *value);
  }
  for (const char* name : certificates) {
    if (const auto value = environment(name)) all.push_back(std::string(name) + '=' + *value);
  }
  return all;
}

}  // namespace toolgate
