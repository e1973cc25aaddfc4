// `toolgate verify`: is a file what a key signed?

#include "gateway/cli/commands.hpp"
#include "gateway/cli/signed_file.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

// What could not be examined is a refusal with another reason than `bad_signature`.
Result<std::string> comment_of(const Invocation& call, const PublicKey& key) {
  const std::string& name = call.arguments[0];
  auto file = open_to_read(name);
  if (!file) return file.refusal();
  const std::string from = call.option_or("signature", name + ".minisig");
  auto text = read_signature_text(from);
  if (!text) return text.refusal();
  auto signature = FileSignature::parse(*text);
  if (!signature) return Refusal(Reason::bad_signature, from + ": " + signature.refusal().detail);
  auto comment = verify_file(key, readable(call.console, *file, name, "verifying"), *signature);
  if (comment || comment.refusal().reason != Reason::bad_signature) return comment;
  return Refusal(Reason::bad_signature, name + " is not verified: " + comment.refusal().detail);
}

// minisign sets the parts of its own comments apart with tabs.
std::string for_people(std::string comment) {
  for (char& c : comment) c = c == '\t' ? ' ' : c;
  return visible(comment);
}

// Of a signature that does not hold, nothing is repeated.
void print_json(const Invocation& call, const PublicKey& key, const Result<std::string>& comment) {
  call.console.out << json_line(call.console,
                                "{\"file\":" + json_quote(call.arguments[0]) +
                                    ",\"key\":" + json_quote(key.id()) +
                                    ",\"state\":" + (comment ? "\"valid\"" : "\"invalid\"") +
                                    ",\"comment\":" + (comment ? json_quote(*comment) : "null") +
                                    "}")
                   << '\n';
}

}  // namespace

int verify_command(const Invocation& call) {
  Console& console = call.console;
  const auto given = call.option("key");
  if (!given) {
    return fail_usage(console, "say whose signature it must be: --key PUB", call.command.name);
  }
  auto key = public_key_given(*given);
  if (!key) return fail(console, key.refusal());
  const auto comment = comment_of(call, *key);
  const bool examined = comment || comment.refusal().reason == Reason::bad_signature;
  if (!examined) return fail(console, comment.refusal());
  if (call.has("json")) print_json(call, *key, comment);
  if (!comment) {
    fail(console, comment.refusal());
    return exit_status::findings;
  }
  if (!call.has("json")) {
    console.out << styled(console, Style::good, "valid") << ": " << visible(call.arguments[0])
                << " is what key " << key->id() << " signed\n"
                << "  comment  " << for_people(*comment) << '\n';
  }
  return exit_status::done;
}

}  // namespace toolgate
