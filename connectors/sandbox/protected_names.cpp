#include "connectors/sandbox/protected_names.hpp"

#include <algorithm>
#include <array>

namespace toolgate {
namespace {

constexpr auto unchanged = std::to_array<std::string_view>({
    // git runs what these say, whoever calls it
    ".git/hooks",
    ".git/config",
    ".git/config.worktree",
    ".git/commondir",
    ".git/modules",
    ".git/info/attributes",
    ".gitmodules",
    ".gitconfig",
    ".config/git",
    ".husky",
    // shells and what they load
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".config/fish",
    ".inputrc",
    ".envrc",
    ".direnv",
    ".xprofile",
    ".xsession",
    ".config/autostart",
    ".config/systemd",
    ".local/bin",
    // harnesses and editors
    ".mcp.json",
    ".claude",
    ".claude.json",
    ".vscode",
    ".cursor",
    ".codex",
    ".gemini",
    ".idea",
    ".windsurf",
    ".zed",
    ".agents",
    ".vimrc",
    ".exrc",
    ".config/nvim",
    ".emacs.d",
    ".emacs",
    ".dir-locals.el",
    ".editorconfig",
    // package managers: registries, tokens, scripts
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pip",
    ".cargo/config.toml",
    ".gradle/init.d",
    ".m2/settings.xml",
    // the gateway
    ".toolgate",
});

constexpr auto hidden = std::to_array<std::string_view>({
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".kube",
    ".docker/config.json",
    ".netrc",
    ".git-credentials",
    ".config/gh",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
    ".config/chromium",
    ".config/google-chrome",
});

bool is_relative_path(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.back() == '/') return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view component = name.substr(at, end - at);
    if (component.empty() || component == "." || component == "..") return false;
    at = end + 1;
  }
  return name.find('\0') == std::string_view::npos;
}

bool ends_in(std::string_view path, std::string_view name) {
  if (!path.ends_with(name)) return false;
  return path.size() == name.size() || path[path.size() - name.size() - 1] == '/';
}

}  // namespace

std::span<const std::string_view> unchanged_names() { return unchanged; }
std::span<const std::string_view> hidden_names() { return hidden; }

Result<ProtectedNames> ProtectedNames::make(const std::vector<std::string>& changes) {
  ProtectedNames result;
  for (std::string_view name : unchanged) {
    result.names_.push_back(ProtectedName{std::string(name), Protection::unchanged});
  }
  for (std::string_view name : hidden) {
    result.names_.push_back(ProtectedName{std::string(name), Protection::hidden});
  }
  for (const std::string& change : changes) {
    const bool removes = change.starts_with('!');
    const std::string name = removes ? change.substr(1) : change;
    if (!is_relative_path(name)) {
      return Refusal(Reason::bad_configuration,
                     "a protected name must be a relative path without \".\" and \"..\", such as "
                     "\".env\" or \"config/production.json\"; \"!NAME\" takes one off the list");
    }
    auto found = std::ranges::find(result.names_, name, &ProtectedName::name);
    if (removes && found == result.names_.end()) {
      return Refusal(Reason::bad_configuration,
                     "\"" + change +
                         "\" takes a name off that is not on the list of protected "
                         "names: `toolgate doctor --protected` prints it");
    }
    if (removes) {
      result.names_.erase(found);
    } else if (found == result.names_.end()) {
      result.names_.push_back(ProtectedName{name, Protection::unchanged});
    }
  }
  return result;
}

const ProtectedName* ProtectedNames::find(std::string_view path) const {
  for (const ProtectedName& name : names_) {
    if (ends_in(path, name.name)) return &name;
  }
  return nullptr;
}

std::vector<ProtectedNames::Continued> ProtectedNames::continued(std::string_view path) const {
  std::vector<Continued> found;
  for (const ProtectedName& name : names_) {
    const std::string_view whole(name.name);
    if (ends_in(path, whole)) found.push_back(Continued{name.name, ""});
    for (std::size_t at = whole.find('/'); at != std::string::npos; at = whole.find('/', at + 1)) {
      if (!ends_in(path, whole.substr(0, at))) continue;
      found.push_back(Continued{name.name, std::string(whole.substr(at))});
    }
  }
  return found;
}

}  // namespace toolgate
