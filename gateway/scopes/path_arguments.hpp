#pragma once
// Which arguments of a call are paths. Decided once for an approved definition, and looked up for
// each call. Pure: nothing here asks the kernel.
//
// 1. What an administrator declared ("scopes" of a tool) counts first; where several pointers fit a
//    place, the longest decides, and among equally long ones "path". It covers what lies below it.
// 2. For a server with file scopes the schema's words are asked (path_words.hpp): every property
//    name in it, wherever it stands ($defs, items, anyOf, ...), says what an argument of that name
//    is, at any depth of the arguments. An array's elements are what the array is. A name that the
//    schema does not have is judged by its words alone. What is `surely` a path is judged, unless
//    it is empty or a URL of another scheme; what is `perhaps` one, where it looks like a path or
//    (grounds: perhaps) names something that is there. An object in such a place may have paths as
//    its member names.
// 3. For the same servers any string at all that is a file: URI, also one declared as "text".
//
// Of a server without file scopes nothing but declared arguments is a path: what it may not reach
// is no matter of words. Not seen here: paths inside of longer text, command lines, SQL, globs in
// an argument that no word calls a path, URIs of other schemes, and the answers to a server's
// questions. A sandbox holds those.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/document.hpp"
#include "gateway/scopes/path_words.hpp"
#include "gateway/scopes/pointer.hpp"
#include "signing/pins.hpp"

namespace toolgate {

// A string of a request that has to be within the file scopes.
struct PathArgument {
  enum class Grounds : std::uint8_t {
    path,     // judge it
    perhaps,  // judge it if it names something in the working directory
  };
  std::string what;  // for messages: `argument "/edits/0/path"`
  std::string text;  // what the agent wrote
  Grounds grounds = Grounds::path;
};

class PathArguments {
 public:
  enum class Inference : std::uint8_t { off, on };  // on: of a server with file scopes

  // A tool's definition, a prompt's, or one without arguments.
  PathArguments(const Definition& definition, std::vector<DeclaredArgument> declared,
                Inference inference);

  // Those in the arguments of a call.
  std::vector<PathArgument> in(const Value& arguments) const;
  // The same for the value of one argument: of a completion.
  std::vector<PathArgument> in(std::string_view name, const Value& value) const;
  // A URI that a request names.
  std::vector<PathArgument> in_uri(const std::string& uri) const;

 private:
  class Search;
  void read_schema(const Value& schema);
  void read_properties(const Value& properties);
  void read_prompt(const Value& prompt);
  void note(const std::string& name, const Value& schema);
  Likelihood likelihood_of(const std::string& name) const;

  std::unordered_map<std::string, Likelihood> names_;  // of the definition
  std::vector<DeclaredArgument> declared_;
  Inference inference_;
};

// Null where no argument of this item can be a path: such a call pays nothing.
std::shared_ptr<const PathArguments> path_arguments(const ServerEntry& entry,
                                                    const Definition& definition);

}  // namespace toolgate
