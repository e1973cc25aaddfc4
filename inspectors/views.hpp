#pragma once
// All the readings of one text: as it stands, what markup shows and what it hides, what encodings
// and invisible characters carry, each in normal form with the way back to the bytes of the
// original. Encodings within encodings are followed a few steps deep, and the bytes of all
// derived texts together are bounded: what goes beyond is told, not looked at in silence.

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "inspectors/derived_text.hpp"
#include "inspectors/normal_form.hpp"

namespace toolgate {

enum class Reading {
  as_it_is,
  visible,  // without markup
  hidden,   // what markup, or a terminal, keeps from a reader
  decoded,  // from base64, hexadecimal digits, escapes
  carried,  // by tag characters and variation selectors
};
std::string_view reading_name(Reading reading);

struct View {
  Reading reading = Reading::as_it_is;
  std::string_view encoding;  // where it was decoded: "base64", ...
  std::string_view source;    // what `form` is the normal form of
  NormalForm form;
  std::vector<const SourceMap*> way;  // from the normal form's source back to the original

  // The bytes of the original that this part of form.text stands for.
  Range source_of(Range part) const;
};

class Views {
 public:
  explicit Views(std::string_view text);
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  const std::vector<View>& all() const { return views_; }
  // Encodings were nested too deep, or derived texts came to more than is looked at.
  bool is_cut_off() const { return cut_off_; }
  // Places of the original that decoded to prose.
  const std::vector<std::pair<std::string_view, Range>>& decoded() const { return decoded_; }

 private:
  struct Item {
    std::string_view text;
    Reading reading = Reading::as_it_is;
    std::string_view encoding = {};
    std::vector<const SourceMap*> way = {};
    std::size_t steps = 0;
    bool whole = true;  // nothing was taken out of it: markup and terminal controls are still there
  };
  void take(Item item);
  void derive(const Item& item, const NormalForm& form);
  void add_derived(const Item& parent, Reading reading, std::string_view encoding,
                   DerivedText text);
  void tell_decoded(const Item& item, std::string_view encoding, Range range);
  void carry(const Item& item, const NormalForm& form);

  std::vector<View> views_;
  std::vector<std::unique_ptr<DerivedText>> texts_;  // what maps and items point into
  std::vector<Item> waiting_;
  std::vector<std::pair<std::string_view, Range>> decoded_;
  static constexpr std::size_t blobs_most = 64;
  std::size_t budget_;
  std::size_t blobs_left_ = blobs_most;  // in all readings together
  bool cut_off_ = false;
};

}  // namespace toolgate
