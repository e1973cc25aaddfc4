// `toolgate sign`: a detached signature of a file, in minisign's format.

#include <filesystem>
#include <optional>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/signed_file.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/config/edit.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "signing/private_file.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

struct Signer {
  SecretKey key;
  bool of_home;
};

Result<Signer> signer(const Invocation& call) {
  auto file = file_of_key(call);
  if (!file) return file.refusal();
  auto key = load_signing_key(call, *file);
  if (!key) return key.refusal();
  std::error_code ignored;
  const bool of_home = fs::equivalent(file->parent_path(), call.home, ignored);
  return Signer{.key = std::move(*key), .of_home = of_home};
}

// What minisign says by default, too.
Result<std::string> trusted_comment(const Invocation& call) {
  if (const auto given = call.option("comment")) {
    auto fit = check_trusted_comment(*given);
    return fit ? Result<std::string>(*given) : fit.refusal();
  }
  constexpr std::int64_t second_ns = 1'000'000'000;
  std::string comment = "timestamp:" + std::to_string(now_utc_ns() / second_ns) +
                        "\tfile:" + fs::path(call.arguments[0]).filename().string() + "\thashed";
  if (check_trusted_comment(comment)) return comment;
  return Refusal(Reason::usage, "the name of " + call.arguments[0] +
                                    " cannot stand in a signature: say something else with "
                                    "--comment");
}

// The use of a key of the home leaves a record, before there is anything to show for it.
Status record_signature(const Invocation& call, const FileSignature& signature) {
  std::error_code ignored;
  Record record;
  record.kind = "signature";
  record.decision = "allow";
  record.reason = "a file was signed";
  record.arguments = "{\"file\":" + json_quote(fs::absolute(call.arguments[0], ignored).string()) +
                     ",\"key\":" + json_quote(signature.key_id()) +
                     ",\"signature\":" + json_quote(signature.text()) + "}";
  return record_act(call, std::move(record));
}

Refusal in_the_way(const std::string& output, std::string_view remedy) {
  return Refusal(Reason::storage,
                 output + " is there already; it was not changed: " + std::string(remedy));
}

// --force replaces a signature and nothing else: a slip of the hand costs no other file.
Status check_output(const Invocation& call, const std::string& output) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(output, ignored))) return done();
  if (!call.has("force")) {
    return in_the_way(output, "replace it with --force, or name another with --output");
  }
  auto text = read_signature_text(output);
  if (!text) return text.refusal();
  if (FileSignature::parse(*text)) return done();
  return in_the_way(output,
                    "it is no signature, so remove it yourself or name another with "
                    "--output");
}

Status write_output(const Invocation& call, const std::string& output, const std::string& text) {
  auto made = make_file(output, text, 0644);
  if (!made) return made.refusal();
  if (*made == NewFile::made) return done();
  auto may = check_output(call, output);
  return may ? replace_file(fs::absolute(output), text) : may;
}

Status sign(const Invocation& call, const std::string& output) {
  const std::string& name = call.arguments[0];
  auto comment = trusted_comment(call);
  if (!comment) return comment.refusal();
  auto may = check_output(call, output);
  if (!may) return may;
  auto file = open_to_read(name);
  if (!file) return file.refusal();
  auto by = signer(call);
  if (!by) return by.refusal();
  auto signature = sign_file(by->key, readable(call.console, *file, name, "signing"), *comment);
  if (!signature) return signature.refusal();
  if (by->of_home) {
    auto recorded = record_signature(call, *signature);
    if (!recorded) return recorded;
  }
  auto written = write_output(call, output, signature->text());
  if (!written) return written;
  call.console.out << "signed " << visible(name) << " with key " << signature->key_id() << ": "
                   << visible(output) << '\n';
  return done();
}

}  // namespace

int sign_command(const Invocation& call) {
  const auto status = sign(call, call.option_or("output", call.arguments[0] + ".minisig"));
  return status ? exit_status::done : fail(call.console, status.refusal());
}

}  // namespace toolgate
