#include "gateway/packages/npm_sandbox.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

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
     "/etc/services", "/etc/npmrc"});

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

// "https://user:password@host/" is a secret; "${NAME}" may become one.
bool hides_something(std::string_view value) {
  const auto scheme = value.find("://");
  const std::string_view rest = scheme == value.npos ? value : value.substr(scheme + 3);
  const bool has_user = scheme != value.npos && rest.substr(0, rest.find('/')).contains('@');
  return has_user || value.contains("${");
}

bool is_beneath(const fs::path& path, const fs::path& folder) {
  const std::string& text = path.native();
  const std::string prefix = folder.native() + "/";
  return text.starts_with(prefix);
}

// What npm is made of, where that is not the system's: the folder that holds bin/npm, with
// lib/node_modules beside it; or its own folder alone, where that would show this user's files.
fs::path place_of(const NpmSandbox& sandbox, const Environment& environment) {
  const fs::path bin = sandbox.npm.parent_path();
  const fs::path prefix = bin.parent_path();
  const std::string home = environment("HOME").value_or("");
  const bool shows_too_much = !prefix.has_relative_path() || is_beneath(sandbox.staging, prefix) ||
                              (!home.empty() && (prefix == home || is_beneath(home, prefix)));
  return shows_too_much ? bin : prefix;
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

Result<std::vector<std::string>> npm_sandbox_words(const NpmSandbox& sandbox,
                                                   const Environment& environment) {
  if (const auto lacking = lacking_bubblewrap()) {
    return Refusal(Reason::unavailable, "npm runs in a sandbox of its own alone: " + *lacking);
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
  const fs::path place = place_of(sandbox, environment);
  if (!is_beneath(place, "/usr") && place != "/usr") {
    add({"--ro-bind", place.string(), place.string()});
  }
  add({"--bind", sandbox.staging.string(), sandbox.staging.string(), "--chdir",
       sandbox.folder.string(), "--", sandbox.npm.string()});
  return words;
}

std::vector<std::string> npm_environment(const NpmSandbox& sandbox,
                                         const Environment& environment) {
  // An older npm would fetch a dependency from git, and run npm again in what it fetched, before
  // anybody looks at the lock file: it gets no git, and a nested npm runs no scripts either.
  std::vector<std::string> all = {
      "NO_COLOR=1",
      "npm_config_git=/bin/false",
      "npm_config_ignore_scripts=true",
      std::string("HOME=") + home_inside,
      "TMPDIR=/tmp",
      "npm_config_userconfig=" + (sandbox.staging / "npmrc").string(),
      "PATH=" + sandbox.npm.parent_path().string() + ":/usr/local/bin:/usr/bin:/bin"};
  for (const char* name : passed_on) {
    if (const auto value = environment(name)) all.push_back(std::string(name) + '=' + *value);
  }
  for (const char* name : certificates) {
    if (const auto value = environment(name)) all.push_back(std::string(name) + '=' + *value);
  }
  return all;
}

}  // namespace toolgate
