// The commands of `toolgate keys`.

#include "gateway/cli/commands.hpp"

namespace toolgate {
namespace {

const Option json{.name = "json", .help = "one object a line"};
const Option expires{
    .name = "expires",
    .value = "TIME",
    .help =
        "end of the key, and of all that it signed: 365d, or an RFC 3339 time; never by default"};
const Option signer{.name = "key", .value = "NAME|FILE", .help = "who signs; admin by default"};
const Option distrust{.name = "distrust",
                      .help = "what the former key signed counts no more: approvals are withdrawn"};

std::vector<Command> key_file_commands() {
  return {
      {.name = "keys list",
       .synopsis = "[--json]",
       .summary = "show whose signatures count in this home, and the keys' files",
       .details = "",
       .options = {json},
       .run = keys_list_command},
      {.name = "keys show",
       .synopsis = "[NAME]",
       .summary = "print a public key, in minisign's format",
       .details = "NAME is `admin` by default.",
       .most_arguments = 1,
       .run = keys_show_command},
      {.name = "keys new",
       .synopsis = "FILE",
       .summary = "make a key: FILE, and FILE.pub for `keys add`",
       .details = "For a second administrator, or for recovery: keep that one elsewhere than the "
                  "home. Its passphrase\n"
                  "is asked for on the terminal, or read from the file that "
                  "TOOLGATE_NEW_PASSPHRASE_FILE names.\n"
                  "A key of minisign's (`minisign -G`) will do as well.",
       .least_arguments = 1,
       .most_arguments = 1,
       .run = keys_new_command},
      {.name = "keys passphrase",
       .synopsis = "[NAME|FILE] [--remove]",
       .summary = "set, change or remove the passphrase of a key's file",
       .details = "The administrator's key by default. The present passphrase is asked for on the "
                  "terminal, or read\n"
                  "from the file that TOOLGATE_PASSPHRASE_FILE names; the new one likewise, from "
                  "TOOLGATE_NEW_PASSPHRASE_FILE.",
       .options = {{.name = "remove", .help = "keep the key without a passphrase"}},
       .most_arguments = 1,
       .run = keys_passphrase_command},
  };
}

std::vector<Command> keyring_commands() {
  return {
      {.name = "keys add",
       .synopsis = "FILE|PUBLICKEY --name NAME [--role ROLE] [--expires TIME] [--key NAME|FILE]",
       .summary = "trust another key: its approvals count from now on",
       .details = "FILE is a .pub file in minisign's format, PUBLICKEY the 56 characters of base64 "
                  "in it. A key with\n"
                  "the role `recovery` approves nothing: it brings in a new key when the "
                  "administrator's is lost\n"
                  "(`keys reset --lost --recovery-key FILE`).",
       .options = {{.name = "name", .value = "NAME", .help = "what it is called, without spaces"},
                   {.name = "role", .value = "ROLE", .help = "approver (the default), or recovery"},
                   expires,
                   signer},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = keys_add_command},
      {.name = "keys rotate",
       .synopsis = "[--name NAME] [--expires TIME] [--distrust]",
       .summary = "put a new key in the place of the administrator's",
       .details = "What the former key approved stays valid, unless --distrust says otherwise. Its "
                  "file is kept as\n"
                  "retired-ID.key. The new key's passphrase is read from the file that "
                  "TOOLGATE_NEW_PASSPHRASE_FILE\n"
                  "names, or that TOOLGATE_PASSPHRASE_FILE names, or asked for.",
       .options = {{.name = "name",
                    .value = "NAME",
                    .help = "what the new key is called; admin-2 and so on by default"},
                   expires,
                   distrust},
       .run = keys_rotate_command},
      {.name = "keys revoke",
       .synopsis = "KEYID|NAME [--since TIME] [--key NAME|FILE]",
       .summary = "trust a key no more: approvals that it signed do not count",
       .details = "For a key that somebody else may have. With --since, what it signed before that "
                  "time stays valid.",
       .options = {{.name = "since",
                    .value = "TIME",
                    .help = "an RFC 3339 time, or how long ago: 12h"},
                   signer},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = keys_revoke_command},
      {.name = "keys reset",
       .synopsis = "[--lost [--recovery-key FILE | --no-recovery] [--distrust]] [--key KEY]",
       .summary = "the way back: from a lost key, or from a store that is not what was decided",
       .details =
           "Without --lost: every approval is withdrawn, and the administrator's key begins the "
           "trust of this\n"
           "home anew. --lost: a new key takes the place of the lost one. A recovery key "
           "(--recovery-key)\n"
           "signs that, and approvals stay valid, unless --distrust. Without one, every approval "
           "is withdrawn\n"
           "and the new key is a new root of trust. Either way, there is a record of it, and other "
           "gateways on\n"
           "this home follow.",
       .options = {{.name = "lost", .help = "the administrator's key is lost, or its passphrase"},
                   {.name = "recovery-key", .value = "FILE", .help = "the recovery key's file"},
                   {.name = "no-recovery",
                    .help = "the recovery keys are lost, too: withdraw every approval"},
                   distrust,
                   {.name = "name", .value = "NAME", .help = "what the new key is called"},
                   expires,
                   {.name = "key",
                    .value = "KEY",
                    .help = "which key is lost; without --lost: the key that signs"}},
       .run = keys_reset_command},
  };
}

}  // namespace

std::vector<Command> key_commands() {
  std::vector<Command> all = key_file_commands();
  for (Command& command : keyring_commands()) all.push_back(std::move(command));
  return all;
}

}  // namespace toolgate
