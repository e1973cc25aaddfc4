#pragma once
// Every thing in a folder and beneath it, each told to a visitor; no symbolic link is followed.
// Blocking.

#include <sys/stat.h>

#include <functional>
#include <string>

#include "gateway/core/result.hpp"

namespace toolgate::frozen_tree {

// What a visitor is told of each thing: the directory that holds it, its name there, its path from
// the root, what it is.
using Visit = std::function<Status(int folder, const std::string& name, const std::string& path,
                                   struct stat status)>;

// Parents before children, `visit` of a directory before its content is read. Ends with the first
// refusal; refuses by itself what lies deeper than 100 folders, and folders of more than 200,000
// names.
Status walk(int root, const Visit& visit);

}  // namespace toolgate::frozen_tree
