#include "gateway/broker/change_class.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace toolgate {
namespace {

constexpr std::array<std::pair<ChangeClass, std::string_view>, 6> names{{
    {ChangeClass::cosmetic, "cosmetic"},
    {ChangeClass::narrowed, "narrowed"},
    {ChangeClass::widened, "widened"},
    {ChangeClass::annotation_flipped, "annotation-flipped"},
    {ChangeClass::instruction_bearing, "instruction-bearing"},
    {ChangeClass::fresh, "new"},
}};

}  // namespace

std::string_view change_class_name(ChangeClass change_class) {
  return std::ranges::find(names, change_class, &decltype(names)::value_type::first)->second;
}

Result<ChangeClass> change_class_from(std::string_view text) {
  const auto found = std::ranges::find(names, text, &decltype(names)::value_type::second);
  if (found != names.end()) return found->first;
  return Refusal(Reason::usage,
                 "the classes of changes are cosmetic, narrowed, widened, annotation-flipped, "
                 "instruction-bearing and new");
}

Result<std::vector<ChangeClass>> change_classes_from(std::string_view list) {
  std::vector<ChangeClass> classes;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    auto one = change_class_from(list.substr(at, end - at));
    if (!one) return one.refusal();
    classes.push_back(*one);
    at = end + 1;
  }
  return classes;
}

}  // namespace toolgate
