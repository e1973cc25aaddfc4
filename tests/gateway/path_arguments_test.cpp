#include "gateway/scopes/path_arguments.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

using Grounds = PathArgument::Grounds;

std::string shown(const std::vector<PathArgument>& found) {
  std::string all;
  for (const PathArgument& one : found) {
    if (!all.empty()) all += ", ";
    all += one.what + (one.grounds == Grounds::perhaps ? "? " : " ") + one.text;
  }
  return all;
}

Document parsed(const std::string& json) {
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits());
  REQUIRE(document);
  return *document;
}

Definition tool(const std::string& properties) {
  return {ItemKind::tool, "t",
          R"({"name":"t","inputSchema":{"type":"object","properties":)" + properties + "}}"};
}

std::string found(const Definition& definition, const std::string& arguments,
                  const std::vector<DeclaredArgument>& declared = {},
                  PathArguments::Inference inference = PathArguments::Inference::on) {
  Document document = parsed(arguments);
  return shown(PathArguments(definition, declared, inference).in(document.root()));
}

TEST_CASE("path words: names") {
  for (const char* name : {"path",        "paths",        "Path",
                           "filePath",    "file_path",    "file-paths",
                           "inputFile",   "output_dir",   "OUTPUT_DIRECTORY",
                           "repoPath",    "repo_path",    "directory",
                           "folders",     "cwd",          "workingDirectory",
                           "rootDir",     "path2",        "old.path",
                           "file",        "HTMLFile",     "source_path",
                           "zipfilePath", "target_folder"}) {
    CAPTURE(std::string(name));
    CHECK(likelihood_of_name(name) == Likelihood::surely);
  }
  for (const char* name :
       {"source", "destination", "dest", "target", "root", "filename", "fileName", "file_name",
        "dir_name", "workspace", "output", "document", "folder_uri", "sourceFileName", "from"}) {
    CAPTURE(std::string(name));
    CHECK(likelihood_of_name(name) == Likelihood::perhaps);
  }
  for (const char* name :
       {"json_path", "jsonPath",  "xpath",        "urlPath", "request_path", "keyPath",
        "x_path",    "profile",   "content",      "text",    "query",        "pattern",
        "fileId",    "file_type", "pathological", "url",     "uri",          "command",
        "",          "123",       "\xC3\xA4"}) {
    CAPTURE(std::string(name));
    CHECK(likelihood_of_name(name) == Likelihood::no);
  }
  CHECK(likelihood_of_name(std::string(1'000, 'a') + "_path") == Likelihood::no);
}

TEST_CASE("path words: formats and descriptions") {
  CHECK(likelihood_of_format("file-path") == Likelihood::surely);
  CHECK(likelihood_of_format("uri") == Likelihood::no);
  for (const char* text : {"Path to the image", "The absolute path of it", "Directory to list",
                           "Optional working directory", "An array of file paths", "folder"}) {
    CAPTURE(std::string(text));
    CHECK(likelihood_of_description(text) == Likelihood::perhaps);
  }
  for (const char* text :
       {"Content to write to the file", "Text to search for in the directory", "",
        "The URL path of the request", "JSON path of the value", "What to do"}) {
    CAPTURE(std::string(text));
    CHECK(likelihood_of_description(text) == Likelihood::no);
  }
}

struct Row {
  const char* name;
  const char* properties;
  const char* arguments;
  const char* found;
};

TEST_CASE("path arguments: what the approved schema says") {
  const Row table[] = {
      {"a path", R"({"path":{}})", R"({"path":"a.txt"})", R"(argument "/path" a.txt)"},
      {"no path", R"({"text":{}})", R"({"text":"/etc/passwd"})", ""},
      {"several", R"({"paths":{"items":{}}})", R"({"paths":["a","/b"]})",
       R"(argument "/paths/0" a, argument "/paths/1" /b)"},
      {"below objects", R"({"edits":{"items":{"properties":{"filePath":{}}}}})",
       R"({"edits":[{"filePath":"a"},{"filePath":"b","text":"/c"}]})",
       R"(argument "/edits/0/filePath" a, argument "/edits/1/filePath" b)"},
      {"in $defs, anyOf and a circle",
       R"({"tree":{"anyOf":[{"$ref":"#/$defs/n"}],"$defs":{"n":{"properties":{"cwd":{},"sub":{"$ref":"#/$defs/n"}}}}}})",
       R"({"tree":{"cwd":"a","sub":{"cwd":"b"}}})",
       R"(argument "/tree/cwd" a, argument "/tree/sub/cwd" b)"},
      {"by its format", R"({"x":{"format":"file-path"}})", R"({"x":"a"})", R"(argument "/x" a)"},
      {"by its elements' format", R"({"x":{"items":{"format":"path"}}})", R"({"x":["a"]})",
       R"(argument "/x/0" a)"},
      {"by its description, and it looks like one", R"({"x":{"description":"Path to it"}})",
       R"({"x":"/a"})", R"(argument "/x" /a)"},
      {"by its description alone", R"({"x":{"description":"Path to it"}})", R"({"x":"a"})",
       R"(argument "/x"? a)"},
      {"a shared word", R"({"source":{}})", R"({"source":"../a"})", R"(argument "/source" ../a)"},
      {"a shared word, a word", R"({"source":{}})", R"({"source":"web"})",
       R"(argument "/source"? web)"},
      {"one of a few", R"({"dir":{"enum":["up","down"]}})", R"({"dir":"up"})",
       R"(argument "/dir"? up)"},
      {"a URL", R"({"path":{}})", R"({"path":"https://a/b"})", R"(argument "/path"? https://a/b)"},
      {"a URL that climbs", R"({"path":{}})", R"({"path":"x://../../etc"})",
       R"(argument "/path" x://../../etc)"},
      {"nothing", R"({"path":{}})", R"({"path":""})", ""},
      {"no string", R"({"path":{}})", R"({"path":7,"paths":null,"file":true})", ""},
      {"a name that the schema does not have", R"({})", R"({"path":"a","x":{"file":"b"}})",
       R"(argument "/?" a, argument "/?/?" b)"},
      {"a file: URI anywhere", R"({"text":{}})", R"({"text":"file:///a"})",
       R"(argument "/text" file:///a)"},
      {"a file: URI, escaped", R"({"text":{}})", "{\"text\":\"\\u0066ile:///a\"}",
       R"(argument "/text" file:///a)"},
      {"text about a file: URI", R"({"text":{}})",
       R"({"text":"file:///a is it","q":"file:main.cpp"})", ""},
      {"paths as names", R"({"files":{}})", R"({"files":{"/etc/passwd":"x","b":1}})",
       "argument \"/files\" /etc/passwd"},
      {"the name of a file", R"({"file":{}})", R"({"file":{"name":"../a","content":"/b"}})",
       R"(argument "/file/?" ../a)"},
      {"elements of elements", R"({"paths":{}})", R"({"paths":[["a"]]})",
       R"(argument "/paths/0/0" a)"},
      {"no object", R"({"path":{}})", R"(["/a"])", ""},
  };
  for (const Row& row : table) {
    CAPTURE(std::string(row.name));
    CHECK(found(tool(row.properties), row.arguments) == row.found);
  }
}

TEST_CASE("path arguments: what is declared comes first") {
  using Kind = DeclaredArgument::Kind;
  const std::vector<DeclaredArgument> declared = {
      {{"where"}, Kind::path}, {{"path"}, Kind::text},         {{"list", "*", "p"}, Kind::path},
      {{"deep"}, Kind::path},  {{"deep", "note"}, Kind::text}, {{"twice"}, Kind::text},
      {{"*"}, Kind::path}};
  const Definition definition = tool(R"({"path":{}})");
  const auto all = [&](const char* arguments) { return found(definition, arguments, declared); };
  CHECK(all(R"({"where":"a"})") == R"(argument "/where" a)");
  CHECK(all(R"({"where":""})") == R"(argument "/where" )");
  CHECK(all(R"({"where":["a",{"b":"c"}]})") == R"(argument "/where/0" a, argument "/where/1/?" c)");
  CHECK(all(R"({"where":{"/k":1}})") == R"(argument "/where" /k)");
  CHECK(all(R"({"path":"/etc"})") == R"(argument "/path" /etc)");  // "*" is as long: path wins
  CHECK(all(R"({"deep":{"note":"/x","other":"y"}})") == R"(argument "/deep/?" y)");
  CHECK(all(R"({"list":[{"p":"a","q":"b"}]})") ==
        R"(argument "/list/0/p" a, argument "/list/0/?" b)");  // "*" again
  // Without the sweeping one.
  const std::vector<DeclaredArgument> few(declared.begin(), declared.end() - 1);
  CHECK(found(definition, R"({"path":"/etc"})", few).empty());
  CHECK(found(definition, R"({"path":"file:///etc"})", few) == R"(argument "/path" file:///etc)");
  CHECK(found(definition, R"({"list":[{"p":"a","q":"b"}]})", few) == R"(argument "/list/0/p" a)");
  // A server without file scopes: what is declared, and nothing else.
  const auto off = PathArguments::Inference::off;
  CHECK(found(definition, R"({"where":"a","file":"/b","text":"file:///c"})", few, off) ==
        R"(argument "/where" a)");
  CHECK(found(definition, R"({"a":{"b":["x"]}})", {{{}, Kind::path}}, off) ==
        R"(argument "/?/?/0" x)");
}

TEST_CASE("path arguments: prompts, completions and URIs") {
  const Definition prompt{
      ItemKind::prompt, "p",
      R"({"name":"p","arguments":[{"name":"dir"},{"name":"it","description":"Path of it"},{"name":"x"}]})"};
  CHECK(found(prompt, R"({"dir":"a","it":"/b","x":"/c"})") ==
        R"(argument "/dir" a, argument "/it" /b)");
  const PathArguments rules(prompt, {}, PathArguments::Inference::on);
  Document value = parsed(R"("/t")");
  CHECK(shown(rules.in("dir", value.root())) == R"(argument "/dir" /t)");
  CHECK(shown(rules.in("x", value.root())).empty());
  CHECK(shown(rules.in("path", value.root())) == R"(argument "/?" /t)");
  CHECK(shown(rules.in_uri("File:x y")) == "the URI File:x y");
  CHECK(rules.in_uri("note:///x").empty());
}

TEST_CASE("path arguments: a server without file scopes pays nothing") {
  ServerEntry entry;
  CHECK(path_arguments(entry, tool(R"({"path":{}})")) == nullptr);
  entry.tools["t"].scopes.push_back({{"path"}, DeclaredArgument::Kind::path});
  CHECK(path_arguments(entry, tool(R"({"path":{}})")) != nullptr);
  CHECK(path_arguments(entry, {ItemKind::prompt, "t", "{}"}) == nullptr);
  entry.files.push_back({"/a"});
  CHECK(path_arguments(entry, {ItemKind::prompt, "t", "{}"}) != nullptr);
}

TEST_CASE("path arguments: a pointer is shown in printable characters, and not without end") {
  std::string arguments = R"("a")";
  for (int level = 0; level < 20; ++level) arguments.insert(0, 1, '[') += ']';
  CHECK(found(tool(R"({"path\n":{}})"), "{\"path\\n\":" + arguments + "}") ==
        "argument \"/path\\x0a/0/0/0/0/0/0/0/0/0/0/0/...\" a");
}

}  // namespace
}  // namespace toolgate
