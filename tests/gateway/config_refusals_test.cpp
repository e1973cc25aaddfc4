#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "gateway/config/configuration.hpp"

using namespace toolgate;

namespace {

struct Bad {
  const char* name;
  const char* text;
  const char* refusal;
};

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/user";
  if (name == "TOOLGATE_WORKSPACE") return "/work";
  return std::nullopt;
}

// Every line of `refusal` stands behind "/etc/toolgate.json:".
const std::vector<Bad> table = {
    {"an empty file", "", "1:1: expected a value"},
    {"not an object", "[]", R"(1:1: the configuration must be an object: { "mcpServers": { } })"},
    {"an unterminated object", R"({"mcpServers":{})",
     "1:17: the text ends early: expected ',' or '}'"},
    {"two members of one name", R"({"mcpServers":{},"mcpServers":{}})",
     "1:18: duplicate member name"},
    {"a byte too many", "{} x", "1:4: bytes after the JSON text"},
    {"an unknown key at the top", R"({"mcpServer":{}})",
     "1:2: unknown key 'mcpServer' at the top level; did you mean 'mcpServers'?"},
    {"an unknown key without a near one", R"({"widgets":1})",
     "1:2: unknown key 'widgets' at the top level; known there: $schema, mcpServers, toolgate"},
    {"an unknown key on a later line",
     "{\n  // servers\n  \"mcpServers\": {},\n  \"tolgate\": {}\n}",
     "4:3: unknown key 'tolgate' at the top level; did you mean 'toolgate'?"},
    {"mcpServers of the wrong kind", R"({"mcpServers":[]})",
     "1:15: 'mcpServers' must be an object of objects"},
    {"a server of the wrong kind", R"({"mcpServers":{"a":7}})",
     "1:20: 'mcpServers' must be an object of objects"},
    {"a server that is nothing", R"({"mcpServers":{"a":{}}})",
     "1:20: a server needs a 'command' (local) or a 'url' (remote)"},
    {"a server that is both", R"({"mcpServers":{"a":{"command":"x","url":"https://h/"}}})",
     "1:41: 'command' and 'url' in one entry: a server is either local or remote"},
    {"a misspelt key of a server", R"({"mcpServers":{"a":{"comand":"x"}}})",
     "1:21: unknown key 'comand' in mcpServers.a; did you mean 'command'?"},
    {"our key outside of toolgate", R"({"mcpServers":{"a":{"command":"x","files":[]}}})",
     R"(1:35: unknown key 'files' in mcpServers.a; it belongs inside "toolgate")"},
    {"a misspelt key of toolgate",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"fiels":[]}}}})",
     "1:47: unknown key 'fiels' in mcpServers.a.toolgate; did you mean 'files'?"},
    {"a key with a control character",
     R"({"mcpServers":{"a":{"command":"x","\u001b[2J\u202e":1}}})",
     "1:35: unknown key '\\x1b[2J\\xe2\\x80\\xae' in mcpServers.a; known there: type, command, "
     "args, env, cwd, url, headers, disabled, timeout, description, alwaysLoad, toolgate"},
    {"a server name with a space", R"({"mcpServers":{"my server":{"command":"x"}}})",
     "1:16: server name may hold only letters, digits, '_', '-' and '.'"},
    {"a server name with two underscores", R"({"mcpServers":{"a__b":{"command":"x"}}})",
     "1:16: server name must not contain '__', which separates server and tool"},
    {"an empty server name", R"({"mcpServers":{"":{"command":"x"}}})",
     "1:16: server name must have 1 to 64 characters"},
    {"an empty command", R"({"mcpServers":{"a":{"command":""}}})", "1:31: 'command' is empty"},
    {"a command that is a list", R"({"mcpServers":{"a":{"command":["x"]}}})",
     "1:31: 'command' must be a string"},
    {"an argument that is a number", R"({"mcpServers":{"a":{"command":"x","args":["y",1]}}})",
     "1:47: 'args' must be an array of strings"},
    {"args that are a string", R"({"mcpServers":{"a":{"command":"x","args":"y"}}})",
     "1:42: 'args' must be an array of strings"},
    {"a value of env that is a number", R"({"mcpServers":{"a":{"command":"x","env":{"PORT":1}}}})",
     "1:49: 'env' must be an object of strings"},
    {"a variable name with =", R"({"mcpServers":{"a":{"command":"x","env":{"A=B":"hidden"}}}})",
     "1:48: the environment variable 'A=B' must have a name without '=' and control characters"},
    {"a secret of the vault in env",
     R"({"mcpServers":{"a":{"command":"x","env":{"KEY":"secret:github"}}}})",
     "1:48: the environment variable 'KEY' asks for a secret of the vault, which this build does "
     "not have; use ${NAME}"},
    {"a secret of the vault in toolgate.env",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"env":{"KEY":"secret:github"}}}}})",
     "1:60: the environment variable 'KEY' asks for a secret of the vault, which this build does "
     "not have; use ${NAME}"},
    {"a variable in both envs",
     R"({"mcpServers":{"a":{"command":"x","env":{"A":"1"},"toolgate":{"env":{"A":"2"}}}}})",
     R"(1:74: the environment variable 'A' is in 'env' and in 'env' of "toolgate"; keep one)"},
    {"headers of a local server", R"({"mcpServers":{"a":{"command":"x","headers":{}}}})",
     "1:35: 'headers' is only for remote servers, those with a 'url'"},
    {"args of a remote server", R"({"mcpServers":{"a":{"url":"https://h/","args":[]}}})",
     "1:40: 'args' is only for local servers, those with a 'command'"},
    {"toolgate.env of a remote server",
     R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"env":{}}}}})",
     "1:52: 'env' is only for local servers, those with a 'command'"},
    {"a key of the certificate of a local server",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"certificate_key":"x"}}}})",
     "1:47: 'certificate_key' is only for remote servers, those with a 'url'"},
    {"a key of a certificate that is none",
     R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"certificate_key":"AAAA"}}}})",
     "1:70: 'certificate_key' is the SHA-256 of the server's public key in base64, as `openssl "
     "x509 "
     "-pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` "
     "prints it"},
    {"a key of a certificate without TLS",
     R"({"mcpServers":{"a":{"url":"http://localhost/","toolgate":{"certificate_key":)"
     R"("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}}})",
     "1:77: 'certificate_key' goes with an https address alone"},
    {"a type that nobody knows", R"({"mcpServers":{"a":{"type":"ws","url":"https://h/"}}})",
     R"(1:28: 'type' must be "stdio", "http", "streamable-http" or "sse")"},
    {"type stdio with a url", R"({"mcpServers":{"a":{"type":"stdio","url":"https://h/"}}})",
     R"(1:28: 'type' is "stdio", which needs a 'command')"},
    {"type http with a command", R"({"mcpServers":{"a":{"type":"http","command":"x"}}})",
     R"(1:28: 'type' is "http", which needs a 'url')"},
    {"plain http to another machine", R"({"mcpServers":{"a":{"url":"http://example.com/mcp"}}})",
     "1:27: the URL must be https: with plain http anyone on the way can read and change what is "
     "said (http is for 127.0.0.0/8, [::1] and localhost)"},
    {"plain http to a name that looks local",
     R"({"mcpServers":{"a":{"url":"http://127.0.0.1.example.com/"}}})",
     "1:27: the URL must be https: with plain http anyone on the way can read and change what is "
     "said (http is for 127.0.0.0/8, [::1] and localhost)"},
    {"plain http to a number", R"({"mcpServers":{"a":{"url":"http://2130706433/"}}})",
     "1:27: the URL has a host that looks like an IPv4 address and is none in dotted decimal form"},
    {"a url with a password", R"({"mcpServers":{"a":{"url":"https://user:hidden@h/"}}})",
     R"(1:27: the URL carries a user name or password; put credentials into "headers")"},
    {"a url with a fragment", R"({"mcpServers":{"a":{"url":"https://h/#x"}}})",
     "1:27: the URL has a fragment ('#')"},
    {"a url of another scheme", R"({"mcpServers":{"a":{"url":"file:///etc/passwd"}}})",
     "1:27: the URL must start with http:// or https://"},
    {"a url without a host", R"({"mcpServers":{"a":{"url":"https:///mcp"}}})",
     "1:27: the URL has a host name of the wrong length"},
    {"a url with a bad port", R"({"mcpServers":{"a":{"url":"https://h:99999/"}}})",
     "1:27: the URL has a port that is no number from 1 to 65535"},
    {"a url with a space", R"({"mcpServers":{"a":{"url":"https://h/a b"}}})",
     "1:27: the URL has a space, control or non-ASCII character"},
    {"a url with a backslash", R"({"mcpServers":{"a":{"url":"https://h\\@evil/"}}})",
     R"(1:27: the URL carries a user name or password; put credentials into "headers")"},
    {"a bad IPv6 host", R"({"mcpServers":{"a":{"url":"https://[::1"}}})",
     "1:27: the URL has a '[' without its ']'"},
    {"a header name with a space",
     R"({"mcpServers":{"a":{"url":"https://h/","headers":{"X Y":"hidden"}}}})",
     "1:57: the header 'X Y' has a name that HTTP does not allow"},
    {"a header that splits",
     R"({"mcpServers":{"a":{"url":"https://h/","headers":{"X":"hidden\r\nY: 1"}}}})",
     "1:55: the header 'X' has a value with control characters"},
    {"a header of the gateway's own",
     R"({"mcpServers":{"a":{"url":"https://h/","headers":{"Mcp-Session-Id":"1"}}}})",
     "1:68: the header 'Mcp-Session-Id' is set by the gateway itself; remove it"},
    {"a header twice",
     R"({"mcpServers":{"a":{"url":"https://h/","headers":{"X-A":"1","x-a":"2"}}}})",
     "1:67: the header 'x-a' stands twice"},
    {"a header from the vault",
     R"({"mcpServers":{"a":{"url":"https://h/","headers":{"X-A":"secret:docs"}}}})",
     "1:57: the header 'X-A' asks for a secret of the vault, which this build does not have; use "
     "${NAME}"},
    {"a variable that is not set", R"({"mcpServers":{"a":{"command":"x","args":["${MISSING}"]}}})",
     "1:43: ${MISSING} is not set; set it, or write ${MISSING:-default}"},
    {"a secret variable that is not set",
     "{\"mcpServers\":{\"a\":{\"url\":\"https://h/\",\"headers\":{\"Authorization\":\"Bearer "
     "${MISSING}\"}}}}",
     "1:67: ${MISSING} is not set; set it, or write ${MISSING:-default}"},
    {"a variable without an end", R"({"mcpServers":{"a":{"command":"${HOME"}}})",
     "1:31: '${' without its '}'"},
    {"a variable without a name", R"({"mcpServers":{"a":{"command":"${}"}}})",
     "1:31: '${' must begin ${NAME}, ${NAME:-default} or ${workspace}"},
    {"another program's variable", R"({"mcpServers":{"a":{"command":"${env:HOME}"}}})",
     "1:31: '${env:HOME}' is another program's form; write ${HOME}"},
    {"a NUL in an argument", R"({"mcpServers":{"a":{"command":"x","args":["a\u0000b"]}}})",
     "1:43: this text holds a NUL character, which cannot be passed on"},
    {"a prefix with a slash", R"({"mcpServers":{"a":{"command":"x","toolgate":{"prefix":"a/"}}}})",
     R"(1:56: 'prefix' must be at most 64 letters, digits, '_', '.' and '-', or "" for none)"},
    {"the same prefix twice",
     R"({"mcpServers":{"a":{"command":"x"},"b":{"command":"y","toolgate":{"prefix":"a__"}}}})",
     "1:36: servers 'a' and 'b' have the same prefix; set another 'prefix' in one's \"toolgate\""},
    {"a machine without room for its kernel",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"vm","limits":{"memory_mb":64}}}}})",
     "1:86: 'memory_mb' must be from 192 to 16777216"},
    {"when_missing without what remains",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"tools":["t"]}}}}})",
     "1:62: 'when_missing' needs an 'isolation', the lesser boundary that remains, and 'tools', "
     "those that remain in it"},
    {"when_missing without tools",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"none"}}}}})",
     "1:62: 'when_missing' needs an 'isolation', the lesser boundary that remains, and 'tools', "
     "those that remain in it"},
    {"when_missing with no tools",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"none","tools":[]}}}}})",
     "1:90: 'tools' of 'when_missing' is empty; leave 'when_missing' out, and nothing remains"},
    {"when_missing with all tools",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"none","tools":["*"]}}}}})",
     "1:91: 'tools' of 'when_missing' names tools one by one"},
    {"when_missing with a tool twice",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"none","tools":["t","t"]}}}}})",
     "1:95: this tool is in 'tools' of 'when_missing' twice"},
    {"when_missing that is no less",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"process","tools":["t"]}}}}})",
     "1:75: 'isolation' of 'when_missing' is what remains when \"process\" cannot be had: it must "
     "be less than that (or the same, if what may be missing is the cgroup of 'require_tree')"},
    {"when_missing that is more",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"vm","tools":["t"]}}}}})",
     "1:75: 'isolation' of 'when_missing' is what remains when \"process\" cannot be had: it must "
     "be less than that (or the same, if what may be missing is the cgroup of 'require_tree')"},
    {"when_missing with a boundary that nobody knows",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"isolation":"any","tools":["t"]}}}}})",
     "1:75: 'isolation' of 'when_missing' must be \"gvisor\", \"process\" or \"none\""},
    {"an unknown key of when_missing",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"when_missing":{"tool":["t"]}}}}})",
     "1:63: unknown key 'tool' in mcpServers.a.toolgate.when_missing; did you mean 'tools'?"},
    {"when_missing of a server without a sandbox",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"none","when_missing":{"isolation":"none","tools":["t"]}}}}})",
     "1:66: 'when_missing' is only for local servers in a sandbox, those whose 'isolation' is not "
     "\"none\""},
    {"when_missing of a remote server",
     R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"when_missing":{"isolation":"none","tools":["t"]}}}}})",
     "1:52: 'when_missing' is only for local servers in a sandbox, those whose 'isolation' is not "
     "\"none\""},
    {"a tree that is required without a sandbox",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"none","limits":{"require_tree":true}}}}})",
     "1:76: 'require_tree' is only for local servers in a sandbox, those whose 'isolation' is not "
     "\"none\""},
    {"limits of a sandbox that is not there",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"none","limits":{"memory_mb":64}}}}})",
     "1:76: 'memory_mb' is only for local servers in a sandbox, those whose 'isolation' is not "
     "\"none\""},
    {"protected names of a server without a sandbox",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"none","protect":[".env"]}}}})",
     "1:66: 'protect' is only for local servers in a sandbox, those whose 'isolation' is not "
     "\"none\""},
    {"a protected name that leaves the scope",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"protect":["../x"]}}}})",
     "1:57: a protected name must be a relative path without \".\" and \"..\", such as \".env\" or "
     "\"config/production.json\"; \"!NAME\" takes one off the list"},
    {"a protected name that is not there to be taken off",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"protect":["!.env"]}}}})",
     "1:57: \"!.env\" takes a name off that is not on the list of protected names: `toolgate "
     "doctor --protected` prints it"},
    {"isolation that nobody knows",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"isolation":"docker"}}}})",
     R"(1:59: 'isolation' must be "process", "gvisor", "vm" or "none")"},
    {"isolation of a remote server",
     R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"isolation":"none"}}}})",
     "1:52: 'isolation' is only for local servers, those with a 'command'"},
    {"files without a path",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"files":[{"mode":"rw"}]}}}})",
     "1:56: an element of 'files' needs a 'path'"},
    {"files with a bad mode",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"files":[{"path":"/a","mode":"w"}]}}}})",
     R"(1:76: 'mode' must be "ro", "rw" or "rw-no-delete")"},
    {"files with an empty path",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"files":[{"path":""}]}}}})",
     "1:64: 'path' is empty"},
    {"files with a path twice",
     "{\"mcpServers\":{\"a\":{\"command\":\"x\",\"toolgate\":{\"files\":[{\"path\":\"/a/"
     "b\"},{\"path\":\"/a/./b/\"}]}}}}",
     "1:80: this path is in 'files' twice; keep one"},
    {"an unknown key of files",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"files":[{"path":"/a"},{"pth":"/b"}]}}}})",
     "1:71: unknown key 'pth' in mcpServers.a.toolgate.files[1]; did you mean 'path'?"},
    {"egress", R"({"mcpServers":{"a":{"command":"x","toolgate":{"egress":[{"host":"h"}]}}}})",
     "1:47: 'egress' is not enforced by this build yet; remove it (it needs the egress proxy, "
     "which this build does not have)"},
    {"a misspelt key of egress",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"egress":[{"hosts":"h"}]}}}})",
     "1:47: 'egress' is not enforced by this build yet; remove it (it needs the egress proxy, "
     "which this build does not have)\n1:58: unknown key 'hosts' in "
     "mcpServers.a.toolgate.egress[0]; did you mean 'host'?"},
    {"credential", R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"credential":"docs"}}}})",
     "1:52: 'credential' is not enforced by this build yet; remove it (it needs the vault, which "
     "this build does not have; put ${NAME} in 'env' or 'headers' instead)"},
    {"labels", R"({"mcpServers":{"a":{"command":"x","toolgate":{"labels":{"source":"web"}}}}})",
     "1:47: 'labels' is not enforced by this build yet; remove it (this build does not follow "
     "where data goes)"},
    {"a server's inspect",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"inspect":{"suppress":[]}}}}})",
     "1:47: 'inspect' is not enforced by this build yet; remove it (the inspectors of this build "
     "cannot be adjusted)"},
    {"a limit that nothing could live with",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"limits":{"open_files":4}}}}})",
     "1:70: 'open_files' must be from 16 to 1048576"},
    {"call_ms of nothing",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"limits":{"call_ms":0}}}}})",
     "1:67: 'call_ms' must be from 1 to 86400000"},
    {"start_ms with a fraction",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"limits":{"start_ms":1.5}}}}})",
     "1:68: 'start_ms' must be a whole number"},
    {"result_bytes too many",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"limits":{"result_bytes":99999999999}}}}})",
     "1:72: 'result_bytes' must be from 1024 to 1073741824"},
    {"a negative timeout", R"({"mcpServers":{"a":{"command":"x","timeout":-1}}})",
     "1:45: 'timeout' must be from 1 to 86400000"},
    {"disabled as text", R"({"mcpServers":{"a":{"command":"x","disabled":"yes"}}})",
     "1:46: 'disabled' must be true or false"},
    {"a decision to ask",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"decision":"ask"}}}}}})",
     R"(1:72: 'decision' "ask" is not enforced by this build yet; write "deny" or "allow")"},
    {"a decision that nobody knows",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"decision":"maybe"}}}}}})",
     R"(1:72: 'decision' must be "allow", "deny" or "ask")"},
    {"arguments of a tool",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"arguments":{}}}}}}})",
     "1:61: 'arguments' is not enforced by this build yet; remove it (this build holds arguments "
     "against file scopes alone)"},
    {"a scope without a slash",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"scopes":{"p":"path"}}}}}}})",
     "1:71: a JSON Pointer starts with '/', as in \"/path\" or \"/edits/*/path\""},
    {"a scope with a bad escape",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"scopes":{"/p~":"path"}}}}}}})",
     "1:71: in a JSON Pointer '~' is written \"~0\", and '/' in a name \"~1\""},
    {"a scope of an unknown kind",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"scopes":{"/p":"file"}}}}}}})",
     R"(1:76: a scope of an argument must be "path", or "text" for what is no path)"},
    {"a scope for URLs",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"scopes":{"/p":"url"}}}}}}})",
     "1:76: a scope \"url\" is not enforced by this build yet; remove it (it needs the egress "
     "proxy, which this build does not have)"},
    {"scopes for hosts and recipients",
     "{\"mcpServers\":{\"a\":{\"command\":\"x\",\"toolgate\":{\"tools\":{\"t\":{\"scopes\":{\"/"
     "p\":\"host\",\"/q\":\"recipient\"}}}}}}}",
     "1:76: a scope \"host\" is not enforced by this build yet; remove it (it needs the egress "
     "proxy, which this build does not have)\n1:88: a scope \"recipient\" is not enforced by this "
     "build yet; remove it (it needs the egress proxy, which this build does not have)"},
    {"the rate of a tool",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"t":{"rate":"1/s"}}}}}})",
     "1:61: 'rate' is not enforced by this build yet; remove it (this build does not count calls)"},
    {"a tool without a name",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"tools":{"":{}}}}}})",
     "1:59: a tool's name in 'tools' is empty"},
    {"a version to come", R"({"toolgate":{"version":2}})",
     "1:24: 'version' must be 1; this build knows no other"},
    {"a budget of questions", R"({"toolgate":{"approvals":{"ask_budget_per_hour":3}}})",
     "1:27: 'ask_budget_per_hour' is not enforced by this build yet; remove it (this build cannot "
     "ask a person about a call)"},
    {"an unknown key of approvals", R"({"toolgate":{"approvals":{"duel":["new"]}}})",
     "1:27: unknown key 'duel' in toolgate.approvals; did you mean 'dual'?"},
    {"a class that nothing has", R"({"toolgate":{"approvals":{"dual":["new","widend"]}}})",
     "1:41: no class of changes is called 'widend'; did you mean 'widened'?"},
    {"classes of a key that are no list",
     R"({"toolgate":{"approvals":{"key_classes":{"bob":"new"}}}})",
     "1:48: the classes of the key 'bob' must be an array of strings; an empty one lets it approve "
     "nothing"},
    {"flow", R"({"toolgate":{"flow":{"edges":[]}}})",
     "1:14: 'flow' is not enforced by this build yet; remove it (this build does not follow where "
     "data goes)"},
    {"auto", R"({"toolgate":{"auto":{"allow_below":1}}})",
     "1:14: 'auto' is not enforced by this build yet; remove it (this build does not score calls)"},
    {"a classifier", R"({"toolgate":{"inspect":{"classifier":{"url":"https://h/"}}}})",
     "1:14: 'inspect' is not enforced by this build yet; remove it (the inspectors of this build "
     "cannot be adjusted)"},
    {"tests", R"({"toolgate":{"tests":[]}})",
     "1:14: 'tests' is not enforced by this build yet; remove it (this build has no 'policy "
     "test')"},
    {"an agent of a server that is not there",
     "{\"mcpServers\":{\"files\":{\"command\":\"x\"}},\"toolgate\":{\"agents\":{\"ci\":{"
     "\"servers\":[\"file\"]}}}}",
     "1:80: no server is called 'file'; did you mean 'files'?"},
    {"an agent of nothing", R"({"toolgate":{"agents":{"ci":{"tools":[]}}}})",
     "1:38: 'tools' is empty; leave it out to allow all"},
    {"an agent with a profile", R"({"toolgate":{"agents":{"ci":{"profile":"strict"}}}})",
     "1:30: 'profile' is not enforced by this build yet; remove it (this build has no profiles; "
     "use 'servers' and 'tools')"},
    {"an agent with a bad name", R"({"toolgate":{"agents":{"c i":{}}}})",
     "1:24: agent name may hold only letters, digits, '_', '-' and '.'"},
    {"a durability that nobody knows", R"({"toolgate":{"audit":{"durability":"disk"}}})",
     R"(1:36: 'durability' must be "process" or "fsync")"},
    {"redacted arguments", R"({"toolgate":{"audit":{"arguments":"redacted"}}})",
     "1:35: 'arguments' \"redacted\" is not enforced by this build yet; write \"digest\", which "
     "stores no text, or \"full\""},
    {"results stored in a way that nobody knows", R"({"toolgate":{"audit":{"results":"none"}}})",
     R"(1:33: 'results' must be "full", "digest" or "redacted")"},
    {"checkpoints and retention", R"({"toolgate":{"audit":{"checkpoint":{},"retention":{}}}})",
     "1:23: 'checkpoint' is not enforced by this build yet; remove it (this build does not sign "
     "checkpoints)\n1:39: 'retention' is not enforced by this build yet; remove it (this build "
     "keeps every record)"},
    {"listening on all addresses", R"({"toolgate":{"listen":"0.0.0.0:80"}})",
     "1:23: 'listen' can be reached from other machines, so tokens would travel in the clear; set "
     "'tls' {certificate, key}, or listen on 127.0.0.1"},
    {"listening on a name", R"({"toolgate":{"listen":"example.com:80"}})",
     "1:23: 'listen' must be ADDRESS:PORT, for example 127.0.0.1:8808 or [::1]:8808"},
    {"listening without a port", R"({"toolgate":{"listen":"127.0.0.1"}})",
     "1:23: 'listen' must be ADDRESS:PORT, for example 127.0.0.1:8808 or [::1]:8808"},
    {"listening on a port that is none", R"({"toolgate":{"listen":"127.0.0.1:70000"}})",
     "1:23: 'listen' must be ADDRESS:PORT, for example 127.0.0.1:8808 or [::1]:8808"},
    {"a certificate without its key", R"({"toolgate":{"tls":{"certificate":"c.pem"}}})",
     "1:20: 'tls' needs both a 'certificate' and a 'key'"},
    {"a signature of nobody that is known",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"require_signature":"acme"}}}})",
     "1:67: no publisher is called 'acme'; name its key in \"publishers\" of the \"toolgate\" at "
     "the top"},
    {"a misspelt publisher, whose key is none either",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"require_signature":"acne"}}},)"
     R"("toolgate":{"publishers":{"acme":"RWQ"}}})",
     "1:67: no publisher is called 'acne'; did you mean 'acme'?\n1:110: a publisher's key is the "
     "text of a minisign .pub file, the 56 characters of base64 in it, or such a file's path: "
     "cannot open /etc/RWQ: No such file or directory"},
    {"a publisher without a name", R"({"toolgate":{"publishers":{"":"RWQ"}}})",
     "1:28: publisher name must have 1 to 64 characters\n1:31: a publisher's key is the text of a "
     "minisign .pub file, the 56 characters of base64 in it, or such a file's path: cannot open "
     "/etc/RWQ: No such file or directory"},
    {"a remote server that somebody must have signed",
     R"({"mcpServers":{"a":{"url":"https://h/","toolgate":{"require_signature":"acme"}}}})",
     "1:52: 'require_signature' is for local servers, whose package is frozen and signed; a remote "
     "one is known by its 'certificate_key'"},
    {"a signature that is only wished for",
     R"({"mcpServers":{"a":{"command":"x","toolgate":{"require_signature":true}}}})",
     "1:67: 'require_signature' must be a string"},
    {"a message of no size", R"({"toolgate":{"message_bytes":1}})",
     "1:30: 'message_bytes' must be from 1024 to 1073741824"},
    {"a misspelt key at the top", R"({"toolgate":{"agent":{}}})",
     "1:14: unknown key 'agent' in toolgate; did you mean 'agents'?"},
    {"several mistakes",
     "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"\" },\n    \"b\": { \"url\": \"ftp://h\" "
     "}\n  },\n  \"toolgate\": { \"listen\": \"x\" }\n}",
     "3:23: 'command' is empty\n4:19: the URL must start with http:// or https://\n6:27: 'listen' "
     "must be ADDRESS:PORT, for example 127.0.0.1:8808 or [::1]:8808"},
};

}  // namespace

TEST_CASE("a configuration that does not say what it must say is refused with the place") {
  for (const Bad& bad : table) {
    CAPTURE(std::string(bad.name));
    const Result<Configuration> parsed =
        parse_configuration(bad.text, "/etc/toolgate.json", environment);
    REQUIRE(!parsed);
    CHECK(parsed.refusal().reason == Reason::bad_configuration);
    std::string expected = std::string("/etc/toolgate.json:") + bad.refusal;
    for (std::size_t at = expected.find('\n'); at != std::string::npos;
         at = expected.find('\n', at + 1)) {
      expected.insert(at + 1, "/etc/toolgate.json:");
    }
    CHECK(parsed.refusal().detail == expected);
    CHECK(parsed.refusal().detail.find("hidden") == std::string::npos);
  }
}
