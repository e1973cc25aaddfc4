// No text that anybody makes up opens, whatever it is bound to; what was sealed opens to what it
// was, for what it was bound to alone, and not with one character changed.

#include "signing/sealed_state.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const toolgate::StateSeal& seal, std::string_view plain, std::string_view bound_to,
           std::size_t at) {
  auto sealed = seal.seal(plain, bound_to);
  require(static_cast<bool>(sealed) == (plain.size() <= toolgate::StateSeal::plain_bytes_most));
  if (!sealed) return;
  require(sealed->size() <= toolgate::StateSeal::sealed_bytes_most);
  auto opened = seal.open(*sealed, bound_to);
  require(opened && *opened == plain);
  require(!seal.open(*sealed, std::string(bound_to) + " "));
  std::string changed = *sealed;
  changed[at % changed.size()] ^= static_cast<char>(1 + at % 255);
  require(!seal.open(changed, bound_to));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const toolgate::StateSeal seal = toolgate::StateSeal::generate();
  static const std::string genuine = *seal.seal("{}", "");
  if (size < 4) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4);
  std::size_t at = std::size_t{data[0]} * 256 + data[1];
  std::size_t cut = text.empty() ? 0 : (std::size_t{data[2]} * 256 + data[3]) % text.size();
  std::string_view first = text.substr(0, cut);
  std::string_view rest = text.substr(cut);

  require(!seal.open(rest, first));
  require(rest.empty() || !seal.open(genuine + std::string(rest), first));
  require(first.empty() || !seal.open(genuine, first));
  check(seal, rest, first, at);
  return 0;
}
