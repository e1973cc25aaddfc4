// Scopes, protected names and a path, judged by the guard and by an oracle that shares nothing with
// it: the texts are cut into components, and lists of components are compared.
//
// Each byte of the input is a component of a small vocabulary, so that names overlap, meet their
// scopes and differ by the case of a letter; three bytes are special (see take_path).

#include "connectors/launcher/guard.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {
namespace {

using Components = std::vector<std::string>;

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// --- The input ----------------------------------------------------------------------------------

constexpr std::string_view vocabulary[] = {
    "a",       "A",         "b",     "a.",    "ab",    ".git",       ".GIT",
    ".Git",    "git",       ".gitx", "x.git", "hooks", "HOOKS",      "hook",
    "config",  ".mcp.json", ".mcp",  "k",     "w",     ".\xc4\xb1g", "\xe2\x84\xaa",
    ".config", "Config ",   "...",   "@[",    "@{",    "`{",         "Z"};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool is_at_end() const { return at_ == size_; }
  std::uint8_t byte() { return is_at_end() ? 0xff : data_[at_++]; }
  // 0xff ends a path; 0xfe brings a component of the input's own; everything else stands for one.
  Components take_path() {
    Components path;
    while (path.size() < 12) {
      const std::uint8_t next = byte();
      if (next == 0xff) break;
      std::string component =
          next == 0xfe ? raw() : std::string(vocabulary[next % std::size(vocabulary)]);
      if (component.empty() || component == "." || component == "..") continue;
      path.push_back(std::move(component));
    }
    return path;
  }

 private:
  std::string raw() {
    std::string text;
    for (std::size_t length = byte() % 16U; length > 0 && !is_at_end(); --length) {
      const char next = static_cast<char>(byte());
      if (next != '\0' && next != '/') text += next;
    }
    return text;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

std::string joined(const Components& components, std::size_t from = 0) {
  std::string text;
  for (std::size_t i = from; i < components.size(); ++i) {
    if (i > from) text += '/';
    text += components[i];
  }
  return text;
}

// --- The oracle ---------------------------------------------------------------------------------

std::string lower(std::string text) {
  for (char& letter : text) {
    if ('A' <= letter && letter <= 'Z') letter = static_cast<char>(letter | 0x20);
  }
  return text;
}

bool begins_with(const Components& path, const Components& beginning) {
  return beginning.size() <= path.size() &&
         std::equal(beginning.begin(), beginning.end(), path.begin());
}

// Whether the first `count` components of a path end in the first `length` of a name.
bool ends_in(const Components& path, std::size_t count, const Components& name,
             std::size_t length) {
  if (length > count) return false;
  for (std::size_t i = 0; i < length; ++i) {
    if (lower(path[count - length + i]) != lower(name[i])) return false;
  }
  return true;
}

struct Judgement {
  Guard::Meaning meaning = Guard::Meaning::free;
  std::vector<std::set<std::string>> rests;  // by name: what may follow to make it
};

Judgement judge(const std::vector<Components>& scopes, const std::vector<Components>& names,
                const Components& path) {
  Judgement judgement;
  judgement.rests.resize(names.size());
  std::optional<std::size_t> scope;
  for (const Components& each : scopes) {
    if (each.size() < path.size() && begins_with(path, each) && each.size() >= scope.value_or(0)) {
      scope = each.size();
    }
  }
  if (!scope) return judgement;
  bool guarded = false;
  bool beginning = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t count = *scope + 1; count <= path.size(); ++count) {
      guarded = guarded || ends_in(path, count, names[i], names[i].size());
    }
    for (std::size_t length = 1; length < names[i].size(); ++length) {
      if (!ends_in(path, path.size(), names[i], length)) continue;
      judgement.rests[i].insert(joined(names[i], length));
      beginning = true;
    }
  }
  if (beginning) judgement.meaning = Guard::Meaning::beginning;
  if (guarded) judgement.meaning = Guard::Meaning::guarded;
  return judgement;
}

// --- The comparison -----------------------------------------------------------------------------

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> all;
  for (const std::string& text : texts) all.push_back(text.c_str());
  return all;
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  Input input(data, size);
  std::vector<Components> scopes;
  std::vector<Components> names;
  std::vector<std::string> scope_texts;
  std::vector<std::string> name_texts;
  const std::uint8_t counts = input.byte();
  for (int i = counts & 3; i > 0; --i) {
    scopes.push_back(input.take_path());
    if (scopes.back().empty()) scopes.back() = {"w"};  // the root is never a scope
    scope_texts.push_back("/" + joined(scopes.back()));
  }
  for (int i = (counts >> 2) & 7; i > 0; --i) {
    Components name = input.take_path();
    if (name.empty()) continue;
    name_texts.push_back(joined(name));
    names.push_back(std::move(name));
  }
  const auto scope_pointers = pointers(scope_texts);
  const auto name_pointers = pointers(name_texts);
  const Guard guard({scope_pointers.data(), scope_pointers.size()}, {},
                    {name_pointers.data(), name_pointers.size()});
  check(guard.names() == names.size(), "it knows how many names there are");
  for (int i = 0; i < 4; ++i) {
    // Mostly below a scope.
    const std::uint8_t where = input.byte();
    Components path;
    if (where % 8 != 0 && !scopes.empty()) path = scopes[where % scopes.size()];
    const Components below = input.take_path();
    path.insert(path.end(), below.begin(), below.end());
    const std::string text = "/" + joined(path);
    const Judgement expected = judge(scopes, names, path);
    check(guard.meaning(text.c_str()) == expected.meaning, "a path means what the oracle says");
    for (std::size_t name = 0; name < names.size(); ++name) {
      std::set<std::string> rests;
      for (const char* rest = guard.rest(text.c_str(), name); rest != nullptr;
           rest = guard.rest(text.c_str(), name, rest)) {
        check(rests.insert(rest).second, "what may follow is told once");
      }
      check(rests == expected.rests[name], "all that may follow is told");
    }
  }
  return 0;
}
