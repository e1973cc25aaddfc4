#pragma once
// Does an argument hold a path? What a schema says of it: its name, its format, its description.
//
// `surely`: the name's last word is a word for files and folders alone ("path", "outputDir",
// "file_paths", "cwd"), or the format is one of paths. Whatever stands there is judged.
// `perhaps`: words that paths share with other things ("source", "filename", "workspace"), or a
// description that begins with such words ("Absolute path of ..."). Judged where the value looks
// like a path, or names something that is there.
// `no`: all else, and names whose words say that it is another kind of path ("json_path",
// "urlPath", "xpath").
//
// A name is taken apart at '_', '-', '.', spaces and where small letters become capitals.

#include <cstdint>
#include <string_view>

namespace toolgate {

enum class Likelihood : std::uint8_t { no, perhaps, surely };

Likelihood likelihood_of_name(std::string_view name);
Likelihood likelihood_of_format(std::string_view format);
Likelihood likelihood_of_description(std::string_view description);

// Inside of something that may be a path, {"name": ...} and the like name it.
bool names_its_parent(std::string_view name);

}  // namespace toolgate
