// Plays tests/transcripts/*.txt. A transcript is a conversation that can be read:
//   #  prose
//   >  agent to broker (">2": the second agent)      <  broker to agent
//   {  server to broker ("{ NAME", or "{ NAME@3" in the stream of request 3)   }  broker to server
//   !  a record of the log, at the moment in which it is durable
//   @  a stage direction: perform() lists them; lines with "|" below it belong to it
//   =  what a stage direction shows
// After each >, { and @ come the lines that must follow from it, in their order. Random ids are
// ID, $task1, $state1, ...; TOOLGATE_ACCEPT=1 writes what happens instead, and then fails the run,
// so that accepting shows in the diff.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

std::filesystem::path folder() {
  return std::filesystem::path(__FILE__).parent_path().parent_path() / "transcripts";
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool starts_with_any(const std::string& line, std::string_view marks) {
  return !line.empty() && marks.find(line.front()) != std::string_view::npos;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Stands for what is random, and puts it back into what agents send.
class Names {
 public:
  std::string hide(std::string line) {
    static const std::regex id("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}");
    static const std::regex cursor("\\b[0-9]+:[0-9a-f]{16}\\b");
    line = std::regex_replace(line, id, "ID");
    line = name_tokens(std::move(line));
    return name_all(std::move(line), cursor, "$cursor", cursors_);
  }
  std::string reveal(std::string line) const {
    for (const auto& [name, text] : known_) line = replaced(line, name, text);
    return line;
  }

 private:
  std::string named(const std::string& text, const std::string& name, std::size_t& count) {
    auto known = std::ranges::find_if(known_, [&](const auto& one) { return one.second == text; });
    if (known != known_.end()) return known->first;
    known_.emplace_back(name + std::to_string(++count), text);
    return known_.back().first;
  }
  std::string name_all(std::string line, const std::regex& what, const std::string& name,
                       std::size_t& count) {
    for (std::smatch match; std::regex_search(line, match, what);) {
      const std::string text = match.str();
      line = replaced(line, text, named(text, name, count));
    }
    return line;
  }
  // Tasks and states, whole: the letters of a state are chance, and may look like a task.
  std::string name_tokens(std::string line) {
    static const std::regex token("[A-Za-z0-9_-]{46,}");
    constexpr std::size_t least_state = 120;
    const std::string whole = line;
    for (std::sregex_iterator at(whole.begin(), whole.end(), token), end; at != end; ++at) {
      const std::string text = at->str();
      if (text.starts_with("tg-")) {
        line = replaced(line, text, named(text, "$task", tasks_));
      } else if (text.size() >= least_state) {
        line = replaced(line, text, named(text, "$state", states_));
      }
    }
    return line;
  }

  std::vector<std::pair<std::string, std::string>> known_;
  std::size_t tasks_ = 0;
  std::size_t cursors_ = 0;
  std::size_t states_ = 0;
};

class Transcript {
 public:
  std::vector<std::string> play(const std::string& line, const std::string& block) {
    std::istringstream words(line.substr(1));
    if (line.front() == '@') {
      perform(words, block);
    } else if (line.front() == '{') {
      std::string server;
      words >> server;
      std::size_t at = server.find('@');
      std::optional<BrokerId> stream;
      if (at != std::string::npos) stream = std::stoull(server.substr(at + 1));
      stage_.say(server.substr(0, at), rest(words), stream);
    } else {
      std::size_t space = line.find(' ');
      std::string number = space == 1 ? "1" : line.substr(1, space - 1);
      agents_.at(number)->send(names_.reveal(line.substr(space + 1)));
    }
    std::vector<std::string> lines = stage_.take_lines();
    for (std::string& one : lines) one = names_.hide(std::move(one));
    return lines;
  }

 private:
  static std::string rest(std::istringstream& words) {
    std::string text;
    std::getline(words >> std::ws, text);
    return text;
  }

  void perform(std::istringstream& words, const std::string& block) {
    std::string verb, name;
    words >> verb;
    if (verb == "config") return stage_.configure(block);
    if (verb == "start") return stage_.start();
    words >> name;
    if (verb == "offers") {
      stage_.server(name).offers = block;
    } else if (verb == "approve" || verb == "revoke") {
      std::vector<std::string> keys;
      for (std::string key; words >> key;) keys.push_back(key);
      verb == "approve" ? stage_.approve(name, keys) : stage_.revoke(name, keys);
    } else if (verb == "agent" || verb == "connect") {
      std::string agent;
      words >> agent;
      std::string capabilities = rest(words);
      if (capabilities.empty()) capabilities = "{}";
      agents_[name] = verb == "connect" ? &stage_.agent(name, agent)
                                        : &stage_.greeted_agent(name, agent, capabilities);
    } else if (verb == "leave") {
      agents_.erase(name);
      stage_.leave(name);
    } else {
      direct(verb, name, words);
    }
  }

  void direct(const std::string& verb, const std::string& name, std::istringstream& words) {
    FakeServer& server = stage_.server(name);
    if (verb == "shows") {
      server.shows_all = true;
    } else if (verb == "silent") {
      server.speaks = false;
    } else if (verb == "speaks") {
      server.speaks = true;
    } else if (verb == "revision") {
      words >> server.revision;
    } else if (verb == "full") {
      server.takes_messages = false;
    } else if (verb == "in_flight") {
      words >> stage_.in_flight[name];
    } else if (verb == "scope") {
      stage_.scopes[name].push_back(FileScope{.path = rest(words)});
    } else if (verb == "page_items") {
      stage_.limits.page_items = std::stoul(name);
    } else if (verb == "dies") {
      REQUIRE(server.events != nullptr);
      server.events->closed(Refusal(Reason::unavailable, "the process exited with status 1"));
      stage_.settle();
    } else if (verb == "wait") {
      stage_.until([this] { return stage_.has_lines(); });
    } else if (verb == "restarted") {
      auto upstream = stage_.broker().upstream(ServerName(name));
      stage_.until([&] { return upstream->state() == Upstream::State::ready; });
    } else if (verb == "dropped") {
      auto upstream = stage_.broker().upstream(ServerName(name));
      stage_.line("= " + std::to_string(upstream->dropped_answers()));
    } else {
      FAIL("no such stage direction: ", verb);
    }
  }

  Stage stage_;
  Names names_;
  std::map<std::string, FakeAgent*> agents_;
};

// The file's lines with what really happened.
std::vector<std::string> play(const std::vector<std::string>& script) {
  Transcript transcript;
  std::vector<std::string> played;
  for (std::size_t at = 0; at < script.size();) {
    const std::string& line = script[at++];
    if (starts_with_any(line, "<}!=")) continue;
    played.push_back(line);
    if (!starts_with_any(line, ">{@")) continue;
    std::string block;
    while (at < script.size() && starts_with_any(script[at], "|")) {
      played.push_back(script[at]);
      block += script[at++].substr(1) + "\n";
    }
    auto happened = transcript.play(line, block);
    played.insert(played.end(), happened.begin(), happened.end());
  }
  return played;
}

std::vector<std::filesystem::path> transcripts() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

TEST_CASE("transcripts: every conversation goes as it is written down") {
  bool accept = std::getenv("TOOLGATE_ACCEPT") != nullptr;
  auto files = transcripts();
  CHECK(files.size() >= 20);
  for (const auto& file : files) {
    std::string name = file.filename().string();
    CAPTURE(name);
    auto script = lines_of(file);
    auto played = play(script);
    if (accept) {
      std::ofstream out(file, std::ios::trunc);
      for (const std::string& line : played) out << line << '\n';
      continue;
    }
    for (std::size_t at = 0; at < std::max(script.size(), played.size()); ++at) {
      std::string expected = at < script.size() ? script[at] : "(the end)";
      std::string happened = at < played.size() ? played[at] : "(the end)";
      CAPTURE(at + 1);
      CHECK(happened == expected);
      if (happened != expected) break;
    }
  }
  if (accept) FAIL("the transcripts were rewritten: look at the difference, then run again");
}

}  // namespace
}  // namespace toolgate::test
