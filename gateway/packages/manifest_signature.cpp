#include "gateway/packages/manifest_signature.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "gateway/packages/own_file.hpp"

namespace toolgate {

std::string publisher_text(const Publisher& publisher) {
  return "'" + publisher.name + "' (key " + publisher.key.id() + ")";
}

Status check_signature(const Publisher& publisher, std::string_view manifest,
                       const FileSignature& signature) {
  const auto comment = signature.verify_content(publisher.key, manifest);
  if (comment) return done();
  return Refusal(Reason::bad_signature, "its manifest is not signed by " +
                                            publisher_text(publisher) + ": " +
                                            comment.refusal().detail);
}

Result<FileSignature> kept_signature(const Publisher& publisher,
                                     const std::filesystem::path& folder,
                                     std::string_view manifest) {
  const auto refused = [&](const std::string& why) {
    return Refusal(Reason::bad_signature,
                   "its manifest is not signed by " + publisher_text(publisher) + ": " + why);
  };
  const auto text = read_package_file(folder / signature_file, FileSignature::text_bytes_most);
  if (!text) return refused("the signature is missing (" + text.refusal().detail + ")");
  auto signature = FileSignature::parse(*text);
  if (!signature) return refused(signature.refusal().detail);
  const Status good = check_signature(publisher, manifest, *signature);
  if (!good) return good.refusal();
  return signature;
}

Status keep_signature(const std::filesystem::path& folder, const FileSignature& signature) {
  if (::chmod(folder.c_str(), 0755) != 0) return package_fault("open", folder, errno);
  Status written = write_package_file(folder / signature_file, signature.text(), Replacing::yes);
  if (::chmod(folder.c_str(), 0555) != 0) return package_fault("seal", folder, errno);
  return written;
}

}  // namespace toolgate
