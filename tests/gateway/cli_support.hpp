#pragma once
// Commands as a user calls them, with streams and an environment that a test can see.

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gateway/cli/commands.hpp"
#include "signing/keys.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

struct Outcome {
  int status = -1;
  std::string out;
  std::string error;
};

class CommandLine {
 public:
  CommandLine() {
    start_cryptography();
    environment["TOOLGATE_HOME"] = (home.path() / "home").string();
  }

  Outcome operator()(const std::vector<std::string>& words) const {
    std::ostringstream out;
    std::ostringstream error;
    Console console{.out = out, .error = error, .environment = [this](const std::string& name) {
                      const auto found = environment.find(name);
                      return found == environment.end() ? std::nullopt
                                                        : std::optional<std::string>(found->second);
                    }};
    console.columns = columns;
    const int status = dispatch(local_commands(), words, console);
    return Outcome{status, out.str(), error.str()};
  }
  // The same, which must succeed.
  std::string must(const std::vector<std::string>& words) const {
    const Outcome outcome = (*this)(words);
    if (outcome.status != 0) FAIL(words[0], " ended with ", outcome.status, ": ", outcome.error);
    return outcome.out;
  }
  std::filesystem::path folder() const { return home.path() / "home"; }
  std::unique_ptr<Store> store() const {
    auto opened = Store::open(folder(), Store::Mode::existing);
    if (!opened) FAIL(opened.refusal().detail);
    return std::move(*opened);
  }

  TemporaryHome home;
  std::map<std::string, std::string> environment;
  std::size_t columns = 0;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace toolgate::test
