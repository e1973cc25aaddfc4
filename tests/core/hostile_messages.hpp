#pragma once
// Messages that no honest peer sends, and what the broker answers to each: the JSON-RPC code, and
// the id ("null" where none may be echoed). One table for the parser's test and for the end-to-end
// tests, which get it from tests/programs/hostile_messages.cpp and send it over every transport.

#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

// Newlines end a line of the stdio transport, so what holds one cannot travel on it as one message.
enum class Travel { one_line, several_lines };

struct HostileMessage {
  std::string name;  // a sentence
  std::string bytes;
  int code;
  std::string id_raw = "null";
  Travel travel = Travel::one_line;
};

// A literal that may hold NULs.
inline std::string operator""_bytes(const char* text, std::size_t size) {
  return std::string(text, size);
}

inline std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

// Bytes that are no JSON text, or JSON that two readers may read differently.
inline const std::vector<HostileMessage> hostile_texts = {
    {"A word.", "hello", -32700},
    {"An object without an end.", R"({"jsonrpc":"2.0","id":1,"method":"ping")", -32700},
    {"A string without an end.", R"({"jsonrpc":"2.0","id":1,"method":"ping)", -32700},
    {"Two messages in one.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"})", -32700},
    {"A message and a stray brace.", R"({"jsonrpc":"2.0","id":1,"method":"ping"}})", -32700},
    {"A byte order mark before the message.",
     "\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700},
    {"A NUL behind the message.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0"_bytes,
     -32700},
    {"A NUL in a string.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\0ng\"}"_bytes, -32700},
    {"UTF-16.", "{\0\"\0j\0\"\0"_bytes, -32700},
    {"An escape character in the method.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\x1B[2J\"}",
     -32700},
    {"A newline in a string.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\nng\"}", -32700,
     "null", Travel::several_lines},
    {"A carriage return in a string.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\rng\"}",
     -32700},
    {"An overlong slash.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\xC0\xAFlist\"}",
     -32700},
    {"An encoded surrogate.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xED\xA0\x80\"}", -32700},
    {"Latin-1.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"caf\xE9\"}", -32700},
    {"A character cut in two.", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xF0\x9F\x98\"}",
     -32700},
    {"A lone surrogate in the method.", R"({"jsonrpc":"2.0","id":1,"method":"\ud800"})", -32700},
    {"A lone surrogate in a member name.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"\udc00":1}})", -32700},
    {"An unknown escape.", R"({"jsonrpc":"2.0","id":1,"method":"\x70ing"})", -32700},
    {"Two methods.", R"({"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"})",
     -32700},
    {"Two methods, one escaped.",
     R"({"jsonrpc":"2.0","id":1,"method":"tools/list","\u006dethod":"tools/call"})", -32700},
    {"Two ids.", R"({"jsonrpc":"2.0","id":1,"id":2,"method":"ping"})", -32700},
    {"Two tool names.",
     R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}})", -32700},
    {"Two equal arguments deep inside.",
     R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[{"p":1,"\u0070":2}]}}})",
     -32700},
    {"A comment.", R"({"jsonrpc":"2.0","id":1,/* ping */"method":"ping"})", -32700},
    {"A trailing comma.", R"({"jsonrpc":"2.0","id":1,"method":"ping",})", -32700},
    {"Names without quotes.", R"({jsonrpc:"2.0",id:1,method:"ping"})", -32700},
    {"Apostrophes.", R"({'jsonrpc':'2.0','id':1,'method':'ping'})", -32700},
    {"NaN as the id.", R"({"jsonrpc":"2.0","id":NaN,"method":"ping"})", -32700},
    {"An id with a leading zero.", R"({"jsonrpc":"2.0","id":01,"method":"ping"})", -32700},
    {"A hexadecimal id.", R"({"jsonrpc":"2.0","id":0x10,"method":"ping"})", -32700},
    {"An id with a plus sign.", R"({"jsonrpc":"2.0","id":+1,"method":"ping"})", -32700},
    {"A no-break space between tokens.",
     "{\"jsonrpc\":\"2.0\",\xC2\xA0\"id\":1,\"method\":\"ping\"}", -32700},
    {"Params 70 arrays deep.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":)" + repeated("[", 70) +
         repeated("]", 70) + "}}",
     -32700},
    {"A hundred thousand open brackets.", repeated("[", 100'000), -32700},
    {"A hundred thousand open objects.", repeated("{\"a\":", 100'000), -32700},
    {"An HTTP request.", "POST / HTTP/1.1\r\nHost: x\r\n\r\n{}", -32700, "null",
     Travel::several_lines},
    {"An LSP header before the message.",
     "Content-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700, "null",
     Travel::several_lines},
    {"An SSE event.", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700},
};

// JSON that is no JSON-RPC message.
inline const std::vector<HostileMessage> hostile_shapes = {
    {"Null.", "null", -32600},
    {"A number.", "42", -32600},
    {"A string.", R"("ping")", -32600},
    {"A boolean.", "true", -32600},
    {"An empty object.", "{}", -32600},
    {"An empty batch.", "[]", -32600},
    {"A batch of a number.", "[1]", -32600},
    {"A batch in a batch.", R"([[{"jsonrpc":"2.0","id":1,"method":"ping"}]])", -32600},
    {"No version.", R"({"id":1,"method":"ping"})", -32600, "1"},
    {"The version of JSON-RPC 1.", R"({"jsonrpc":"1.0","id":1,"method":"ping"})", -32600, "1"},
    {"A version that is a number.", R"({"jsonrpc":2.0,"id":1,"method":"ping"})", -32600, "1"},
    {"A version with a space.", R"({"jsonrpc":"2.0 ","id":"a","method":"ping"})", -32600, R"("a")"},
    {"A version that is null.", R"({"jsonrpc":null,"id":1,"method":"ping"})", -32600, "1"},
    {"The version's name in capitals.", R"({"JSONRPC":"2.0","id":1,"method":"ping"})", -32600, "1"},
    {"A version alone.", R"({"jsonrpc":"2.0"})", -32600},
    {"An id alone.", R"({"jsonrpc":"2.0","id":7})", -32600, "7"},
    {"An empty method.", R"({"jsonrpc":"2.0","id":1,"method":""})", -32600, "1"},
    {"A method that is a number.", R"({"jsonrpc":"2.0","id":1,"method":5})", -32600, "1"},
    {"A method that is null.", R"({"jsonrpc":"2.0","id":1,"method":null})", -32600, "1"},
    {"A method that is an array.", R"({"jsonrpc":"2.0","id":1,"method":["ping"]})", -32600, "1"},
    {"An id that is null.", R"({"jsonrpc":"2.0","id":null,"method":"ping"})", -32600},
    {"An id that is a fraction.", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", -32600},
    {"An id that is a whole fraction.", R"({"jsonrpc":"2.0","id":1.0,"method":"ping"})", -32600},
    {"An id with an exponent.", R"({"jsonrpc":"2.0","id":1e3,"method":"ping"})", -32600},
    {"An id that is a boolean.", R"({"jsonrpc":"2.0","id":true,"method":"ping"})", -32600},
    {"An id that is an array.", R"({"jsonrpc":"2.0","id":[1],"method":"ping"})", -32600},
    {"An id that is an object.", R"({"jsonrpc":"2.0","id":{"a":1},"method":"ping"})", -32600},
    {"A member that JSON-RPC does not know.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping","extra":true})", -32600, "1"},
    {"A member called __proto__.", R"({"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{}})",
     -32600, "1"},
    {"The method in capitals beside the method.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"})", -32600, "1"},
    {"A method whose name is escaped, in a message with a stranger.",
     R"({"jsonrpc":"2.0","id":"\u0061","\u006dethod":"ping","x":0})", -32600, R"("\u0061")"},
    {"A method and a result.", R"({"jsonrpc":"2.0","id":1,"method":"ping","result":{}})", -32600,
     "1"},
    {"A method and an error.",
     R"({"jsonrpc":"2.0","id":1,"method":"ping","error":{"code":1,"message":""}})", -32600, "1"},
    {"A notification whose params are an array.",
     R"({"jsonrpc":"2.0","method":"notifications/initialized","params":[]})", -32600},
    {"A notification with an empty method.", R"({"jsonrpc":"2.0","method":""})", -32600},
    {"A message wrapped in an array.", R"([{"jsonrpc":"1.0","id":1,"method":"ping"}])", -32600},
};

// Requests whose params are of the wrong kind; responses, whose id is never echoed.
inline const std::vector<HostileMessage> hostile_parts = {
    {"Params that are an array.", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[1]})",
     -32602, "1"},
    {"Params that are an empty array.", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})",
     -32602, "1"},
    {"Params that are a string.", R"({"jsonrpc":"2.0","id":"x","method":"ping","params":"{}"})",
     -32602, R"("x")"},
    {"Params that are null.", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":null})", -32602,
     "1"},
    {"Params that are a number, and an id beyond every integer type.",
     R"({"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping","params":1})", -32602,
     "123456789012345678901234567890"},
    {"Params that are a boolean, and an id with escapes.",
     R"({"jsonrpc":"2.0","id":"\u0000\n","method":"ping","params":false})", -32602,
     R"("\u0000\n")"},
    {"A result and an error.",
     R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}})", -32600},
    {"A result with params.", R"({"jsonrpc":"2.0","id":1,"result":{},"params":{}})", -32600},
    {"A result that is null.", R"({"jsonrpc":"2.0","id":1,"result":null})", -32600},
    {"A result that is a string.", R"({"jsonrpc":"2.0","id":1,"result":"ok"})", -32600},
    {"A result that is an array.", R"({"jsonrpc":"2.0","id":1,"result":[]})", -32600},
    {"A result without an id.", R"({"jsonrpc":"2.0","result":{}})", -32600},
    {"A result whose id is null.", R"({"jsonrpc":"2.0","id":null,"result":{}})", -32600},
    {"A result whose id is a fraction.", R"({"jsonrpc":"2.0","id":1.5,"result":{}})", -32600},
    {"An error that is a string.", R"({"jsonrpc":"2.0","id":1,"error":"no"})", -32600},
    {"An error that is null.", R"({"jsonrpc":"2.0","id":1,"error":null})", -32600},
    {"An error without a code.", R"({"jsonrpc":"2.0","id":1,"error":{"message":"no"}})", -32600},
    {"An error without a message.", R"({"jsonrpc":"2.0","id":1,"error":{"code":1}})", -32600},
    {"An error whose code is a string.",
     R"({"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"no"}})", -32600},
    {"An error whose code is a fraction.",
     R"({"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"no"}})", -32600},
    {"An error whose code is beyond 64 bits.",
     R"({"jsonrpc":"2.0","id":1,"error":{"code":99999999999999999999,"message":"no"}})", -32600},
    {"An error whose message is an object.",
     R"({"jsonrpc":"2.0","id":1,"error":{"code":1,"message":{}}})", -32600},
    {"An error whose id is an object.",
     R"({"jsonrpc":"2.0","id":{},"error":{"code":1,"message":"no"}})", -32600},
    {"A response with a stranger.", R"({"jsonrpc":"2.0","id":1,"result":{},"meta":1})", -32600},
};

inline std::vector<HostileMessage> hostile_messages() {
  std::vector<HostileMessage> all = hostile_texts;
  all.insert(all.end(), hostile_shapes.begin(), hostile_shapes.end());
  all.insert(all.end(), hostile_parts.begin(), hostile_parts.end());
  return all;
}

}  // namespace toolgate
