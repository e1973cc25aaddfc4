// A tool's schema and the arguments of a call, held to what gateway/scopes promises: readings are
// absolute paths of plain names, without the ones that mean something; what is found is within
// bounds and shown in printable characters; and nothing that is let through leads out of the scope,
// as far as the kernel's own opening of it tells.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gateway/scopes/argument_scopes.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// in/ is the scope: a, sub/b, links that stay and links that leave. out/key is outside.
class Tree {
 public:
  Tree() {
    std::string name = (fs::temp_directory_path() / "toolgate-fuzz-XXXXXX").string();
    check(::mkdtemp(name.data()) != nullptr, "there is a temporary folder");
    root_ = fs::canonical(name);
    fs::create_directories(root_ / "in/sub");
    fs::create_directories(root_ / "out");
    for (const char* file : {"in/a", "in/sub/b", "out/key"}) std::ofstream(root_ / file) << file;
    fs::create_symlink("sub", root_ / "in/s");
    fs::create_symlink("../out", root_ / "in/o");
    fs::create_symlink(root_ / "out", root_ / "in/p");
    fs::create_symlink("/", root_ / "in/r");
    fs::create_symlink("..", root_ / "in/u");
    fs::create_symlink("../in/a", root_ / "in/l");
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  ServerEntry entry() const {
    ServerEntry entry;
    entry.name = ServerName("fuzz");
    entry.files = {{root_ / "in", FileMode::rw}};
    entry.cwd = root_ / "in";
    return entry;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

Tree& tree() {
  static Tree one;
  return one;
}

void check_reading(const PathReading& reading) {
  check(reading.given <= reading.names.size(), "the working directory's names are among them");
  for (const std::string& name : reading.names) {
    check(!name.empty() && name != "." && name.size() <= longest_path_name, "names are plain");
    check(name.find_first_of(std::string_view("/\0\n", 3)) == std::string::npos, "of one piece");
  }
}

// Did the server open this, where would it be?
void check_inside(const std::string& text) {
  const fs::path in = tree().root() / "in";
  Descriptor directory(::open(in.c_str(), O_PATH | O_CLOEXEC));
  Descriptor opened(::openat(directory.number(), text.c_str(), O_PATH | O_CLOEXEC));
  if (!opened) return;
  const fs::path real = fs::read_symlink("/proc/self/fd/" + std::to_string(opened.number()));
  const auto rest = std::mismatch(in.begin(), in.end(), real.begin(), real.end());
  check(rest.first == in.end(), "what is let through is in the scope");
}

void check_text(const std::string& text) {
  static ArgumentScopes scopes(tree().entry());
  const auto names = path_names((tree().root() / "in").string());
  auto readings = readings_of(text, names);
  auto confined = scopes.confine({{"argument \"/p\"", text}});
  if (!readings) {
    check(!confined && readings.refusal().reason == Reason::out_of_scope, "what cannot be read");
    return;
  }
  check(!readings->empty() && readings->size() <= 32, "readings are few");
  for (const PathReading& reading : *readings) check_reading(reading);
  if (!confined) {
    check(confined.refusal().reason == Reason::out_of_scope, "there is one reason");
    return;
  }
  if (!has_file_scheme(text)) check_inside(text);
  for (const PathReading& reading : *readings) {
    std::string path;
    for (const std::string& name : reading.names) path += "/" + name;
    check_inside(path);
  }
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  std::string text(reinterpret_cast<const char*>(data), size);
  // "@" stands for the tree, which no fuzzer can guess.
  std::string path = text;
  for (std::size_t at = 0; (at = path.find('@', at)) != std::string::npos;) {
    path.replace(at, 1, tree().root().string());
    at += tree().root().string().size();
  }
  if (path.size() <= 2 * longest_path && is_utf8(path)) check_text(path);
  if (auto pointer = parse_pointer(text)) {
    check(pointer_text(*pointer) == text, "a pointer is written as it was read");
  }

  // [schema, arguments], or a schema that is its own arguments.
  const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000, .batch_messages = 16};
  auto document = parse_document(Untrusted<std::string>(text), limits);
  if (!document) return 0;
  const Value root = document->root();
  const bool both = root.is_array() && root.size() == 2;
  const Value schema = both ? *root.first() : root;
  const Value arguments = both ? *schema.following(root) : root;
  const Definition tool{ItemKind::tool, "t",
                        R"({"name":"t","inputSchema":)" + std::string(schema.raw()) + "}"};
  const std::vector<DeclaredArgument> declared = {{{"p"}, DeclaredArgument::Kind::path},
                                                  {{"t"}, DeclaredArgument::Kind::text}};
  for (const auto inference : {PathArguments::Inference::on, PathArguments::Inference::off}) {
    for (const PathArgument& found : PathArguments(tool, declared, inference).in(arguments)) {
      check(found.what.size() < 4'096, "a place is told in few words");
      for (const char c : found.what) check(c >= ' ' && c <= '~', "in printable characters");
    }
  }
  return 0;
}
